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


def estimate(measure: Callable[[Vector | None], float], weights: Sequence[Vector]) -> Estimate:
    """``measure`` on the rows as they are and on each resample; resamples in which it has no meaning are left out."""
    value = measure(None)
    if math.isnan(value):
        return Estimate(math.nan, math.nan, math.nan)
    drawn = np.array([found for found in (measure(weight) for weight in weights) if not math.isnan(found)])
    if not len(drawn):
        return Estimate(value, math.nan, math.nan)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Estimate(value, float(low), float(high))
