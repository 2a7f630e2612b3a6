"""Errors of the console.

HandrailError
├── SignInNeeded      nobody is signed in; the console answers with a redirect to its login
├── CodeNeeded        the password was right, the one-time code is still to come
├── ConsoleRunning    another console listens on this socket
└── CaseRefused       an action on a case that cannot be done as things stand; says why, and what to do
    ├── CaseUnknown   404  this tenant has no such case, or nothing of that name in it
    ├── CaseHeld      409  somebody else has the case, or the lease is not the one that the page was made with
    ├── CaseChanged   409  the case is not any more what the page showed
    └── NoteTooLong   413  a note beyond its bound

What is wrong with one request is a :class:`starlette.exceptions.HTTPException` with a sentence for the person who made it.
"""

from __future__ import annotations

from uuid import UUID

from guard.errors import HandrailError

__all__ = [
    "CaseChanged",
    "CaseHeld",
    "CaseRefused",
    "CaseUnknown",
    "CodeNeeded",
    "ConsoleRunning",
    "NoteTooLong",
    "SignInNeeded",
]


class SignInNeeded(HandrailError):
    """Nobody is signed in, or the session is over."""


class CodeNeeded(SignInNeeded):
    """The session waits for its one-time code."""


class ConsoleRunning(HandrailError):
    """Another console listens on the socket already."""


class CaseRefused(HandrailError):
    """An action on a case that cannot be done as things stand. The message is for the person who tried. ``other``: a case
    to go to instead."""

    status = 409

    def __init__(self, message: str, *, other: UUID | None = None) -> None:
        super().__init__(message)
        self.other = other


class CaseUnknown(CaseRefused):
    """There is no such case in this tenant."""

    status = 404


class CaseHeld(CaseRefused):
    """Somebody else has the case, or the lease is another one."""


class CaseChanged(CaseRefused):
    """The case is not any more what the page showed."""


class NoteTooLong(CaseRefused):
    """The note is beyond its bound."""

    status = 413
