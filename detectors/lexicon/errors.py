"""Errors of the lexicon.

DetectorError
└── LexiconError   a rule file has a line that is not a rule: a fault of the installation, never of a text
"""

from __future__ import annotations

from detectors.errors import DetectorError

__all__ = ["LexiconError"]


class LexiconError(DetectorError):
    """A rule file cannot be read. Says the file, the line and what was expected there."""

    def __init__(self, where: str, line: int, what: str) -> None:
        super().__init__(f"{where}:{line}: {what}")
