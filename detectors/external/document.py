"""A pack's YAML 1.2 as plain values that know their lines. Bounded: size, depth; no anchors, tags or duplicate keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from detectors.external.errors import PackUnfit

__all__ = ["LARGEST", "Document", "Place", "parse"]

LARGEST: Final = 256 * 1024
"""Bytes of a pack at most."""

_DEEPEST: Final = 8
_TAG: Final = "tag:yaml.org,2002:"

Place = tuple[str | int, ...]
"""Keys and list places from the root of a document to a value."""


@dataclass(frozen=True, slots=True)
class Document:
    """``data``: mappings, lists and scalars. ``lines``: by place, the line that it begins on, from 1."""

    data: Any
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int:
        """The line of a value, or of the nearest one that holds it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def parse(file: str, text: str) -> Document:
    """The document in ``text``. ``file``: its name in errors. Raises :class:`PackUnfit`."""
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        raise PackUnfit(f"{file}: a pack has at most {LARGEST // 1024} KiB")
    lines: dict[Place, int] = {}
    try:
        _bounded(file, text)
        root = YAML(typ="safe", pure=True).compose(text)
        if root is None:
            raise PackUnfit(f"{file}: the file holds no pack; see docs/external-models.md")
        return Document(_value(file, root, (), lines), lines)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise PackUnfit(f"{file}:{line}: this is no YAML 1.2: {error.problem or error.context}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise PackUnfit(f"{file}: this is no YAML 1.2: {str(error).splitlines()[0]}") from None


def _bounded(file: str, text: str) -> None:
    """Refuses what nests too deeply before any of it is built."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > _DEEPEST:
            raise PackUnfit(f"{file}:{event.start_mark.line + 1}: nested more than {_DEEPEST} deep")


def _value(file: str, node: Any, place: Place, lines: dict[Place, int]) -> Any:
    line = node.start_mark.line + 1
    lines[place] = line
    if node.anchor is not None:
        raise PackUnfit(f"{file}:{line}: anchors and aliases have no place in a pack; write the value out")
    if isinstance(node, SequenceNode):
        return [_value(file, item, (*place, at), lines) for at, item in enumerate(node.value)]
    if isinstance(node, MappingNode):
        found: dict[str, Any] = {}
        for key, item in node.value:
            name = key.value if isinstance(key, ScalarNode) else None
            if name is None:
                raise PackUnfit(f"{file}:{key.start_mark.line + 1}: a key is a plain word")
            if name in found:
                raise PackUnfit(f"{file}:{key.start_mark.line + 1}: the key {name!r} stands twice")
            found[name] = _value(file, item, (*place, name), lines)
            lines[(*place, name)] = key.start_mark.line + 1
        return found
    return _scalar(file, node, line)


def _scalar(file: str, node: Any, line: int) -> Any:
    kind = str(node.tag).removeprefix(_TAG)
    match kind:
        case "str":
            return node.value
        case "null":
            return None
        case "bool":
            return node.value.lower() == "true"
        case "int":
            return int(node.value, 0) if node.value.lower().startswith(("0x", "0o")) else int(node.value)
        case "float":
            return float(node.value.replace(".inf", "inf").replace(".nan", "nan").replace(".NaN", "nan"))
    raise PackUnfit(f"{file}:{line}: the tag {node.tag} has no place in a pack; write plain text or a number")
