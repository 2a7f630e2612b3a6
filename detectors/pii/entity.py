"""What a redaction gives. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

__all__ = ["PLACEHOLDER", "Entity", "EntityFinder", "Redacted", "apart", "replaced", "united"]

PLACEHOLDER: Final = re.compile(r"<[A-Z]{2,}(?:_[A-Z]+){0,4}>")
"""What stands in the place of something that was redacted, such as ``<PERSON>``."""


@dataclass(frozen=True, slots=True)
class Entity:
    """Something personal: a half-open range of code points of the text as received, and its type by Presidio's name."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Redacted:
    """``text``: with a placeholder for each entity. ``entities``: of the text as received, in order, none in another."""

    text: str
    entities: tuple[Entity, ...]


class EntityFinder(Protocol):
    """Finds what is personal in texts, wherever that is done."""

    async def entities(self, texts: Sequence[str], *, deadline: float) -> list[tuple[Entity, ...]]:
        """Of each text its entities, in order and apart from each other. ``deadline``: seconds for all of it. Raises
        :class:`~detectors.errors.ScorerUnavailable`."""
        ...


def united(entities: Iterable[tuple[int, Entity]]) -> list[Entity]:
    """Entities that overlap as one that covers them, of the type with the least rank. ``entities``: with their ranks."""
    found: list[tuple[int, Entity]] = []
    for rank, entity in sorted(entities, key=lambda pair: (pair[1].start, -pair[1].end, pair[0])):
        if found and entity.start < found[-1][1].end:
            before, last = found[-1]
            kind = last.type if before <= rank else entity.type
            found[-1] = (min(before, rank), Entity(last.start, max(last.end, entity.end), kind))
        else:
            found.append((rank, entity))
    return [entity for _, entity in found]


def apart(entities: Iterable[Entity], taken: Sequence[tuple[int, int]]) -> list[Entity]:
    """What of ``entities`` lies outside the half-open ranges ``taken``, which are in order and apart from each other."""
    found: list[Entity] = []
    for entity in entities:
        start = entity.start
        for first, last in taken:
            if last <= start:
                continue
            if first >= entity.end:
                break
            if first > start:
                found.append(Entity(start, first, entity.type))
            start = max(start, last)
        if start < entity.end:
            found.append(Entity(start, entity.end, entity.type))
    return found


def replaced(text: str, entities: Sequence[Entity]) -> str:
    """``text`` with a placeholder for each of ``entities``, which are in order and apart from each other."""
    pieces: list[str] = []
    done = 0
    for entity in entities:
        pieces += [text[done : entity.start], f"<{entity.type}>"]
        done = entity.end
    return "".join([*pieces, text[done:]])
