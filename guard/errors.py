"""Errors of the running service.

HandrailError
├── SettingsInvalid      a setting is wrong; says which, where it was read and what it may be
├── RecordsUnavailable   PostgreSQL did not answer in time
│   └── RecordsLate      it answers, and this one thing took too long
├── JournalFull          the crash journal has reached its bound
├── AlreadyRunning       another Handrail uses this data folder
└── StartFailed          a process did not become ready in time

No message ever carries chat text.
"""

from __future__ import annotations

__all__ = [
    "AlreadyRunning",
    "HandrailError",
    "JournalFull",
    "RecordsLate",
    "RecordsUnavailable",
    "SettingsInvalid",
    "StartFailed",
]


class HandrailError(Exception):
    """Base of all errors of the service. Messages are free of chat text and safe to log."""


class SettingsInvalid(HandrailError):
    """A setting cannot be used."""


class RecordsUnavailable(HandrailError):
    """PostgreSQL cannot be reached or did not answer in time."""


class RecordsLate(RecordsUnavailable):
    """PostgreSQL answers, and this one thing took too long: it waits for a lock, or for the disk."""


class JournalFull(HandrailError):
    """The crash journal has reached its bound; the reply still goes out, the alert says that records are at risk."""


class AlreadyRunning(HandrailError):
    """Another Handrail holds the lock on this data folder."""


class StartFailed(HandrailError):
    """A process did not become ready in time."""
