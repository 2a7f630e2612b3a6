"""Errors of the detectors.

DetectorError
├── SearchStopped       a search for personal data took longer than it may
├── ScorerUnavailable   the scorer process cannot be reached, or did not answer before the deadline
└── WireError           bytes on the scorer's socket that are not a message of its protocol
"""

from __future__ import annotations

__all__ = ["DetectorError", "ScorerUnavailable", "SearchStopped", "WireError"]


class DetectorError(Exception):
    """Base of all errors of the detectors."""


class ScorerUnavailable(DetectorError):
    """The scorer did not answer. ``reason`` is one of: refused, deadline, closed, overloaded."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the scorer did not answer ({reason}); the caller falls back to the lexicon tier")
        self.reason = reason


class SearchStopped(DetectorError):
    """A text has more in it than can be searched in the time there is."""


class WireError(DetectorError):
    """Bytes that are not a message of the scorer's protocol."""
