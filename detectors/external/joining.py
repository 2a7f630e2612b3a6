"""How another model's answers go together with those that are there. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from detectors.external.pack import Use
from detectors.signals import Scores, Side, position, vocabulary
from detectors.signals import Tier as Answered

__all__ = ["join", "open_to"]

_LEVELS: Final = (
    "risk.suicide_ge5", "risk.suicide_ge4", "risk.suicide_ge3", "risk.suicide_ge2", "risk.suicide",
)  # fmt: skip


def open_to(above: Scores | None, uses: Mapping[str, Use], side: Side) -> bool:
    """Whether an answer could change anything: what is only there to fill need not be asked where nothing is missing."""
    at = position(side)
    own = [(at[name], use) for name, use in uses.items() if name in at]
    if above is None:
        return bool(own)
    return any(
        above.tiers[place] != Answered.OFF and (use is not Use.FILL or above.tiers[place] < Answered.LEXICON)
        for place, use in own
    )


def join(above: Scores, own: Scores, uses: Mapping[str, Use]) -> Scores:
    """``above`` with what ``own`` says, signal by signal as ``uses`` has it.

    What is off stays off. A span goes with the value that it belongs to; a tag (when it was) stays where ``own`` has none.
    The ideation levels fall in the outcome as they must: where one was replaced, a lower one rises to a higher one's value,
    never the other way round. ``model`` names both where both have a value in it.
    """
    values, tiers = list(above.values), bytearray(above.tiers)
    spans, tags = dict(above.spans), dict(above.tags)
    taken = 0
    for at, signal in enumerate(vocabulary(above.side)):
        name = signal.name
        if name not in uses or own.tiers[at] < Answered.LEXICON or not math.isfinite(own.values[at]):
            continue
        there = tiers[at] >= Answered.LEXICON and math.isfinite(values[at])
        if tiers[at] == Answered.OFF or (there and not _takes(uses[name], own.values[at], values[at])):
            continue
        values[at], tiers[at] = own.values[at], own.tiers[at]
        spans.pop(name, None)
        if name in own.spans:
            spans[name] = own.spans[name]
        if name in own.tags:
            tags[name] = own.tags[name]
        taken += 1
    if not taken:
        return above
    if above.side is Side.USER:
        _risen(values, tiers)
    alone = not any(tier >= Answered.LEXICON for tier in above.tiers)
    return replace(
        above,
        model=own.model if alone else f"{above.model}+{own.model}",
        values=tuple(values),
        tiers=bytes(tiers),
        spans=spans,
        tags=tags,
        language=above.language or own.language,
        covered=own.covered and (alone or above.covered),
    )


def _takes(use: Use, own: float, above: float) -> bool:
    return use is Use.REPLACE or (use is Use.HIGHEST and own > above)


def _risen(values: list[float], tiers: bytearray) -> None:
    """P(level >= k) never rises with k."""
    at = position(Side.USER)
    most = 0.0
    for name in _LEVELS:
        if tiers[at[name]] >= Answered.LEXICON and math.isfinite(values[at[name]]):
            most = values[at[name]] = max(values[at[name]], most)
