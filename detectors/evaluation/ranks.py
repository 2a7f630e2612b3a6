"""Spearman's rank correlation with weights, and whether pairs stand in order. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation.measures import Vector

__all__ = ["Ranks", "ordered_pairs"]


class Ranks:
    """Two columns, ranked once for many resamples: a weight is how often a row counts."""

    def __init__(self, labels: Vector, scores: Vector) -> None:
        self._levels = [np.unique(column, return_inverse=True)[1] for column in (labels, scores)]

    def correlation(self, weights: Vector | None = None) -> float:
        """Spearman's rho, ties at their middle rank; NaN where a column does not vary."""
        rows = len(self._levels[0])
        mass = np.ones(rows) if weights is None else weights
        total = float(mass.sum())
        if total < 2:
            return math.nan
        first, second = (_middle(levels, mass) - (total + 1) / 2 for levels in self._levels)
        spread = math.sqrt(float(np.sum(mass * first**2)) * float(np.sum(mass * second**2)))
        return float(np.sum(mass * first * second)) / spread if spread > 1e-9 else math.nan


def _middle(levels: NDArray[np.intp], mass: Vector) -> Vector:
    held = np.bincount(levels, mass)
    middle: Vector = (np.cumsum(held) - (held - 1) / 2)[levels]
    return middle


def ordered_pairs(pairs: Sequence[str | None], labels: Vector, scores: Vector) -> tuple[Vector, NDArray[np.intp]]:
    """Of every two rows of the same pair whose labels differ, 1 where the higher label has the higher score, .5 at a tie,
    else 0; and the place of one of the two rows."""
    held: dict[str, list[int]] = {}
    for at, pair in enumerate(pairs):
        if pair is not None:
            held.setdefault(pair, []).append(at)
    won: list[float] = []
    where: list[int] = []
    for places in held.values():
        own, theirs = labels[places], scores[places]
        upper, lower = np.nonzero(own[:, None] > own[None, :])
        won += (0.5 + 0.5 * np.sign(theirs[upper] - theirs[lower])).tolist()
        where += [places[at] for at in upper]
    return np.array(won), np.array(where, dtype=np.intp)
