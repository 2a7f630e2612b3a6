"""What an evaluation finds: every signal, overall and by slice, with intervals. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from detectors.evaluation.intervals import RESAMPLES, Estimate, estimate, of_share, resamples
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
from detectors.evaluation.table import Cut, Table, columns, tabulate, wanted
from detectors.signals import SIGNALS, Kind

__all__ = ["ALL", "ENOUGH", "MEASURES", "Figures", "Finding", "Scored", "cuts", "figures", "findings", "study"]

ALL: Final = "all"
ENOUGH: Final = 50
"""Positives below which a figure is called insufficient: its interval says little."""

MEASURES: Final = ("auroc", "auprc", "recall_at_1pct", "recall_at_0.1pct", "fpr_at_90pct_recall", "ece")

Figures = Callable[[Vector | None], Sequence[float]]
"""Several figures of the rows, each counting as often as its weight says; once by default."""

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


def study(rows: Sequence[Row], scores: Scored, thresholds: Mapping[str, float] | None = None) -> list[Finding]:
    """The findings for every signal that has a label, overall and in each slice, in the order of first appearance."""
    names = [name for own in wanted(rows).values() for name in own]
    return findings(tabulate(rows, columns(rows, scores, names)), thresholds)


def findings(
    table: Table, thresholds: Mapping[str, float] | None = None, *, resampled: int = RESAMPLES, sliced: int | None = None
) -> list[Finding]:
    """The same of a table. ``resampled``: resamples of an interval, ``sliced`` of a slice's."""
    found = []
    for signal, name, cut in cuts(table):
        count = resampled if name == ALL or sliced is None else sliced
        found.append(_finding(signal, name, cut, table, (thresholds or {}).get(signal), count))
    return found


def cuts(table: Table) -> Iterator[tuple[str, str, Cut]]:
    """Every signal whose labels are probabilities, on all rows that have one and then in each slice that leaves some out."""
    for signal in table.labels:
        if signal in SIGNALS and SIGNALS[signal].kind is not Kind.PROBABILITY:
            continue
        every = table.cut(signal)
        yield signal, ALL, every
        for name, places in table.slices.items():
            cut = table.cut(signal, places)
            labelled = len(cut.places) + cut.missing
            if 0 < labelled < len(every.places) + every.missing:
                yield signal, name, cut


def figures(labels: Vector, scores: Vector, threshold: float | None = None) -> Figures:
    """All of :data:`MEASURES`, and behind them recall and false positives at the threshold where there is one; one curve a
    resample serves them all."""
    ranking, bins = Ranking(labels, scores), Bins(labels, scores)

    def each(weights: Vector | None) -> list[float]:
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

    return each


def _finding(signal: str, name: str, cut: Cut, table: Table, threshold: float | None, count: int) -> Finding:
    labels = cut.positive
    weights = resamples(table.conversations[cut.places], count)
    found = estimate(figures(labels, cut.scores, threshold), weights)
    recall, false = found[len(MEASURES) :] if threshold is not None else (None, None)
    positives = int(labels.sum())
    if recall is not None and false is not None:
        recall, false = of_share(recall, positives), of_share(false, len(labels) - positives)
    return Finding(
        signal,
        name,
        len(cut.places),
        positives,
        cut.missing,
        positives < ENOUGH,
        dict(zip(MEASURES, found, strict=False)),
        threshold,
        recall,
        false,
    )
