"""McNemar's test: whether two raters of the same rows err at the same rate. Pure.

Exact and mid-p (McNemar 1947; Fagerland, Lydersen and Laake 2013). It takes rows as independent: where a conversation has
many, the resampled intervals are the ones to go by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation.proportions import binomial_cdf

__all__ = ["Discordance", "discordance"]


@dataclass(frozen=True, slots=True)
class Discordance:
    """``rows`` that both judged, how many only the first got right and how many only the second. ``exact``, ``mid``:
    two-sided p-values that both err alike; 1 where they never differ."""

    rows: int
    first_only: int
    second_only: int
    exact: float
    mid: float


def discordance(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Discordance:
    """``first``, ``second``: whether each got each row right."""
    a, b = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    fewer, differ = min(a, b), a + b
    if not differ:
        return Discordance(len(first), 0, 0, 1.0, 1.0)
    at_most = binomial_cdf(fewer, differ, 0.5)
    at = math.exp(math.lgamma(differ + 1) - math.lgamma(fewer + 1) - math.lgamma(differ - fewer + 1) - differ * math.log(2))
    return Discordance(len(first), a, b, min(1.0, 2 * at_most), min(1.0, 2 * at_most - at))
