"""Errors of the records.

HandrailError
├── DatabaseTooOld       PostgreSQL older than 15
├── DatabaseBusy         somebody holds a lock that a migration needs
├── RightsMissing        the database's user may not make or take on a role
├── SchemaUnknown        the database was migrated by a newer version
├── VocabularyMismatch   a vocabulary version is stored with other signals
├── KeyUnusable          the master key cannot be read, or does not open what it should
├── TextDestroyed        the key of a text was destroyed: the text is gone
├── NameTaken            a tenant, reviewer or channel of this name exists
├── NotFound             there is no such tenant, key, reviewer or channel
└── RequestRefused       a name or a value cannot be
"""

from __future__ import annotations

from guard.errors import HandrailError

__all__ = [
    "DatabaseBusy",
    "DatabaseTooOld",
    "KeyUnusable",
    "NameTaken",
    "NotFound",
    "RequestRefused",
    "RightsMissing",
    "SchemaUnknown",
    "TextDestroyed",
    "VocabularyMismatch",
]


class DatabaseTooOld(HandrailError):
    """PostgreSQL is older than 15."""


class DatabaseBusy(HandrailError):
    """Somebody holds a lock that a migration needs, or migrates this database at the moment."""


class RightsMissing(HandrailError):
    """The database's user may not make, or not take on, one of the roles of the second wall."""


class SchemaUnknown(HandrailError):
    """The database was migrated by a newer version of the code."""


class VocabularyMismatch(HandrailError):
    """A signal or a vocabulary version is stored otherwise than the code declares it."""


class KeyUnusable(HandrailError):
    """The master key cannot be read, or a sealed value does not open with it."""


class TextDestroyed(HandrailError):
    """The data key was destroyed, and with it what it encrypted."""


class NameTaken(HandrailError):
    """A row of this name exists already."""


class NotFound(HandrailError):
    """There is no such tenant, key, reviewer or channel."""


class RequestRefused(HandrailError):
    """A name or a value that was given cannot be; says what may be given."""
