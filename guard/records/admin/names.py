"""Names of tenants, reviewers and channels, and how a statement is asked for one row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from guard.records.errors import NotFound, RequestRefused

__all__ = ["ACTOR", "Connection", "check_name", "missing", "nearest", "one"]

Connection = AsyncConnection[Any]

ACTOR: Final = "cli"
"""Who acts, in the audit log, where nobody else is named."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def check_name(what: str, name: str) -> None:
    """Raises :class:`~guard.records.errors.RequestRefused` where ``name`` can be no ``what``'s."""
    if not _NAME.fullmatch(name):
        raise RequestRefused(
            f"{name!r} is no {what}'s name; use 1 to 63 small letters, digits and hyphens, a letter or digit first"
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that names what may have been meant; empty where nothing is near."""
    near = get_close_matches(name, sorted(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def missing(what: str, name: str, known: Iterable[str], *, otherwise: str = "") -> NotFound:
    """The error for a ``what`` that is not there. ``otherwise``: where to look if no name is near."""
    return NotFound(f"there is no {what} {name!r}{nearest(name, known) or (otherwise and f'; {otherwise}')}")


async def one(connection: Connection, statement: LiteralString, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first row of a statement."""
    cursor = await connection.cursor(row_factory=dict_row).execute(statement, values)
    return await cursor.fetchone()
