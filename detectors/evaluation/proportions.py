"""Exact bounds of a share, and what a sample can show of a target at all. Pure, without SciPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Final

__all__ = ["Demonstrated", "against_target", "binomial_cdf", "lower_bound", "upper_bound"]

_ROUNDS: Final = 200
_TINY: Final = 1e-300


class Demonstrated(StrEnum):
    """What a sample says of a share that is to stay below a target."""

    MET = "met"
    EXCEEDED = "exceeded"
    OPEN = "open"
    NOT_DEMONSTRABLE = "not demonstrable"


def upper_bound(count: int, rows: int, confidence: float = 0.95) -> float:
    """The one-sided upper bound of a share of which ``count`` of ``rows`` was seen (Clopper and Pearson 1934); 3 / n where
    none was (Hanley and Lippman-Hand 1983), at most 1. NaN without rows."""
    if not rows:
        return math.nan
    if not count:
        return min(1.0, max(3.0, -math.log(1 - confidence)) / rows)
    if count >= rows:
        return 1.0
    return _where(lambda share: binomial_cdf(count, rows, share) > 1 - confidence)


def lower_bound(count: int, rows: int, confidence: float = 0.95) -> float:
    """The one-sided lower bound; NaN without rows."""
    if not rows:
        return math.nan
    if not count:
        return 0.0
    return _where(lambda share: 1 - binomial_cdf(count - 1, rows, share) <= 1 - confidence)


def against_target(count: int, rows: int, target: float) -> Demonstrated:
    """Whether a share is shown to be at most ``target``. Fewer rows than ``3 / target`` could show it by no result."""
    if rows < 3 / target:
        return Demonstrated.EXCEEDED if rows and lower_bound(count, rows) > target else Demonstrated.NOT_DEMONSTRABLE
    if upper_bound(count, rows) <= target:
        return Demonstrated.MET
    return Demonstrated.EXCEEDED if lower_bound(count, rows) > target else Demonstrated.OPEN


def binomial_cdf(count: int, rows: int, share: float) -> float:
    """The probability of at most ``count`` of ``rows``, each with probability ``share``."""
    if count < 0:
        return 0.0
    if count >= rows or share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    return _beta(rows - count, count + 1, 1 - share)


def _where(holds: Callable[[float], bool]) -> float:
    """The share up to which something holds, by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return (low + high) / 2


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by Lentz's continued fraction (Press et al. 2007, 6.4)."""
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _safe(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _ROUNDS + 10 * int(math.sqrt(max(a, b)))):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / _safe(1 + step * d), _safe(1 + step / c)
            value *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    return value


def _safe(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
