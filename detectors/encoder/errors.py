"""Errors of the encoder.

DetectorError
└── ModelUnfit   a model's folder that cannot be served: says which file, why and what to do
"""

from __future__ import annotations

from detectors.errors import DetectorError

__all__ = ["ModelUnfit"]


class ModelUnfit(DetectorError):
    """A model's folder that this release cannot serve."""
