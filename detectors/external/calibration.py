"""From what another model says to a probability that means what Handrail's own mean. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

__all__ = ["Calibration", "Raw", "Sigmoid", "Table", "logit"]

_NEAREST: Final = 1e-6  # how near to 0 or 1 a probability is told from it


def logit(probability: float) -> float:
    """The log odds, finite also at 0 and 1."""
    held = min(max(probability, _NEAREST), 1 - _NEAREST)
    return math.log(held / (1 - held))


@dataclass(frozen=True, slots=True)
class Raw:
    """The model's own probability, as it is."""

    def probability(self, said: float) -> float:
        """``said``, in [0, 1]."""
        return min(max(said, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """``sigmoid(slope * logit(said) + offset)`` (Platt 1999). ``slope`` is above 0: a calibration turns no order round."""

    slope: float
    offset: float

    def probability(self, said: float) -> float:
        """The calibrated probability; never raises for a number in [0, 1]."""
        x = self.slope * logit(said) + self.offset
        if x >= 0:
            return 1.0 / (1.0 + math.exp(-min(x, 700.0)))
        e = math.exp(max(x, -700.0))
        return e / (1.0 + e)


@dataclass(frozen=True, slots=True)
class Table:
    """Straight lines between ``knots``, pairs of what is said and what it means; both rise, the first without a standstill.
    Before the first and after the last knot the value stays."""

    knots: tuple[tuple[float, float], ...]

    def probability(self, said: float) -> float:
        """The calibrated probability."""
        if said <= self.knots[0][0]:
            return self.knots[0][1]
        for (left, low), (right, high) in pairwise(self.knots):
            if said <= right:
                return low + (high - low) * (said - left) / (right - left)
        return self.knots[-1][1]


Calibration = Raw | Sigmoid | Table
