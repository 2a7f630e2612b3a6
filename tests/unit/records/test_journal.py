"""The crash journal on a real disk."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from uuid import UUID

import pytest

from guard.errors import JournalFull
from guard.records.journal import Journal, JournalFile
from guard.records.keys import Keys

_BIG = 1024 * 1024


class Sink:
    """Takes replayed entries, and refuses from a given one on."""

    def __init__(self, refuse_from: int | None = None) -> None:
        self.entries: list[bytes] = []
        self.ids: list[UUID] = []
        self.refuse_from = refuse_from

    async def __call__(self, entry_id: UUID, plain: bytes) -> None:
        if self.refuse_from is not None and len(self.entries) >= self.refuse_from:
            raise ConnectionError
        self.entries.append(plain)
        self.ids.append(entry_id)


def _journal(tmp_path: Path, max_bytes: int = _BIG) -> Journal:
    return Journal(tmp_path / "journal", Keys.load(tmp_path), max_bytes=max_bytes)


async def test_entries_come_back_in_order_once_and_sealed(tmp_path: Path) -> None:
    journal = _journal(tmp_path)
    entries = [f"entry {number}".encode() for number in range(200)]
    await asyncio.gather(*(journal.append(entry) for entry in entries))
    [path] = (tmp_path / "journal").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"entry" not in path.read_bytes()
    sink = Sink()
    assert await journal.replay(sink) == 200
    assert sink.entries == entries
    assert len(set(sink.ids)) == 200
    assert await journal.replay(sink) == 0
    assert journal.size == 0
    await journal.close()
    assert list((tmp_path / "journal").iterdir()) == []


async def test_a_replay_that_breaks_off_begins_again_with_the_same_ids(tmp_path: Path) -> None:
    journal = _journal(tmp_path)
    for number in range(5):
        await journal.append(bytes([number]))
    first = Sink(refuse_from=3)
    with pytest.raises(ConnectionError):
        await journal.replay(first)
    second = Sink()
    assert await journal.replay(second) == 5
    assert second.ids[:3] == first.ids
    await journal.close()


async def test_what_is_appended_during_a_replay_is_replayed(tmp_path: Path) -> None:
    journal = _journal(tmp_path)
    await journal.append(b"first")
    seen: list[bytes] = []

    async def write(_: UUID, plain: bytes) -> None:
        seen.append(plain)
        if len(seen) == 1:
            await journal.append(b"second")

    assert await journal.replay(write) == 2
    assert seen == [b"first", b"second"]
    assert journal.size == 0
    await journal.close()


async def test_the_bound_holds(tmp_path: Path) -> None:
    journal = _journal(tmp_path, max_bytes=10_000)
    with pytest.raises(JournalFull):
        for _ in range(100):
            await journal.append(bytes(1000))
    assert journal.size <= 10_000
    await journal.replay(Sink())
    await journal.append(bytes(1000))
    await journal.close()


async def test_a_disk_that_refuses_is_said_and_leaves_no_half_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = _journal(tmp_path)
    await journal.append(b"before")
    real = os.pwrite

    def half(handle: int, data: bytes, offset: int) -> int:
        real(handle, bytes(data)[:10], offset)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(JournalFull, match="No space left"):
        await journal.append(b"lost")
    monkeypatch.setattr(os, "pwrite", real)
    await journal.append(b"after")
    sink = Sink()
    await journal.replay(sink)
    assert sink.entries == [b"before", b"after"]
    await journal.close()


async def test_a_living_process_keeps_its_file_and_a_dead_one_leaves_it(tmp_path: Path) -> None:
    living, successor = _journal(tmp_path), _journal(tmp_path)
    await living.append(b"mine")
    sink = Sink()
    assert await successor.adopt(sink) == 0
    await living.close()  # with an entry in it, as a process that ends leaves it
    assert await successor.adopt(sink) == 1
    assert sink.entries == [b"mine"]
    assert await successor.adopt(sink) == 0
    await successor.close()
    assert list((tmp_path / "journal").iterdir()) == []


async def test_an_adopted_file_stays_until_all_of_it_is_stored(tmp_path: Path) -> None:
    dead, successor = _journal(tmp_path), _journal(tmp_path)
    await dead.append(b"1")
    await dead.append(b"2")
    await dead.close()
    with pytest.raises(ConnectionError):
        await successor.adopt(Sink(refuse_from=1))
    sink = Sink()
    assert await successor.adopt(sink) == 2
    assert sink.entries == [b"1", b"2"]
    await successor.close()


async def test_a_torn_tail_is_left_out(tmp_path: Path) -> None:
    dead, successor = _journal(tmp_path), _journal(tmp_path)
    await dead.append(b"whole")
    await dead.append(b"torn")
    await dead.close()
    [path] = [path for path in (tmp_path / "journal").iterdir() if path.stat().st_size > 4]
    for cut in range(1, 60):
        content = path.read_bytes()
        torn = path.with_name(f"cut-{cut}.journal")
        torn.write_bytes(content[:-cut])
        file = JournalFile.adopt(torn, Keys.load(tmp_path))
        assert file is not None
        assert [plain for _, _, plain in file.read()] in ([b"whole"], [])
        file.close(remove=True)
        assert not torn.exists()
    await successor.close()


async def test_damage_in_the_middle_is_skipped_counted_and_kept(tmp_path: Path) -> None:
    dead, successor = _journal(tmp_path), _journal(tmp_path)
    for number in range(3):
        await dead.append(bytes([number]) * 100)
    await dead.close()
    [path] = [path for path in (tmp_path / "journal").iterdir() if path.stat().st_size > 4]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    sink = Sink()
    assert await successor.adopt(sink) == 2
    assert sink.entries == [bytes([0]) * 100, bytes([2]) * 100]
    assert path.with_suffix(".damaged").exists()
    await successor.close()


def _damage_length(path: Path, frame: int, byte: int, flip: int) -> None:
    content = bytearray(path.read_bytes())
    at = 4
    for _ in range(frame):
        at += 8 + int.from_bytes(content[at : at + 4])
    content[at + byte] ^= flip
    path.write_bytes(content)


@pytest.mark.parametrize("frame", [0, 1])
@pytest.mark.parametrize(("byte", "flip"), [(0, 0x01), (0, 0xFF), (1, 0x01), (2, 0x40), (3, 0x01), (3, 0xFF)])
async def test_a_damaged_length_costs_its_own_entry_alone(tmp_path: Path, frame: int, byte: int, flip: int) -> None:
    dead, successor = _journal(tmp_path), _journal(tmp_path)
    entries = [bytes([number]) * 100 for number in range(3)]
    for entry in entries:
        await dead.append(entry)
    await dead.close()
    [path] = [path for path in (tmp_path / "journal").iterdir() if path.stat().st_size > 4]
    _damage_length(path, frame, byte, flip)
    sink = Sink()
    assert await successor.adopt(sink) == 2
    del entries[frame]
    assert sink.entries == entries
    assert path.with_suffix(".damaged").exists()
    await successor.close()


@pytest.mark.parametrize("frame", [0, 2])
async def test_damage_in_the_journal_of_this_process_is_kept_as_well(tmp_path: Path, frame: int) -> None:
    journal = _journal(tmp_path)
    entries = [bytes([number]) * 100 for number in range(3)]
    for entry in entries:
        await journal.append(entry)
    [path] = (tmp_path / "journal").iterdir()
    _damage_length(path, frame, 0, 0xFF)
    content, sink = path.read_bytes(), Sink()
    assert await journal.replay(sink) == 2
    assert path.with_suffix(".damaged").read_bytes() == content
    assert journal.size == 0
    await journal.append(b"after")
    assert await journal.replay(sink) == 1
    del entries[frame]
    assert sink.entries == [*entries, b"after"]
    await journal.close()
    assert [path.suffix for path in (tmp_path / "journal").iterdir()] == [".damaged"]


async def test_entries_of_another_master_key_are_not_lost_in_silence(tmp_path: Path) -> None:
    dead = Journal(tmp_path / "journal", Keys.load(tmp_path / "other"), max_bytes=_BIG)
    await dead.append(b"foreign")
    await dead.close()
    successor = _journal(tmp_path)
    sink = Sink()
    assert await successor.adopt(sink) == 0
    assert [path.suffix for path in (tmp_path / "journal").iterdir() if path.stat().st_size > 4] == [".damaged"]
    await successor.close()


async def test_an_entry_can_be_set_aside(tmp_path: Path) -> None:
    journal = _journal(tmp_path)
    journal.set_aside(UUID(int=1), b"refused")
    [path] = (tmp_path / "journal").glob("*.refused")
    file = JournalFile.adopt(path, Keys.load(tmp_path))
    assert file is not None
    assert [(entry_id, plain) for _, entry_id, plain in file.read()] == [(UUID(int=1), b"refused")]
    file.close(remove=True)
    await journal.close()
