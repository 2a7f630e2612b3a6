"""Bands: a signal's thresholds with hysteresis. Pure."""

from __future__ import annotations

from policies.decision import Band

__all__ = ["band_of", "step"]


def band_of(value: float, watch: float, elevated: float, high: float) -> Band:
    """The band of a value by itself, without memory."""
    if value >= high:
        return Band.HIGH
    if value >= elevated:
        return Band.ELEVATED
    return Band.WATCH if value >= watch else Band.OFF


def step(before: Band, value: float | None, watch: float, elevated: float, high: float, release: float) -> Band | None:
    """The band after ``value``, given the band ``before``.

    It rises at once. It falls only when the value lies below ``release``, then to where the value belongs. ``None`` where
    the value is missing: then nobody knows, and what was known stays stored.
    """
    if value is None or value != value:  # not a number
        return None
    now = band_of(value, watch, elevated, high)
    return now if now >= before or value < release else before
