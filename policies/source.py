"""A YAML 1.2 file as values that know where they stand.

The text comes from outside and is bounded: size, depth and number of values. Anchors and aliases, tags, several documents
and duplicate keys are refused, so nothing can grow when it is read.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from policies.errors import Fault

__all__ = ["DEEPEST", "LARGEST", "MOST", "Entry", "Source", "Value", "read"]

LARGEST: Final = 512 * 1024
"""Bytes of a policy file at most."""
DEEPEST: Final = 16
"""How deep values nest at most."""
MOST: Final = 40_000
"""How many values a file has at most."""

_NULL: Final = re.compile(r"~|null|Null|NULL|")
_BOOL: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT: Final = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


@dataclass(slots=True)
class Value:
    """One value. ``data``: ``None``, ``bool``, ``int``, ``float``, ``str``, a list of values, or a mapping from keys to
    entries. ``line`` and ``column`` count from 1, ``index`` and ``end`` are offsets into the file."""

    data: Any
    line: int
    column: int
    index: int
    end: int
    style: str = ""

    @property
    def what(self) -> str:
        """What kind of value it is, in words."""
        match self.data:
            case None:
                return "nothing"
            case bool():
                return "true or false"
            case int() | float():
                return "a number"
            case str():
                return "a text"
            case list():
                return "a list"
            case _:
                return "a mapping"

    def plain(self) -> Any:
        """The value without positions."""
        if isinstance(self.data, list):
            return [item.plain() for item in self.data]
        if isinstance(self.data, dict):
            return {name: entry.value.plain() for name, entry in self.data.items()}
        return self.data


@dataclass(slots=True)
class Entry:
    """A key and its value."""

    key: Value
    value: Value


@dataclass(slots=True)
class Source:
    """A file that was read: ``root`` is ``None`` where it could not be."""

    file: str
    text: str
    root: Value | None = None
    faults: list[Fault] = field(default_factory=list)

    def fault(self, at: Value, code: str, message: str, hint: str | None = None) -> None:
        """Notes what is wrong with a value."""
        self.faults.append(Fault(self.file, at.line, at.column, code, message, hint))

    def within(self, value: Value, offset: int) -> tuple[int, int]:
        """Line and column of the code point at ``offset`` of a text value, folded and quoted ones included."""
        text, at = str(value.data), value.index
        if value.style in ("|", ">"):
            at = self.text.find("\n", at) + 1
        elif value.style:
            at += 1
        found = at
        for character in text[: offset + 1]:
            if character.isspace():
                continue
            hit = self.text.find(character, at, value.end)
            if hit < 0:
                break
            found, at = hit, hit + 1
        found += offset >= len(text)  # what is missing is missing after the last character
        start = self.text.rfind("\n", 0, found) + 1
        return self.text.count("\n", 0, found) + 1, found - start + 1

    def line(self, number: int) -> str:
        """The text of a line, counted from 1; empty where there is none."""
        lines = self.text.split("\n")  # no other character ends a line here, as in `within`
        return lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""


class _Refused(Exception):
    def __init__(self, line: int, column: int, code: str, message: str) -> None:
        super().__init__(message)
        self.at = (line, column)
        self.code = code


def _scalar(event: ScalarEvent) -> Any:
    text = event.value
    if event.style:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _refuse(event: Any, code: str, message: str) -> _Refused:
    return _Refused(event.start_mark.line + 1, event.start_mark.column + 1, code, message)


def _bounded(events: Iterator[Any]) -> Iterator[Any]:
    count = depth = documents = 0
    for event in events:
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise _refuse(event, "alias", "anchors and aliases are not part of the policy language; write the value out")
        if isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
            count += 1
            if count > MOST:
                raise _refuse(event, "too-large", f"more than {MOST} values in one file")
            # every tag but `!` stands for a type that YAML itself would construct
            if event.tag not in (None, "!"):
                raise _refuse(event, "tag", f"the tag {event.tag} is not part of the policy language")
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise _refuse(event, "too-deep", f"nested more than {DEEPEST} deep")
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            depth -= 1
        elif isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _refuse(event, "documents", "one file holds one policy; remove what follows `---`")
        yield event


def _node(event: Any, events: Iterator[Any], source: Source) -> Value:
    mark = event.start_mark
    value = Value(None, mark.line + 1, mark.column + 1, mark.index, event.end_mark.index)
    if isinstance(event, ScalarEvent):
        value.data, value.style = _scalar(event), event.style or ""
        return value
    if isinstance(event, SequenceStartEvent):
        items: list[Value] = []
        while not isinstance(event := next(events), SequenceEndEvent):
            items.append(_node(event, events, source))
        value.data, value.end = items, event.end_mark.index
        return value
    entries: dict[str, Entry] = {}
    while not isinstance(event := next(events), MappingEndEvent):
        key = _node(event, events, source)
        item = _node(next(events), events, source)
        name = key.data if isinstance(key.data, str) else str(key.plain())
        if isinstance(key.data, list | dict):
            source.fault(key, "key", "a key is a plain word")
        elif name in entries:
            first = entries[name].key
            source.fault(key, "duplicate-key", f"the key {name!r} stands twice; first on line {first.line}")
        else:
            entries[name] = Entry(key, item)
    value.data, value.end = entries, event.end_mark.index
    return value


def read(file: str, text: str) -> Source:
    """Reads one file. Never raises: what is wrong is in ``faults``."""
    source = Source(file, text)
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        source.faults.append(Fault(file, 1, 1, "too-large", f"a policy file has at most {LARGEST // 1024} KiB"))
        return source
    try:
        yaml = YAML(typ="safe", pure=True)
        events = _bounded(iter(yaml.parse(io.StringIO(text))))
        root: Value | None = None
        for event in events:
            if isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
                root = _node(event, events, source)
        if root is None:
            source.faults.append(Fault(file, 1, 1, "empty", "the file holds no policy"))
        source.root = root
    except _Refused as refused:
        source.faults.append(Fault(file, *refused.at, refused.code, str(refused)))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        problem = str(error.problem or error.context or "this is no YAML")
        source.faults.append(Fault(file, line, column, "yaml", f"this is no YAML 1.2: {problem}"))
    except (YAMLError, ValueError, RecursionError) as error:
        source.faults.append(Fault(file, 1, 1, "yaml", f"this is no YAML 1.2: {str(error).splitlines()[0]}"))
    return source


def entries(value: Value | None) -> Mapping[str, Entry]:
    """The entries of a mapping; none where it is no mapping."""
    return value.data if value is not None and isinstance(value.data, dict) else {}
