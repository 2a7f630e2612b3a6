"""The crash journal: what must not be lost while PostgreSQL is away.

One file a process, locked while the process lives; who finds an unlocked file replays and removes it. A frame is its
length, a checksum and a sealed entry (it may hold text that the database would encrypt); the file is fsynced before an
append returns. A frame that a crash tore off at the end was never acknowledged and is left out; after damage anywhere else
reading goes on with the next frame whose checksum is right.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import mmap
import os
import struct
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import UUID

from guard.errors import JournalFull
from guard.records.errors import KeyUnusable
from guard.records.ids import new_id
from guard.records.keys import Keys

__all__ = ["Journal", "JournalFile"]

_logger = logging.getLogger(__name__)

_MAGIC: Final = b"HRJ1"
_HEAD: Final = struct.Struct(">II")  # length, CRC-32 of the payload
_LARGEST: Final = 64 * 1024 * 1024
_PURPOSE: Final = "journal"
_SUFFIX: Final = ".journal"
_OVERHEAD: Final = 64  # of a frame, at most
_SMALLEST: Final = 16  # the entry's id
_AT_ONCE: Final = 64  # entries read at a time


class JournalFile:
    """One file of frames, held under its lock. Not for use from two threads at once, except through :class:`Journal`."""

    def __init__(self, path: Path, handle: int, keys: Keys) -> None:
        self.path = path
        self.damaged = 0
        self._handle = handle
        self._keys = keys
        self.size = os.fstat(handle).st_size

    @classmethod
    def create(cls, folder: Path, keys: Keys, suffix: str = _SUFFIX) -> JournalFile:
        """A new empty file in ``folder``, locked."""
        path = folder / f"{new_id()}{suffix}"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(handle, _MAGIC)
        os.fsync(handle)
        _sync_folder(folder)
        return cls(path, handle, keys)

    @classmethod
    def adopt(cls, path: Path, keys: Keys) -> JournalFile | None:
        """The file of a process that is gone; ``None`` while its process lives or when another one was faster."""
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return None
        if os.fstat(handle).st_nlink == 0:  # removed between the two calls
            os.close(handle)
            return None
        return cls(path, handle, keys)

    @property
    def empty(self) -> bool:
        """Whether no frame is in it."""
        return self.size <= len(_MAGIC)

    def append(self, entries: Sequence[tuple[UUID, bytes]]) -> None:
        """Writes and fsyncs entries. Raises ``OSError``, and then the file is as it was before."""
        frames = bytearray()
        for entry_id, plain in entries:
            payload = entry_id.bytes + self._keys.seal(_PURPOSE, plain, entry_id.bytes)
            frames += _HEAD.pack(len(payload), zlib.crc32(payload)) + payload
        try:
            view = memoryview(frames)
            written = 0
            while written < len(view):
                written += os.pwrite(self._handle, view[written:], self.size + written)
            os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, self.size)
            raise
        self.size += len(frames)

    def read(self, start: int = 0) -> Iterator[tuple[int, UUID, bytes]]:
        """From offset ``start`` (0: the beginning), in order: where the next frame begins, the entry's id and its bytes.

        What is damaged in the middle is skipped and counted in ``damaged``.
        """
        at = max(start, len(_MAGIC))
        while at + _HEAD.size <= self.size:
            length, checksum = _HEAD.unpack(os.pread(self._handle, _HEAD.size, at))
            end = at + _HEAD.size + length
            whole = _SMALLEST <= length <= _LARGEST and end <= self.size
            payload = os.pread(self._handle, length, at + _HEAD.size) if whole else b""
            if not whole or zlib.crc32(payload) != checksum:
                found = self._next(at + 1)
                if found is None:
                    return  # torn off by a crash: never acknowledged
                self.damaged += 1
                at = found
                continue
            at = end
            entry_id = UUID(bytes=payload[:_SMALLEST])
            try:
                plain = self._keys.open(_PURPOSE, payload[_SMALLEST:], entry_id.bytes)
            except KeyUnusable:
                self.damaged += 1
                continue
            yield end, entry_id, plain

    def _next(self, start: int) -> int | None:
        """Where the next whole frame begins, from offset ``start`` on: a damaged length does not say it."""
        with mmap.mmap(self._handle, self.size, prot=mmap.PROT_READ) as held, memoryview(held) as content:
            for at in range(start, self.size - _HEAD.size):
                length, checksum = _HEAD.unpack_from(content, at)
                begin = at + _HEAD.size
                fits = _SMALLEST <= length <= min(_LARGEST, self.size - begin)
                if fits and zlib.crc32(content[begin : begin + length]) == checksum:
                    return at
        return None

    def clear(self) -> None:
        """Forgets all frames: they are in the database now."""
        os.ftruncate(self._handle, len(_MAGIC))
        os.fsync(self._handle)
        self.size = len(_MAGIC)

    def readable(self, start: int) -> bool:
        """Whether an entry can be read from offset ``start`` on."""
        return next(self.read(start), None) is not None

    def close(self, *, remove: bool) -> None:
        """Gives the file up. A damaged one is kept beside the others under another name, for somebody to look at."""
        if self._handle < 0:
            return
        if remove and self.damaged:
            _logger.error("a crash journal is damaged; it is kept as *.damaged, and what could be read of it is stored")
            self.path.rename(self.path.with_suffix(".damaged"))
        elif remove:
            self.path.unlink(missing_ok=True)
        handle, self._handle = self._handle, -1
        os.close(handle)


class Journal:
    """This process' journal in ``folder``, at most ``max_bytes`` long. ``watch`` hears of each new size."""

    def __init__(
        self, folder: Path, keys: Keys, *, max_bytes: int, watch: Callable[[int], None] = lambda size: None
    ) -> None:
        self.folder = folder
        self._keys = keys
        self._max_bytes = max_bytes
        self._watch = watch
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = JournalFile.create(folder, keys)
        self._pending: list[tuple[UUID, bytes, asyncio.Future[None]]] = []
        self._pending_bytes = 0
        self._leader: asyncio.Task[None] | None = None

    @property
    def size(self) -> int:
        """Bytes of frames that wait to be replayed."""
        return self._file.size - len(_MAGIC)

    async def append(self, plain: bytes) -> None:
        """Returns when ``plain`` is on disk. Appends of one moment share one fsync. Raises
        :class:`~guard.errors.JournalFull` at the bound and where the disk refuses."""
        size = len(plain) + _OVERHEAD
        if self.size + self._pending_bytes + size > self._max_bytes:
            raise JournalFull(
                f"the crash journal has reached its bound of {self._max_bytes} bytes; bring PostgreSQL back, "
                "or raise HANDRAIL_JOURNAL_MAX_BYTES"
            )
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((new_id(), plain, future))
        self._pending_bytes += size
        if self._leader is None or self._leader.done():
            self._leader = asyncio.create_task(self._lead())
        await asyncio.shield(future)

    async def _lead(self) -> None:
        while self._pending:
            batch, self._pending, self._pending_bytes = self._pending, [], 0
            try:
                await asyncio.to_thread(self._write, [(entry_id, plain) for entry_id, plain, _ in batch])
            except OSError as error:
                refusal = JournalFull(f"the crash journal cannot be written: {error.strerror}")
                for _, _, future in batch:
                    future.set_exception(refusal)
                    future.exception()  # also where nobody waits any more
            else:
                for _, _, future in batch:
                    future.set_result(None)
            self._watch(self.size)

    def _write(self, entries: Sequence[tuple[UUID, bytes]]) -> None:
        with self._lock:
            self._file.append(entries)

    async def replay(self, write: Callable[[UUID, bytes], Awaitable[None]]) -> int:
        """Gives every entry to ``write``, in order, then forgets them. Returns how many.

        Whatever ``write`` raises ends the replay, and nothing is forgotten: ``write`` must know an entry's id again.
        """
        replayed = at = 0
        while True:
            frames = await asyncio.to_thread(self._read, at)
            for end, entry_id, plain in frames:
                await write(entry_id, plain)
                replayed, at = replayed + 1, end
            if not frames and await asyncio.to_thread(self._clear, at):
                self._watch(self.size)
                return replayed

    def _read(self, start: int) -> list[tuple[int, UUID, bytes]]:
        with self._lock:
            return _frames(self._file, start)

    def _clear(self, read_up_to: int) -> bool:
        with self._lock:
            left = read_up_to < self._file.size and not self._file.empty
            if left and self._file.readable(read_up_to):
                return False  # something was appended meanwhile
            self._file.damaged += left  # no crash tore off what this process wrote
            if self._file.damaged:
                damaged, self._file = self._file, JournalFile.create(self.folder, self._keys)
                damaged.close(remove=True)
            elif not self._file.empty:
                self._file.clear()
            return True

    async def adopt(self, write: Callable[[UUID, bytes], Awaitable[None]]) -> int:
        """Replays and removes the files of processes that are gone. Returns how many entries there were."""
        replayed = 0
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            file = None if path == self._file.path else await asyncio.to_thread(JournalFile.adopt, path, self._keys)
            if file is None:
                continue
            done, at = False, 0
            try:
                while frames := await asyncio.to_thread(_frames, file, at):
                    for end, entry_id, plain in frames:
                        await write(entry_id, plain)
                        replayed, at = replayed + 1, end
                done = True
            finally:
                file.close(remove=done)
        return replayed

    def set_aside(self, entry_id: UUID, plain: bytes) -> None:
        """Keeps an entry that cannot be stored in a file of its own, ``*.refused``, sealed like the others."""
        file = JournalFile.create(self.folder, self._keys, ".refused")
        file.append([(entry_id, plain)])
        file.close(remove=False)

    async def close(self) -> None:
        """Waits for appends under way and gives the file up; an empty one is removed."""
        if self._leader is not None:
            await asyncio.wait([self._leader])
        self._file.close(remove=self._file.empty)


def _frames(file: JournalFile, start: int) -> list[tuple[int, UUID, bytes]]:
    return list(islice(file.read(start), _AT_ONCE))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
