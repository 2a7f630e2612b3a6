"""Intervals by resampling whole conversations: turns of one conversation are not independent. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation.measures import Vector
from detectors.evaluation.proportions import upper_bound

__all__ = ["FEWEST", "RESAMPLES", "Estimate", "Resamples", "estimate", "of_share", "resamples"]

RESAMPLES: Final = 400
FEWEST: Final = 2
"""Conversations below which there is no interval."""
_SEED: Final = 20_261_127


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95% percentile interval. NaN throughout where the figure has no meaning; the interval alone is NaN
    where there are fewer than two conversations to draw from."""

    value: float
    low: float
    high: float


class Resamples:
    """How often each row counts in each of ``len`` resamples: conversations drawn with replacement, as many as there are.

    None of fewer than two conversations: every draw would be the same, and the interval of no width would claim certainty.
    They are drawn anew on every walk, the same each time, so that no more than one is held.
    """

    def __init__(self, conversations: Sequence[str] | NDArray[Any], count: int, seed: int) -> None:
        _, self._places = np.unique(np.asarray(conversations), return_inverse=True)
        self._groups = int(self._places.max()) + 1 if len(self._places) else 0
        self._count, self._seed = count if self._groups >= FEWEST else 0, seed

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Vector]:
        random, groups = np.random.default_rng(self._seed), self._groups
        for _ in range(self._count):
            drawn = np.bincount(random.integers(0, groups, groups), minlength=groups)
            yield drawn.astype(np.float64)[self._places]


def resamples(conversations: Sequence[str] | NDArray[Any], count: int = RESAMPLES, seed: int = _SEED) -> Resamples:
    """``conversations``: of each row, by name or number."""
    return Resamples(conversations, count, seed)


def estimate(
    measures: Callable[[Vector | None], Sequence[float]], weights: Collection[Vector] | Resamples
) -> list[Estimate]:
    """What ``measures`` finds on the rows as they are, with intervals from what it finds on each resample.

    Resamples in which a figure has no meaning are left out of its interval.
    """
    values = measures(None)
    drawn = np.array([measures(weight) for weight in weights], dtype=np.float64).reshape(len(weights), len(values))
    return [_interval(value, drawn[:, at]) for at, value in enumerate(values)]


def of_share(found: Estimate, rows: int) -> Estimate:
    """A share of ``rows`` with an interval that does not collapse: where none or all of them were seen, no resample says
    anything else, and the exact bound takes its place. Where there is no interval there is none here either."""
    if math.isnan(found.low):
        return found
    if found.value == 0:
        return Estimate(0.0, 0.0, max(found.high, upper_bound(0, rows, 0.975)))
    if found.value == 1:
        return Estimate(1.0, min(found.low, 1 - upper_bound(0, rows, 0.975)), 1.0)
    return found


def _interval(value: float, drawn: Vector) -> Estimate:
    told = drawn[~np.isnan(drawn)]
    if math.isnan(value) or not len(told):
        return Estimate(value, math.nan, math.nan)
    low, high = np.percentile(told, (2.5, 97.5))
    return Estimate(value, float(low), float(high))
