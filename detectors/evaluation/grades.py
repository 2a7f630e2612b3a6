"""Graded labels and ordered pairs: whether more of a thing gets a higher score. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.evaluation.intervals import RESAMPLES, Estimate, estimate, resamples
from detectors.evaluation.measures import Vector
from detectors.evaluation.ranks import Ranks, ordered_pairs
from detectors.evaluation.table import Table

__all__ = ["Correlation", "Ordering", "correlations", "orderings"]

_GRADES: Final = 3


@dataclass(frozen=True, slots=True)
class Correlation:
    """Spearman's rho of a signal's score with its graded labels. ``grades``: how many different ones there are."""

    signal: str
    rows: int
    grades: int
    rho: Estimate


@dataclass(frozen=True, slots=True)
class Ordering:
    """Of two rows of one pair with different labels, how often the higher label has the higher score; ties count half."""

    signal: str
    pairs: int
    ordered: Estimate


def correlations(table: Table, resampled: int = RESAMPLES) -> list[Correlation]:
    """For every signal whose labels take at least three values."""
    found = []
    for signal in table.labels:
        cut = table.cut(signal)
        grades = len(np.unique(cut.labels))
        if grades >= _GRADES:
            ranks = Ranks(cut.labels, cut.scores)
            (rho,) = estimate(_one(ranks.correlation), resamples(table.conversations[cut.places], resampled))
            found.append(Correlation(signal, len(cut.places), grades, rho))
    return found


def orderings(table: Table, resampled: int = RESAMPLES) -> list[Ordering]:
    """For every signal that tells the rows of some pair apart. A pair is resampled with its
    first row's conversation."""
    found = []
    for signal in table.labels:
        cut = table.cut(signal)
        won, where = ordered_pairs([table.rows[at].pair for at in cut.places], cut.labels, cut.scores)
        if len(won):
            (ordered,) = estimate(_one(_mean(won)), resamples(table.conversations[cut.places[where]], resampled))
            found.append(Ordering(signal, len(won), ordered))
    return found


def _mean(values: Vector) -> Callable[[Vector | None], float]:
    return lambda weights: float(values.mean() if weights is None else np.average(values, weights=weights))


def _one(figure: Callable[[Vector | None], float]) -> Callable[[Vector | None], list[float]]:
    return lambda weights: [figure(weights)]
