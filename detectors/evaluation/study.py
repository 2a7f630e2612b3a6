"""What an evaluation finds: every signal, overall and by slice, with intervals; and two models side by side. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.evaluation.intervals import Estimate, estimate, resamples
from detectors.evaluation.measures import (
    Bins,
    Ranking,
    Vector,
    area_under_precision_recall,
    area_under_roc,
    expected_calibration_error,
    false_positives_at_recall,
    flagged_shares,
    recall_at_false_positives,
)
from detectors.evaluation.rows import Row

__all__ = ["ALL", "ENOUGH", "MEASURES", "Comparison", "Finding", "compare", "study"]

ALL: Final = "all"
ENOUGH: Final = 50
"""Positives below which a figure is called insufficient: its interval says little."""

MEASURES: Final = ("auroc", "auprc", "recall_at_1pct", "recall_at_0.1pct", "fpr_at_90pct_recall", "ece")

_Figures = Callable[[Vector | None], Sequence[float]]

Scored = Mapping[str, Mapping[str, float]]
"""Signals' values by row id; a signal that is missing is left out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One signal in one slice. ``missing``: rows with a label that the model gave no score; they are in no figure.

    ``flagged``: at the threshold, the share of negatives that is flagged (false positives) and of positives (recall).
    ``insufficient``: fewer than 50 positives.
    """

    signal: str
    slice: str
    rows: int
    positives: int
    missing: int
    insufficient: bool
    measures: Mapping[str, Estimate]
    threshold: float | None = None
    recall: Estimate | None = None
    false_positives: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same rows: ``differences`` are the first's figure less the second's, with paired intervals."""

    signal: str
    slice: str
    rows: int
    positives: int
    insufficient: bool
    differences: Mapping[str, Estimate]


def study(rows: Sequence[Row], scores: Scored, thresholds: Mapping[str, float] | None = None) -> list[Finding]:
    """The findings for every signal that has a label, overall and in each slice, in the order of first appearance."""
    found: list[Finding] = []
    for signal, name, chosen in _cuts(rows):
        found.append(_finding(signal, name, chosen, scores, (thresholds or {}).get(signal)))
    return found


def compare(rows: Sequence[Row], first: Scored, second: Scored) -> list[Comparison]:
    """Both models on the rows that both scored."""
    found: list[Comparison] = []
    for signal, name, chosen in _cuts(rows):
        both = [row for row in chosen if signal in first.get(row.id, {}) and signal in second.get(row.id, {})]
        if not both:
            continue
        labels = _labels(both, signal)
        weights = resamples([row.conversation for row in both])
        ours, theirs = (_figures(labels, np.array([scores[row.id][signal] for row in both])) for scores in (first, second))
        differences = dict(zip(MEASURES, estimate(_less(ours, theirs), weights), strict=True))
        positives = int(labels.sum())
        found.append(Comparison(signal, name, len(both), positives, positives < ENOUGH, differences))
    return found


def _cuts(rows: Sequence[Row]) -> list[tuple[str, str, list[Row]]]:
    signals = list(dict.fromkeys(name for row in rows for name in row.labels))
    cuts: list[tuple[str, str, list[Row]]] = []
    for signal in signals:
        labelled = [row for row in rows if signal in row.labels]
        cuts.append((signal, ALL, labelled))
        for name in dict.fromkeys(name for row in labelled for name in row.slices):
            chosen = [row for row in labelled if name in row.slices]
            if len(chosen) < len(labelled):
                cuts.append((signal, name, chosen))
    return cuts


def _labels(rows: Sequence[Row], signal: str) -> Vector:
    return np.array([float(row.labels[signal] >= 0.5) for row in rows])


def _less(one: _Figures, two: _Figures) -> _Figures:
    return lambda weights: [a - b for a, b in zip(one(weights), two(weights), strict=True)]


def _figures(labels: Vector, scores: Vector, threshold: float | None = None) -> _Figures:
    """All of :data:`MEASURES`, and behind them recall and false positives at the threshold where there is one; one curve a
    resample serves them all."""
    ranking, bins = Ranking(labels, scores), Bins(labels, scores)

    def figures(weights: Vector | None) -> list[float]:
        curve = ranking.curve(weights)
        found = [
            area_under_roc(curve),
            area_under_precision_recall(curve),
            recall_at_false_positives(curve, 0.01),
            recall_at_false_positives(curve, 0.001),
            false_positives_at_recall(curve, 0.9),
            expected_calibration_error(bins, weights),
        ]
        return found if threshold is None else [*found, *flagged_shares(curve, threshold)]

    return figures


def _finding(signal: str, name: str, chosen: Sequence[Row], scores: Scored, threshold: float | None) -> Finding:
    rows = [row for row in chosen if signal in scores.get(row.id, {})]
    labels = _labels(rows, signal)
    values = np.array([scores[row.id][signal] for row in rows], dtype=np.float64)
    weights = resamples([row.conversation for row in rows]) if rows else []
    found = estimate(_figures(labels, values, threshold), weights)
    recall, false = found[len(MEASURES) :] if threshold is not None else (None, None)
    positives = int(labels.sum())
    return Finding(
        signal,
        name,
        len(rows),
        positives,
        len(chosen) - len(rows),
        positives < ENOUGH,
        dict(zip(MEASURES, found, strict=False)),
        threshold,
        recall,
        false,
    )
