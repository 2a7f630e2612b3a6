"""Errors of evaluation.

DetectorError
├── AnswersFailed   a tier that could not score rows: says which, on how many, and what to do
└── RowsUnfit       a labelled file that cannot be read: says file, line and what to do
"""

from __future__ import annotations

from detectors.errors import DetectorError

__all__ = ["AnswersFailed", "RowsUnfit"]


class AnswersFailed(DetectorError):
    """A tier that failed on rows, which then have no answer of the model that is judged."""


class RowsUnfit(DetectorError):
    """A labelled file, or a file of scores, that cannot be used."""
