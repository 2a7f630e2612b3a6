"""Macro-F1 over many labels with thresholds that the rows they judge had no part in. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np

from detectors.evaluation.measures import Ranking, best_f1_threshold, f1
from detectors.evaluation.rows import Row

__all__ = ["cross_fitted_macro_f1"]


def cross_fitted_macro_f1(
    rows: Sequence[Row], scores: Mapping[str, Mapping[str, float]], signals: Sequence[str]
) -> tuple[float, dict[str, float]]:
    """The mean F1 of ``signals`` and each one's own.

    Each half of the conversations is judged at the thresholds that are best on the other half. Rows without a label or score
    of a signal are left out of it; a signal without positives is NaN and out of the mean.
    """
    half = np.array([hashlib.sha256(row.conversation.encode()).digest()[0] % 2 for row in rows])
    each: dict[str, float] = {}
    for signal in signals:
        known = [at for at, row in enumerate(rows) if signal in row.labels and signal in scores.get(row.id, {})]
        labels = np.array([float(rows[at].labels[signal] >= 0.5) for at in known])
        values = np.array([scores[rows[at].id][signal] for at in known])
        side = half[known]
        flagged = np.zeros(len(known), dtype=bool)
        for own in (0, 1):
            other = side != own
            threshold = best_f1_threshold(Ranking(labels[other], values[other]).curve())
            flagged[side == own] = values[side == own] >= (math.inf if math.isnan(threshold) else threshold)
        each[signal] = f1(labels, flagged)
    told = [value for value in each.values() if not math.isnan(value)]
    return (sum(told) / len(told) if told else math.nan), each
