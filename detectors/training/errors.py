"""Errors of training.

DetectorError
└── TrainingError
    ├── DataMissing   a public data set's file is not where it should be, or is not in its form
    └── RunUnfit      a run that cannot be resumed, or weights that cannot be used
"""

from __future__ import annotations

from detectors.errors import DetectorError

__all__ = ["DataMissing", "RunUnfit", "TrainingError"]


class TrainingError(DetectorError):
    """Base of all errors of training."""


class DataMissing(TrainingError):
    """A public data set cannot be read."""


class RunUnfit(TrainingError):
    """A run that cannot go on."""
