"""Which turns are in the grey zone, and which of them are asked about. Pure.

A turn is grey where a signal is near its threshold, or where the model and the words alone fall on different sides. Nearness
is measured in odds: thresholds of rare things are small, and 0.05 is as far from 0.1 as 0.9 is from 0.95.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from detectors.signals import Scores, Side, Tier

__all__ = ["ASKED_OF", "NEAR", "SAID", "SILENT", "Why", "allowance", "draw", "grey"]

ASKED_OF: Final[Mapping[Side, tuple[str, ...]]] = {
    Side.USER: (
        "risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_ge5",
        "risk.suicide_behaviour", "risk.suicide_high", "risk.suicide_imminent", "risk.emergency_now", "risk.self_harm",
    ),
    Side.REPLY: (
        "companion.sycophancy", "companion.anthropomorphism", "companion.isolation", "companion.retention",
        "refusal.any", "refusal.abrupt",
    ),
}  # fmt: skip
"""Signals whose doubt is worth a question. What else a rubric asks is asked along with them."""

NEAR: Final = 0.7
"""Natural logarithm of the factor in odds (about two) within which a value is near its threshold: a proposal."""
SAID: Final = 0.5
"""From here on the words alone say a thing, and a lexicon's own value counts as there."""
SILENT: Final = 0.1
"""Below this the words alone say nothing of it."""

_LEAST: Final = 1e-6
_DAY: Final = timedelta(days=1)


class Why(StrEnum):
    """What made a turn grey."""

    NEAR = "near"
    TIERS = "tiers"


def grey(scores: Scores, thresholds: Mapping[str, float], words: Mapping[str, float] | None = None) -> Why | None:
    """Why a side of a turn is in the grey zone; ``None`` where it is not.

    ``thresholds``: of the model that scored, by signal; what the model answered and has no threshold here is left out.
    ``words``: what the lexicon alone says of the same text, where that is known; a signal that it does not name is 0. What
    is missing or off is in no zone.
    """
    tiers = False
    for name in ASKED_OF.get(scores.side, ()):
        score = scores.get(name)
        if score.value is None:
            continue
        by_model = score.tier is Tier.FULL
        threshold = thresholds.get(name) if by_model else SAID
        if threshold is None:
            continue
        if abs(_log_odds(score.value) - _log_odds(threshold)) <= NEAR:
            return Why.NEAR
        if by_model and words is not None:
            said = words.get(name, 0.0)
            there = score.value >= threshold
            tiers = tiers or (said < SILENT if there else said >= SAID)
    return Why.TIERS if tiers else None


def draw(key: bytes) -> float:
    """The number in [0, 1) that a turn's key draws: the same for every attempt of it, evenly spread over turns."""
    return int.from_bytes(hashlib.sha256(b"handrail/opinion/" + key).digest()[:6], "big") / 2**48


def allowance(daily: int, taken: int, now: datetime) -> int:
    """How many more questions of a tenant may be taken up now.

    ``daily``: how many a day (UTC) at most; they are spread evenly over it, so that the evening is asked about too.
    ``taken``: how many were taken up since midnight.
    """
    passed = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)) / _DAY
    return max(0, min(daily, math.floor(daily * passed) + 1) - taken)


def _log_odds(value: float) -> float:
    held = min(max(value, _LEAST), 1.0 - _LEAST)
    return math.log(held / (1.0 - held))
