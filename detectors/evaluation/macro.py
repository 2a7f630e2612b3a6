"""Macro-F1 over many labels with thresholds that the rows they judge had no part in. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np

from detectors.evaluation.measures import Ranking, Vector, best_f1_threshold, f1
from detectors.evaluation.rows import Row
from detectors.evaluation.table import Table

__all__ = ["cross_fitted_macro_f1", "macro_f1"]


def cross_fitted_macro_f1(
    rows: Sequence[Row], scores: Mapping[str, Mapping[str, float]], signals: Sequence[str]
) -> tuple[float, dict[str, float]]:
    """The mean F1 of ``signals`` and each one's own.

    Each half of the conversations is judged at the thresholds that are best on the other half. Rows without a label or score
    of a signal are left out of it; a signal without positives is NaN and out of the mean.
    """
    each: dict[str, float] = {}
    for signal in signals:
        known = [row for row in rows if signal in row.labels and signal in scores.get(row.id, {})]
        labels = np.array([float(row.labels[signal] >= 0.5) for row in known])
        values = np.array([scores[row.id][signal] for row in known])
        each[signal] = _cross_fitted(labels, values, [row.conversation for row in known])
    return _mean(each), each


def macro_f1(table: Table, signals: Sequence[str]) -> tuple[float, dict[str, float]]:
    """The same of a table."""
    each: dict[str, float] = {}
    for signal in signals:
        cut = table.cut(signal)
        each[signal] = _cross_fitted(cut.positive, cut.scores, [table.rows[at].conversation for at in cut.places])
    return _mean(each), each


def _mean(each: Mapping[str, float]) -> float:
    told = [value for value in each.values() if not math.isnan(value)]
    return sum(told) / len(told) if told else math.nan


def _cross_fitted(labels: Vector, values: Vector, conversations: Sequence[str]) -> float:
    half = np.array([hashlib.sha256(name.encode()).digest()[0] % 2 for name in conversations], dtype=np.intp)
    flagged = np.zeros(len(labels), dtype=bool)
    for own in (0, 1):
        other = half != own
        threshold = best_f1_threshold(Ranking(labels[other], values[other]).curve())
        flagged[half == own] = values[half == own] >= (math.inf if math.isnan(threshold) else threshold)
    return f1(labels, flagged)
