"""Intervals by resampling whole conversations: turns of one conversation are not independent. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.evaluation.measures import Vector

__all__ = ["RESAMPLES", "Estimate", "estimate", "resamples"]

RESAMPLES: Final = 400
_SEED: Final = 20_261_127


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95% percentile interval; NaN throughout where it has no meaning."""

    value: float
    low: float
    high: float


def resamples(conversations: Sequence[str], count: int = RESAMPLES, seed: int = _SEED) -> list[Vector]:
    """How often each row counts in each resample: conversations drawn with replacement, as many as there are."""
    _, places = np.unique(np.asarray(conversations), return_inverse=True)
    groups = int(places.max()) + 1 if len(places) else 0
    random = np.random.default_rng(seed)
    return [
        np.bincount(random.integers(0, groups, groups), minlength=groups)[places].astype(np.float64) for _ in range(count)
    ]


def estimate(measures: Callable[[Vector | None], Sequence[float]], weights: Sequence[Vector]) -> list[Estimate]:
    """What ``measures`` finds on the rows as they are, with intervals from what it finds on each resample.

    Resamples in which a figure has no meaning are left out of its interval.
    """
    values = measures(None)
    drawn = np.array([measures(weight) for weight in weights], dtype=np.float64).reshape(len(weights), len(values))
    return [_interval(value, drawn[:, at]) for at, value in enumerate(values)]


def _interval(value: float, drawn: Vector) -> Estimate:
    told = drawn[~np.isnan(drawn)]
    if math.isnan(value) or not len(told):
        return Estimate(value, math.nan, math.nan)
    low, high = np.percentile(told, (2.5, 97.5))
    return Estimate(value, float(low), float(high))
