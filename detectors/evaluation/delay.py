"""Whole conversations: whether a cue is met, and how many turns late. Pure.

A conversation's rows have a ``turn``. The cue is the first turn whose label is positive; it is met by the first turn, that
one or a later one, that reaches what is asked of it. What is reached before the cue is no find, but an early alarm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation.intervals import RESAMPLES, Estimate, estimate, of_share, resamples
from detectors.evaluation.measures import Vector
from detectors.evaluation.study import ENOUGH
from detectors.evaluation.table import Table

__all__ = ["WITHIN", "Sessions", "delays", "sessions"]

WITHIN: Final = (0, 1, 3)
"""Turns after the cue for which recall is told."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Conversations in which ``reached`` is looked for after a cue of ``signal``.

    ``cues``, ``quiet``: conversations with and without a cue. ``recall``: cues that are met at all, ``within``: by so many
    turns. ``delay``: mean and ``median`` turns of those that are met. ``early``: with a cue, reached before it. ``false``:
    quiet ones in which it is reached.
    """

    signal: str
    reached: str
    threshold: float | None
    cues: int
    quiet: int
    insufficient: bool
    recall: Estimate
    within: Mapping[int, Estimate]
    delay: Estimate
    median: Estimate
    early: Estimate
    false: Estimate


def sessions(table: Table, thresholds: Mapping[str, float], resampled: int = RESAMPLES) -> list[Sessions]:
    """For every signal with a threshold that has a cue in some conversation of at least two numbered turns."""
    found = []
    for signal in table.labels:
        threshold = thresholds.get(signal)
        if threshold is not None:
            reached = np.nan_to_num(table.score(signal), nan=-math.inf) >= threshold
            found += delays(table, signal, {f"score at {threshold:.3g}": reached}, resampled, threshold=threshold)
    return found


def delays(
    table: Table,
    signal: str,
    reached: Mapping[str, NDArray[np.bool_]],
    resampled: int = RESAMPLES,
    *,
    threshold: float | None = None,
) -> list[Sessions]:
    """One for each thing that can be reached: whether it is, ``[rows]``. None where no conversation has a cue."""
    labels = table.labels[signal]
    numbered = np.array([row.turn is not None for row in table.rows], dtype=bool)
    side = next(row.side for row, label in zip(table.rows, labels, strict=True) if not math.isnan(label))
    own = np.flatnonzero(numbered & np.array([row.side is side for row in table.rows], dtype=bool))
    if not len(own):
        return []
    turns = np.array([row.turn for row in table.rows], dtype=np.float64)[own]
    _, group = np.unique(table.conversations[own], return_inverse=True)
    long = np.bincount(group) >= 2
    cue = _first(group, turns, labels[own] >= 0.5)
    known = np.bincount(group, ~np.isnan(labels[own])) > 0
    with_cue, quiet = long & known & np.isfinite(cue), long & known & ~np.isfinite(cue)
    if not with_cue.any():
        return []
    found = []
    for name, where in reached.items():
        hit = where[own]
        met = _first(group, turns, hit & (turns >= cue[group]))
        before = np.isfinite(_first(group, turns, hit & (turns < cue[group])))
        late = met[with_cue] - cue[with_cue]
        false = np.isfinite(_first(group, turns, hit))[quiet]
        weights = resamples(np.arange(int(with_cue.sum())), resampled)
        figures = estimate(lambda mass, late=late, early=before[with_cue]: _figures(late, early, mass), weights)  # type: ignore[misc]
        alarms = estimate(lambda mass, false=false: [_share(false, mass)], resamples(np.arange(len(false)), resampled))  # type: ignore[misc]
        count = int(with_cue.sum())
        within = {turns: of_share(share, count) for turns, share in zip(WITHIN, figures[4:], strict=True)}
        found.append(
            Sessions(
                signal, name, threshold, count, len(false), count < ENOUGH, of_share(figures[0], count), within,
                figures[1], figures[2], of_share(figures[3], count), of_share(alarms[0], len(false)),
            )
        )  # fmt: skip
    return found


def _first(group: NDArray[np.intp], turns: Vector, where: NDArray[np.bool_]) -> Vector:
    """Each conversation's first turn where something holds, infinite where none is."""
    found = np.full(int(group.max()) + 1, math.inf)
    np.minimum.at(found, group[where], turns[where])
    return found


def _figures(late: Vector, early: NDArray[np.bool_], weights: Vector | None) -> list[float]:
    mass = np.ones(len(late)) if weights is None else weights
    met = np.isfinite(late)
    total = float(mass.sum())
    each = np.repeat(late[met], mass[met].astype(np.intp))
    return [
        float(mass[met].sum()) / total,
        float(each.mean()) if len(each) else math.nan,
        float(np.median(each)) if len(each) else math.nan,
        _share(early, mass),
        *(float(mass[late <= turns].sum()) / total for turns in WITHIN),
    ]


def _share(where: NDArray[np.bool_], weights: Vector | None) -> float:
    if not len(where):
        return math.nan
    return float(where.mean() if weights is None else np.average(where, weights=weights))
