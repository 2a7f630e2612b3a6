"""What the payloads of a search for personal data mean: a text with its deadline, and where what stands in it.

As in :mod:`detectors.scorer.wire`, bytes that are not a message raise :class:`~detectors.errors.WireError`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from detectors.errors import WireError
from detectors.pii.entity import Entity
from detectors.scorer.wire import Outcome

__all__ = ["Found", "decode_find", "decode_found", "encode_find", "encode_found", "pack_entities", "unpack_entities"]

_FIND: Final = struct.Struct("<d")
_COUNT: Final = struct.Struct("<IB")
_SPAN: Final = struct.Struct("<IIB")
_MOST_TYPES: Final = 255


@dataclass(frozen=True, slots=True)
class Found:
    """A search's outcome; ``entities`` as :func:`pack_entities` wrote them, empty where there are none to give."""

    outcome: Outcome
    entities: bytes = b""


def encode_find(text: str, seconds: float) -> bytes:
    """A text with the seconds that its asker can still wait."""
    return _FIND.pack(seconds) + text.encode("utf-8", "surrogatepass")


def decode_find(raw: bytes) -> tuple[float, bytes]:
    """Seconds left, and the text's bytes. Raises :class:`WireError`."""
    if len(raw) < _FIND.size:
        raise WireError("a search ends too early")
    (seconds,) = _FIND.unpack_from(raw)
    if not math.isfinite(seconds):
        raise WireError("a search's deadline is not a number of seconds")
    return seconds, raw[_FIND.size :]


def pack_entities(entities: Sequence[Entity]) -> bytes:
    """Entities, each type's name once. Raises :class:`WireError` for more than 255 types."""
    types = list(dict.fromkeys(entity.type for entity in entities))
    if len(types) > _MOST_TYPES:
        raise WireError(f"{len(types)} types of entities; the protocol carries at most {_MOST_TYPES}")
    at = {name: number for number, name in enumerate(types)}
    words = b"".join(bytes((len(name),)) + name.encode("ascii") for name in types)
    spans = b"".join(_SPAN.pack(entity.start, entity.end, at[entity.type]) for entity in entities)
    return _COUNT.pack(len(entities), len(types)) + words + spans


def unpack_entities(raw: bytes) -> tuple[Entity, ...]:
    """What :func:`pack_entities` was given. Raises :class:`WireError`, also for entities out of order or within another."""
    try:
        count, kinds = _COUNT.unpack_from(raw)
        place = _COUNT.size
        types = []
        for _ in range(kinds):
            size = raw[place]
            types.append(raw[place + 1 : place + 1 + size].decode("ascii"))
            place += 1 + size
        if len(raw) != place + count * _SPAN.size:
            raise WireError("found entities have another size than they claim")
        entities = tuple(Entity(start, end, types[kind]) for start, end, kind in _SPAN.iter_unpack(raw[place:]))
    except (struct.error, IndexError, UnicodeDecodeError):
        raise WireError("found entities make no sense") from None
    last = 0
    for entity in entities:
        if not last <= entity.start < entity.end:
            raise WireError("found entities are out of order")
        last = entity.end
    return entities


def encode_found(found: Found) -> bytes:
    """An answer's bytes."""
    return bytes((found.outcome,)) + found.entities


def decode_found(raw: bytes) -> Found:
    """An answer; its entities still packed. Raises :class:`WireError`."""
    if not raw or raw[0] > max(Outcome):
        raise WireError("a search's answer has an outcome that this version does not know")
    outcome = Outcome(raw[0])
    if (outcome is Outcome.SCORED) != (len(raw) > 1):
        raise WireError("a search's answer says one thing and carries another")
    return Found(outcome, raw[1:])
