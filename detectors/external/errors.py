"""Errors of other people's models.

DetectorError
└── PackUnfit   a pack, or the model that it speaks of, that cannot be served: says file, line, what and what to do
"""

from __future__ import annotations

from detectors.errors import DetectorError

__all__ = ["PackUnfit"]


class PackUnfit(DetectorError):
    """A pack that cannot be used."""
