"""JSON Lines, one row at a time and none too long: what the commands on files read and say of bad rows. No error quotes what
a row holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import orjson

__all__ = ["LONGEST_LINE", "Bad", "Line", "RowError", "Unread", "dumped", "identity", "numbered", "parsed", "read_lines"]

LONGEST_LINE: Final = 4 * 1024 * 1024
"""Bytes. A longer line is a bad row; what stands behind it is read all the same."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that is no text: why, in words that go into the row's error."""

    reason: str


Line = str | Unread


@dataclass(frozen=True, slots=True)
class Bad:
    """What stands in the place of a row that cannot be used."""

    id: str | None
    line: int
    error: str

    def dumped(self) -> str:
        """``{"id", "line", "error"}`` as JSON."""
        return orjson.dumps({"id": self.id, "line": self.line, "error": self.error}).decode()


class RowError(ValueError):
    """A row that cannot be read. ``id`` is the row's, where it has a good one."""

    def __init__(self, error: str, id: str | None = None) -> None:
        super().__init__(error)
        self.id = id


def read_lines(file: BinaryIO, told: Callable[[int], None] | None = None) -> Iterator[Line]:
    """The lines of a UTF-8 file, none of them held longer than :data:`LONGEST_LINE`. ``told`` hears how many bytes were
    read."""
    while line := file.readline(LONGEST_LINE + 1):
        size = len(line)
        if size > LONGEST_LINE and not line.endswith(b"\n"):
            while rest := file.readline(LONGEST_LINE):
                size += len(rest)
                if rest.endswith(b"\n"):
                    break
            yield Unread(_too_long("bytes"))
        else:
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                yield Unread(f"byte {error.start} of the line is not UTF-8; write the file in UTF-8")
        if told is not None:
            told(size)


def numbered(lines: Iterator[Line]) -> Iterator[tuple[int, Line]]:
    """The lines with their numbers, without blank ones and without a byte order mark at the start."""
    for number, line in enumerate(lines, 1):
        if isinstance(line, str):
            text = line.removeprefix("\ufeff") if number == 1 else line
            if text.strip():
                yield number, text
        else:
            yield number, line


def parsed(line: Line) -> object:
    """The JSON value on a line. Raises :class:`RowError`."""
    if isinstance(line, Unread):
        raise RowError(line.reason)
    if len(line) > LONGEST_LINE:
        raise RowError(_too_long("characters"))
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        at = error.pos
    if "\\u" in line:
        # Half of an emoji is bad JSON to some and a cut message to others: its text is read all the same.
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            pass
    raise RowError(f"not JSON from character {at} on; each line is one object") from None


def identity(row: object, form: str) -> tuple[dict[str, object], str]:
    """A row and its id. ``form``: what a row looks like. Raises :class:`RowError`."""
    if not isinstance(row, dict):
        raise RowError(f"a row is an object: {form}")
    name = row.get("id")
    if not isinstance(name, str) or not _encodable(name):
        raise RowError("id is missing; every row has one" if name is None else "id must be a string of Unicode characters")
    return row, name


def dumped(row: dict[str, object]) -> str:
    """``row`` as JSON, also where a text holds half of an emoji."""
    try:
        return orjson.dumps(row).decode()
    except TypeError:
        return json.dumps(row, separators=(",", ":"))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_long(units: str) -> str:
    return f"the line is longer than {LONGEST_LINE} {units}; give less text in a row"
