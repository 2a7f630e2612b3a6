"""How well scores tell labels. Pure functions of arrays.

Labels are 0 and 1, a higher score means rather 1. Where a measure has no meaning, for want of positives or negatives, it is
NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Bins",
    "Curve",
    "Ranking",
    "Vector",
    "area_under_precision_recall",
    "area_under_roc",
    "best_f1_threshold",
    "expected_calibration_error",
    "f1",
    "false_positives_at_recall",
    "flagged_shares",
    "recall_at_false_positives",
    "threshold_at_false_positives",
]

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Distinct ``scores`` from the highest on, with the ``positives`` and ``negatives`` that lie at or above each."""

    scores: Vector
    positives: Vector
    negatives: Vector

    @property
    def told(self) -> bool:
        """Whether there is something of both kinds to tell apart."""
        return bool(len(self.scores)) and bool(self.positives[-1] > 0) and bool(self.negatives[-1] > 0)


class Ranking:
    """Scores in order, sorted once for many curves: a bootstrap only changes how often each row counts."""

    def __init__(self, labels: Vector, scores: Vector) -> None:
        """``labels`` and ``scores``: ``[rows]``."""
        self._order = np.argsort(-scores, kind="stable")
        self._hits = labels[self._order].astype(np.float64)
        ranked = scores[self._order]
        ends = np.append(np.diff(ranked) != 0, True) if len(ranked) else np.zeros(0, dtype=bool)
        self._last = np.flatnonzero(ends)
        self._scores = ranked[self._last]

    def curve(self, weights: Vector | None = None) -> Curve:
        """``weights``: how often each row counts, once by default."""
        mass = np.ones_like(self._hits) if weights is None else weights[self._order]
        positives = np.cumsum(self._hits * mass)[self._last]
        return Curve(self._scores, positives, np.cumsum(mass)[self._last] - positives)


def area_under_roc(curve: Curve) -> float:
    """The probability that a positive has a higher score than a negative, ties counting half (Hanley and McNeil 1982)."""
    if not curve.told:
        return math.nan
    true = np.concatenate(([0.0], curve.positives / curve.positives[-1]))
    false = np.concatenate(([0.0], curve.negatives / curve.negatives[-1]))
    return float(np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2))


def area_under_precision_recall(curve: Curve) -> float:
    """Average precision: the mean of precision over the positives, by descending score."""
    if not curve.told:
        return math.nan
    gained = np.diff(np.concatenate(([0.0], curve.positives)))
    flagged = curve.positives + curve.negatives
    precision = np.divide(curve.positives, flagged, out=np.zeros_like(flagged), where=flagged > 0)
    return float(np.sum(gained * precision) / curve.positives[-1])


def recall_at_false_positives(curve: Curve, rate: float) -> float:
    """The largest recall at which at most ``rate`` of the negatives are flagged."""
    if not curve.told:
        return math.nan
    allowed = np.flatnonzero(curve.negatives / curve.negatives[-1] <= rate)
    return float(curve.positives[allowed[-1]] / curve.positives[-1]) if len(allowed) else 0.0


def false_positives_at_recall(curve: Curve, recall: float) -> float:
    """The least share of negatives that is flagged where at least ``recall`` of the positives are."""
    if not curve.told:
        return math.nan
    reached = np.flatnonzero(curve.positives / curve.positives[-1] >= recall - 1e-12)
    return float(curve.negatives[reached[0]] / curve.negatives[-1])


def threshold_at_false_positives(curve: Curve, rate: float) -> float:
    """The lowest score at which at most ``rate`` of the negatives are flagged (a score is flagged from the threshold on);
    just above the highest where even that flags too many, NaN without negatives."""
    if not len(curve.scores) or not curve.negatives[-1]:
        return math.nan
    allowed = np.flatnonzero(curve.negatives / curve.negatives[-1] <= rate)
    return float(curve.scores[allowed[-1]]) if len(allowed) else float(np.nextafter(curve.scores[0], math.inf))


def flagged_shares(curve: Curve, threshold: float) -> tuple[float, float]:
    """The share of positives and the share of negatives that are flagged, from ``threshold`` on."""
    at = int(np.searchsorted(-curve.scores, -threshold, side="right")) - 1
    hits, misses = (curve.positives[at], curve.negatives[at]) if at >= 0 else (0.0, 0.0)
    positives = float(curve.positives[-1]) if len(curve.positives) else 0.0
    negatives = float(curve.negatives[-1]) if len(curve.negatives) else 0.0
    return float(hits) / positives if positives else math.nan, float(misses) / negatives if negatives else math.nan


def best_f1_threshold(curve: Curve) -> float:
    """The threshold with the highest F1, the highest such one; NaN without positives."""
    if not len(curve.scores) or not curve.positives[-1]:
        return math.nan
    scores = 2 * curve.positives / (curve.positives[-1] + curve.positives + curve.negatives)
    return float(curve.scores[int(np.argmax(scores))])


def f1(labels: Vector, flagged: NDArray[np.bool_]) -> float:
    """The harmonic mean of precision and recall; 0 where nothing is right, NaN without positives."""
    positives = float(np.sum(labels))
    if not positives:
        return math.nan
    return 2 * float(np.sum(labels * flagged)) / (positives + float(np.sum(flagged)))


class Bins:
    """Scores in bins of equal width over [0, 1], for calibration."""

    def __init__(self, labels: Vector, scores: Vector, count: int = 15) -> None:
        self._labels, self._scores, self._count = labels, scores, count
        self._places = np.minimum((np.clip(scores, 0.0, 1.0) * count).astype(np.intp), count - 1)

    def table(self, weights: Vector | None = None) -> list[tuple[float, float, float]]:
        """Of each occupied bin: mean score, share of positives, rows."""
        mass = np.ones_like(self._scores) if weights is None else weights
        rows = np.bincount(self._places, mass, self._count)
        means = np.bincount(self._places, mass * self._scores, self._count)
        hits = np.bincount(self._places, mass * self._labels, self._count)
        return [
            (float(means[at] / rows[at]), float(hits[at] / rows[at]), float(rows[at]))
            for at in range(self._count)
            if rows[at] > 0
        ]


def expected_calibration_error(bins: Bins, weights: Vector | None = None) -> float:
    """The mean distance of score from share of positives, bins counting by their rows (Naeini et al. 2015)."""
    found = bins.table(weights)
    rows = sum(mass for _, _, mass in found)
    return sum(abs(mean - share) * mass for mean, share, mass in found) / rows if rows else math.nan
