"""Errors of attribution."""

from __future__ import annotations

from detectors.errors import DetectorError

__all__ = ["AttributionUnfit"]


class AttributionUnfit(DetectorError):
    """A signal cannot be attributed here; says why and what to do."""
