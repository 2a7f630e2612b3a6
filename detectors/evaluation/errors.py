"""Errors of evaluation.

DetectorError
└── RowsUnfit   a labelled file that cannot be read: says file, line and what to do
"""

from __future__ import annotations

from detectors.errors import DetectorError

__all__ = ["RowsUnfit"]


class RowsUnfit(DetectorError):
    """A labelled file, or a file of scores, that cannot be used."""
