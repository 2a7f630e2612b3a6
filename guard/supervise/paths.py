"""Where a running Handrail keeps what, and the lock that says whose it is."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from guard.errors import AlreadyRunning, StartFailed

__all__ = ["FolderLock", "Paths", "private_folder", "write_private"]

_LONGEST: Final = 80  # bytes of a data folder's path that leave room for a socket's name within the kernel's 107


@dataclass(frozen=True, slots=True)
class Paths:
    """The files of one installation. ``home``: the data folder, absolute. ``run``: the folder of its Unix sockets."""

    home: Path
    run: Path

    @classmethod
    def of(cls, home: Path) -> Paths:
        """The paths under ``home``. Touches nothing: every process of an installation computes the same."""
        home = home.expanduser().absolute()
        if len(os.fsencode(home)) <= _LONGEST:
            return cls(home, home / "run")
        name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        return cls(home, Path(tempfile.gettempdir()) / f"handrail-{os.geteuid()}-{name}")

    def prepare(self) -> Paths:
        """Makes the folders, mode 0700, and returns itself. Raises :class:`StartFailed` where one belongs to others."""
        private_folder(self.home)
        private_folder(self.run)
        private_folder(self.logs)
        return self

    @property
    def logs(self) -> Path:
        """Folder of the processes' logs."""
        return self.home / "logs"

    @property
    def metrics(self) -> Path:
        """Folder of the metrics' multi-process files."""
        return self.home / "metrics"

    @property
    def lock(self) -> Path:
        """The supervisor's lock file."""
        return self.home / "lock"

    @property
    def scorer_socket(self) -> Path:
        """Where the scorer listens."""
        return self.run / "scorer.sock"

    @property
    def console_socket(self) -> Path:
        """Where the console listens."""
        return self.run / "console.sock"

    @property
    def demo_socket(self) -> Path:
        """Where the demo chatbot listens."""
        return self.run / "demo.sock"

    @property
    def address(self) -> Path:
        """The gateway's address (``http://host:port``, one line) while `handrail up` runs."""
        return self.home / "address"

    @property
    def first_key(self) -> Path:
        """The first tenant's key, one line, mode 0600."""
        return self.home / "first-key"

    @property
    def first_reviewer(self) -> Path:
        """The first reviewer's name and password, two lines, mode 0600."""
        return self.home / "first-reviewer"


def private_folder(folder: Path) -> None:
    """Makes ``folder`` (parents included) ours alone: mode 0700, owned by this user, no link.

    Raises :class:`StartFailed` where somebody else owns it or it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise StartFailed(
                f"the folder {folder} belongs to somebody else or is a link; remove it or set HANDRAIL_DATA_DIR"
            )
        if stat.S_IMODE(found.st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartFailed(f"the folder {folder} cannot be used: {reason}; set HANDRAIL_DATA_DIR to one you own") from None


def write_private(path: Path, text: str) -> None:
    """Writes ``path``, mode 0600, whole or not at all, and durably."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.unlink(missing_ok=True)
    with open(half, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


class FolderLock:
    """Held while one process uses a folder; gone with that process, however it ends. A context manager.

    The file holds the owner's process id for those who are refused. It is never removed: to remove a lock file is to let
    two processes hold it.
    """

    def __init__(self, path: Path, what: str = "Handrail") -> None:
        self._path = path
        self._what = what
        self._file: int | None = None

    def acquire(self) -> None:
        """Takes the lock or raises :class:`AlreadyRunning`, which names the process that holds it."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise AlreadyRunning(
                f"{self._what} already uses {self._path.parent} (process {owner}); stop that one with: kill {owner}; "
                "or set HANDRAIL_DATA_DIR to another folder"
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        """Lets it go. Does nothing where it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.release()
