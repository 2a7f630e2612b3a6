"""Errors of the console.

HandrailError
├── SignInNeeded      nobody is signed in; the console answers with a redirect to its login
├── CodeNeeded        the password was right, the one-time code is still to come
└── ConsoleRunning    another console listens on this socket

What is wrong with one request is a :class:`starlette.exceptions.HTTPException` with a sentence for the person who made it.
"""

from __future__ import annotations

from guard.errors import HandrailError

__all__ = ["CodeNeeded", "ConsoleRunning", "SignInNeeded"]


class SignInNeeded(HandrailError):
    """Nobody is signed in, or the session is over."""


class CodeNeeded(SignInNeeded):
    """The session waits for its one-time code."""


class ConsoleRunning(HandrailError):
    """Another console listens on the socket already."""
