"""The suicide signals as one consistent answer: monotone levels, behaviour with its recency, the high-risk answer, a number.

Informed by the C-SSRS (Posner 2011): levels 1 to 5 of ideation, and behaviour apart from them.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Final

__all__ = ["DERIVED_FROM", "LADDER", "derive"]

LADDER: Final = ("risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_ge5")
"""P(ideation level >= k) for k = 1 to 5; the first one counts behaviour too."""

DERIVED_FROM: Final = (*LADDER, "risk.suicide_behaviour", "risk.suicide_imminent", "risk.suicide_high")
"""What :func:`derive` reads."""

_HIT: Final = 0.5


def derive(values: MutableMapping[str, float], spans: MutableMapping[str, tuple[int, int]], tags: Mapping[str, str]) -> None:
    """Makes ``values`` consistent in place, raising only; spans follow the value that raised a signal.

    ``values`` holds every name of :data:`DERIVED_FROM`; afterwards also ``risk.suicide_level``.
    """

    def lift(name: str, by: str) -> None:
        if values[by] > values[name]:
            values[name] = values[by]
            if by in spans:
                spans[name] = spans[by]

    behaviour, imminent, high = "risk.suicide_behaviour", "risk.suicide_imminent", "risk.suicide_high"
    recent = tags.get(behaviour, "unknown") != "earlier"
    # Whoever says that they will act within a day has an intent, with or without a word of how.
    for name in LADDER[:4]:
        lift(name, imminent)
    for lower, upper in zip(reversed(LADDER[:-1]), reversed(LADDER[1:]), strict=True):
        lift(lower, upper)
    if recent:
        lift("risk.suicide", behaviour)
        lift(high, behaviour)
    lift(high, "risk.suicide_ge4")
    values["risk.suicide_level"] = _level(values, recent)
    if values["risk.suicide_level"] and "risk.suicide" in spans:
        spans["risk.suicide_level"] = spans["risk.suicide"]


def _level(values: Mapping[str, float], recent: bool) -> float:
    """0 to 6: the highest level that is more likely than not; below level 1 what little there is."""
    if recent and values["risk.suicide_behaviour"] >= _HIT:
        return 6.0
    for level in range(len(LADDER), 0, -1):
        if values[LADDER[level - 1]] >= _HIT:
            return float(level)
    return values["risk.suicide"] if values["risk.suicide"] >= 0.25 else 0.0
