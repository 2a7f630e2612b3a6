"""Scores as they are stored: one ``real`` a signal (``NULL`` where nobody answered) and two bits a signal for its tier."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import Final

from detectors.signals import BY_ID, Scores, Side, Tier, position, vocabulary

__all__ = ["pack_tiers", "pack_values", "unpack", "unpack_tiers"]

_ANSWERED: Final = int(Tier.LEXICON)


def pack_tiers(tiers: bytes) -> bytes:
    """Two bits a signal, four signals a byte, the first in the lowest bits."""
    padded = tiers + bytes(-len(tiers) % 4)
    groups = zip(padded[0::4], padded[1::4], padded[2::4], padded[3::4], strict=True)
    return bytes(a | b << 2 | c << 4 | d << 6 for a, b, c, d in groups)


def unpack_tiers(packed: bytes, count: int) -> bytes:
    """What :func:`pack_tiers` was given: ``count`` bytes. Raises ``ValueError`` where ``packed`` is too short."""
    if len(packed) != (count + 3) // 4:
        raise ValueError(f"{count} tiers need {(count + 3) // 4} bytes, got {len(packed)}")
    return bytes(byte >> shift & 3 for byte in packed for shift in (0, 2, 4, 6))[:count]


def pack_values(scores: Scores) -> list[float | None]:
    """The values as they go into ``real[]``, each the nearest single-precision float, ``None`` where nobody answered."""
    # Rounded here: PostgreSQL refuses a number that single precision has no room for, however close to zero.
    rounded = array("f", scores.values)
    return [
        value if tier >= _ANSWERED and isfinite(value) else None for value, tier in zip(rounded, scores.tiers, strict=True)
    ]


def unpack(
    side: Side,
    signal_ids: Sequence[int],
    values: Sequence[float | None],
    tiers: bytes,
    *,
    model: str,
    spans: Mapping[str, Sequence[int]] | None = None,
    tags: Mapping[str, str] | None = None,
    language: str | None = None,
    covered: bool = True,
) -> Scores:
    """Stored scores in today's vocabulary. ``signal_ids``: the vocabulary that they were stored with, in its order.

    A signal that the code no longer has is left out, one that it has gained since is missing. Values come back as the
    nearest single-precision float.
    """
    today = vocabulary(side)
    at = position(side)
    row = [nan] * len(today)
    bits = bytearray(len(today))
    for signal_id, value, tier in zip(signal_ids, values, unpack_tiers(tiers, len(signal_ids)), strict=True):
        signal = BY_ID.get(signal_id)
        if signal is None or signal.side is not side:
            continue
        place = at[signal.name]
        bits[place] = tier
        if value is not None:
            row[place] = value
        elif tier >= Tier.LEXICON:
            bits[place] = Tier.MISSING
    return Scores(
        side=side,
        model=model,
        values=tuple(row),
        tiers=bytes(bits),
        spans={name: (span[0], span[1]) for name, span in (spans or {}).items()},
        tags=dict(tags or {}),
        language=language,
        covered=covered,
    )
