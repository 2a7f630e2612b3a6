"""Base-rate arithmetic: what a threshold means among a million turns of which few are what is looked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["PREVALENCES", "Rates", "among_a_million"]

PREVALENCES: Final = (0.0005, 0.0015, 0.005)
"""Shares of turns for which alerts per million are worked out. The middle one is what a large provider said of its users in
a week; the others are round numbers around it. None is a measurement of your traffic."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Per million turns: how many are it, found, missed, falsely alerted. ``precision``: the share of right alerts."""

    prevalence: float
    there: float
    found: float
    missed: float
    false_alerts: float
    precision: float


def among_a_million(prevalence: float, recall: float, false_positives: float) -> Rates:
    """All three are shares, ``false_positives`` one of the negatives. Raises ``ValueError`` outside [0, 1]."""
    for share in (prevalence, recall, false_positives):
        if not 0 <= share <= 1:
            raise ValueError(f"{share} is no share from 0 to 1")
    there = 1e6 * prevalence
    found, false = there * recall, (1e6 - there) * false_positives
    return Rates(prevalence, there, found, there - found, false, found / (found + false) if found + false else 0.0)
