"""Errors of other people's models.

DetectorError
└── PackUnfit      a pack, or the model that it speaks of, that cannot be served: says file, line, what and what to do
    └── ModelAbsent   its model is on the hub and not on this machine
"""

from __future__ import annotations

from detectors.errors import DetectorError

__all__ = ["ModelAbsent", "PackUnfit"]


class PackUnfit(DetectorError):
    """A pack that cannot be used."""


class ModelAbsent(PackUnfit):
    """A pack whose model is not on this machine yet; it may be fetched where that is allowed."""
