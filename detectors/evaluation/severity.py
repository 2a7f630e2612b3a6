"""C-SSRS levels: whether scores rise with graded severity, and who stands high among those with ideation. Pure.

The levels are those of the labels, given by whoever wrote them: an estimate informed by C-SSRS (Posner et al. 2011), no
administration of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.evaluation.intervals import RESAMPLES, Estimate, estimate, of_share, resamples
from detectors.evaluation.measures import (
    Ranking,
    Vector,
    area_under_roc,
    flagged_shares,
    recall_at_false_positives,
    threshold_at_false_positives,
)
from detectors.evaluation.ranks import Ranks
from detectors.evaluation.study import ENOUGH
from detectors.evaluation.table import Table

__all__ = [
    "GRADED",
    "HIGH",
    "NEEDED",
    "SPECIFICITY",
    "Graded",
    "HighLevel",
    "Severity",
    "expected_level",
    "graded_level",
    "severity",
]

HIGH: Final = 4
SPECIFICITY: Final = 0.8
_FALSE: Final = 0.2
_LEVEL: Final = "risk.suicide_level"
_LADDER: Final = ("risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_ge5")
_BEHAVIOUR: Final = "risk.suicide_behaviour"
_RECENT: Final = "risk.suicide_high"
_EXPECTED: Final = "expected level"

NEEDED: Final = (*_LADDER, _BEHAVIOUR, _RECENT, _LEVEL)
"""The scores that these figures read."""

GRADED: Final = ("risk.suicide_ge4", _RECENT)
"""Those that are held against level 4 at a threshold, whether they have a label or not."""


@dataclass(frozen=True, slots=True)
class Graded:
    """How one score goes with the labelled level: Spearman's rho over all rows, and over those with ideation alone."""

    score: str
    rows: int
    every: Estimate
    with_ideation: Estimate


@dataclass(frozen=True, slots=True)
class HighLevel:
    """Level 4 or more among turns with ideation. At the model's ``threshold``, where there is one: ``sensitivity`` and
    ``specificity``; ``at_specificity``: the sensitivity where the specificity is .80, and the threshold there."""

    score: str
    rows: int
    positives: int
    insufficient: bool
    auroc: Estimate
    threshold: float | None
    sensitivity: Estimate | None
    specificity: Estimate | None
    at_specificity: Estimate
    threshold_at_specificity: float


@dataclass(frozen=True, slots=True)
class Severity:
    """``levels``: rows by labelled level, from 0 to 6."""

    levels: tuple[int, ...]
    graded: tuple[Graded, ...]
    high: tuple[HighLevel, ...]


def severity(table: Table, thresholds: Mapping[str, float], resampled: int = RESAMPLES) -> Severity | None:
    """The figures, ``None`` where no row has a graded level."""
    level = graded_level(table)
    if level is None:
        return None
    scores = {_EXPECTED: expected_level(table)}
    scores |= {name: table.score(name) for name in (_LEVEL, *GRADED) if name in table.scores}
    told = level[~np.isnan(level)].astype(np.intp)
    return Severity(
        tuple(int(number) for number in np.bincount(told, minlength=7)),
        tuple(
            _graded(name, level, scores[name], table, resampled) for name in (_LEVEL, _EXPECTED) if name in scores
        ),
        tuple(_high(name, level, own, table, thresholds.get(name), resampled) for name, own in scores.items()),
    )  # fmt: skip


def graded_level(table: Table) -> Vector | None:
    """Each row's labelled level, NaN where it has none; ``None`` where no row has one above 1 or the labels give no grades.

    ``risk.suicide_level`` where it is labelled; else 6 for behaviour that counts as high risk, the highest labelled rung, or
    0 where ``risk.suicide`` and every rung that is labelled are absent.
    """
    given = table.labels.get(_LEVEL)
    rungs = [table.labels.get(name) for name in _LADDER]
    found = np.full(len(table.rows), math.nan)
    if rungs[0] is not None and rungs[1] is not None:
        known = ~np.isnan(rungs[0]) & (~np.isnan(rungs[1]) | (rungs[0] < 0.5))
        found[known] = 0.0
        for rung, own in enumerate(rungs, 1):
            if own is not None:
                found[known & (own >= 0.5)] = rung
        behaviour, recent = table.labels.get(_BEHAVIOUR), table.labels.get(_RECENT)
        if behaviour is not None and recent is not None:
            found[known & (behaviour >= 0.5) & (recent >= 0.5)] = 6.0
    if given is not None:
        found = np.where(np.isnan(given), found, np.round(given))
    return found if np.any(found >= 2) else None


def expected_level(table: Table) -> Vector:
    """The mean level that the probabilities imply: the sum of P(level >= k) over k from 1 to 6, behaviour being the sixth
    and no rung less likely than what stands above it. NaN where ``risk.suicide`` is missing."""
    behaviour = np.nan_to_num(table.score(_BEHAVIOUR))
    total = behaviour.copy()
    above = behaviour
    for name in reversed(_LADDER):
        above = np.maximum(np.nan_to_num(table.score(name)), above)
        total += above
    return np.where(np.isnan(table.score(_LADDER[0])), math.nan, total)


def _graded(name: str, level: Vector, scores: Vector, table: Table, resampled: int) -> Graded:
    found = []
    rows = 0
    for least in (0, 1):
        at = np.flatnonzero(~np.isnan(scores) & (level >= least))
        rows = rows or len(at)
        ranks = Ranks(level[at], scores[at])
        weights = resamples(table.conversations[at], resampled)
        found += estimate(lambda mass, ranks=ranks: [ranks.correlation(mass)], weights)  # type: ignore[misc]
    return Graded(name, rows, *found)


def _high(name: str, level: Vector, scores: Vector, table: Table, threshold: float | None, resampled: int) -> HighLevel:
    at = np.flatnonzero(~np.isnan(scores) & (level >= 1))
    labels, values = (level[at] >= HIGH).astype(np.float64), scores[at]
    if name == _LEVEL:
        threshold = float(HIGH)
    ranking = Ranking(labels, values)

    def figures(weights: Vector | None) -> list[float]:
        curve = ranking.curve(weights)
        found, false = flagged_shares(curve, math.inf if threshold is None else threshold)
        return [area_under_roc(curve), recall_at_false_positives(curve, _FALSE), found, 1 - false]

    area, fixed, found, spared = estimate(figures, resamples(table.conversations[at], resampled))
    positives = int(labels.sum())
    fixed, found, spared = (
        of_share(one, rows) for one, rows in ((fixed, positives), (found, positives), (spared, len(at) - positives))
    )
    return HighLevel(
        name, len(at), positives, min(positives, len(at) - positives) < ENOUGH, area, threshold,
        None if threshold is None else found, None if threshold is None else spared, fixed,
        threshold_at_false_positives(ranking.curve(), _FALSE),
    )  # fmt: skip
