"""How far second opinions and scores agree, signal by signal. Pure.

Both are models. Agreement says where to look, not who is right, and it is of turns in the grey zone: of those on which the
scores were unsure, so it is lower than on all traffic.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np

from detectors.evaluation.intervals import Estimate, estimate, resamples
from detectors.evaluation.measures import Vector
from detectors.signals import Scores, Tier
from guard.opinion.grey import SAID
from guard.opinion.rubric import Labels, Rubric

__all__ = ["ENOUGH", "Agreement", "Pair", "agreement", "kappa", "pairs"]

ENOUGH: Final = 20
"""Fewer turns than this, and no kappa is given."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One signal of one turn: whether the scores and whether the second opinion say that it is there; ``second`` is ``None``
    where that was unsure. ``conversation``: turns of one are drawn together."""

    signal: str
    scored: bool
    second: bool | None
    conversation: UUID

    @property
    def word(self) -> str:
        """``both``, ``scored_only``, ``second_only``, ``neither`` or ``unsure``, as :class:`Agreement` counts."""
        if self.second is None:
            return "unsure"
        if self.scored:
            return "both" if self.second else "scored_only"
        return "second_only" if self.second else "neither"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counts over the turns on which both said something.

    ``kappa``: chance-corrected agreement (Cohen 1960) with a 95% interval over conversations drawn anew; ``None`` below
    :data:`ENOUGH` turns, and where one of both always says the same.
    """

    signal: str
    both: int
    scored_only: int
    second_only: int
    neither: int
    unsure: int
    kappa: Estimate | None

    @property
    def n(self) -> int:
        """Turns on which both said something."""
        return self.both + self.scored_only + self.second_only + self.neither

    @property
    def share(self) -> float:
        """Share of them on which both say the same; NaN without any."""
        return (self.both + self.neither) / self.n if self.n else math.nan


def pairs(rubric: Rubric, labels: Labels, scores: Scores, thresholds: Mapping[str, float], conversation: UUID) -> list[Pair]:
    """What one opinion and the scores of the same words say of each signal that both know."""
    found = []
    for name, read in rubric.signals.items():
        score = scores.get(name)
        threshold = thresholds.get(name) if score.tier is Tier.FULL else SAID
        if score.value is not None and threshold is not None:
            found.append(Pair(name, score.value >= threshold, read(labels), conversation))
    return found


def agreement(found: Iterable[Pair]) -> list[Agreement]:
    """By signal, in the order in which they first come."""
    grouped: dict[str, list[Pair]] = defaultdict(list)
    for pair in found:
        grouped[pair.signal].append(pair)
    return [_of(signal, rows) for signal, rows in grouped.items()]


def kappa(scored: Vector, second: Vector, weights: Vector | None = None) -> float:
    """Cohen's kappa of two columns of 0 and 1, each row counted ``weights`` times; NaN where chance alone would agree."""
    w = np.ones(len(scored)) if weights is None else weights
    total = float(w.sum())
    if total == 0:
        return math.nan
    seen = float((w * (scored == second)).sum()) / total
    a, b = float((w * scored).sum()) / total, float((w * second).sum()) / total
    chance = a * b + (1 - a) * (1 - b)
    return (seen - chance) / (1 - chance) if chance < 1 - 1e-12 else math.nan


def _of(signal: str, rows: Sequence[Pair]) -> Agreement:
    sure = [row for row in rows if row.second is not None]
    counts = {(a, b): sum(row.scored is a and row.second is b for row in sure) for a in (True, False) for b in (True, False)}
    return Agreement(
        signal,
        both=counts[True, True],
        scored_only=counts[True, False],
        second_only=counts[False, True],
        neither=counts[False, False],
        unsure=len(rows) - len(sure),
        kappa=_kappa(sure),
    )


def _kappa(rows: Sequence[Pair]) -> Estimate | None:
    if len(rows) < ENOUGH:
        return None
    scored = np.array([row.scored for row in rows], dtype=np.float64)
    second = np.array([row.second for row in rows], dtype=np.float64)
    if len(set(scored)) < 2 or len(set(second)) < 2:
        return None
    drawn = resamples([str(row.conversation) for row in rows])
    return estimate(lambda weights: [kappa(scored, second, weights)], drawn)[0]
