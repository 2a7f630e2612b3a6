"""Errors of the scorer process.

DetectorError (detectors.errors)
├── ScorerRunning   another scorer answers on the same socket
├── SocketUnfit     the socket cannot be made there: the path is too long, or its folder is open to others
└── MessageTooLong  an item that does not fit in one message of the protocol

No message ever carries chat text.
"""

from __future__ import annotations

from detectors.errors import DetectorError

__all__ = ["MessageTooLong", "ScorerRunning", "SocketUnfit"]


class ScorerRunning(DetectorError):
    """Another scorer holds this socket."""


class SocketUnfit(DetectorError):
    """The socket cannot be made at the given path."""


class MessageTooLong(DetectorError):
    """An item is larger than one message of the protocol may be."""
