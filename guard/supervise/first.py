"""The first tenant, its key and its reviewer: made once, so that a fresh installation can be used at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from guard.errors import RecordsUnavailable
from guard.records import admin
from guard.records.errors import NotFound
from guard.records.evidence import without_evidence
from guard.records.installation import keys_of
from guard.supervise.paths import Paths, write_private

__all__ = ["TENANT", "First", "provide"]

TENANT: Final = "default"
_REVIEWER: Final = "reviewer"
_ACTOR: Final = "up"  # in the audit log
_CONNECT_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class First:
    """What a fresh installation is used with. ``without_evidence``: tenants whose reviewers could read nothing of a case."""

    tenant: str
    key: str
    without_evidence: tuple[str, ...] = ()


async def provide(database_url: str, paths: Paths) -> First:
    """Makes what is missing of tenant, key and reviewer; safe to repeat, and to be killed in the middle.

    The key and the reviewer's password stand in ``first-key`` and ``first-reviewer``, mode 0600. A file whose key the
    database does not know (it was started anew) is replaced; a password is kept. Raises
    :class:`~guard.records.errors.KeyUnusable` where the database was written with another master key than the data folder's.
    """
    try:
        connection = await AsyncConnection.connect(database_url, autocommit=True, connect_timeout=_CONNECT_SECONDS)
    except psycopg.OperationalError as error:
        raise RecordsUnavailable(f"PostgreSQL cannot be reached: {str(error).splitlines()[0]}") from None
    async with connection:
        await keys_of(connection, paths.home)
        try:
            tenant = (await admin.find_tenant(connection, TENANT)).id
        except NotFound:
            tenant = await admin.create_tenant(connection, TENANT, actor=_ACTOR)
        key = _line(paths.first_key, 0)
        known = {row.prefix for row in await admin.list_keys(connection, tenant) if row.revoked_at is None}
        if not any(key.startswith(prefix) for prefix in known):
            key = (await admin.create_key(connection, tenant, actor=_ACTOR)).secret
            write_private(paths.first_key, f"{key}\n")
        await _reviewer(connection, tenant, paths)
        unread = await without_evidence(connection)
    return First(TENANT, key, tuple(unread))


async def _reviewer(connection: AsyncConnection[Any], tenant: UUID, paths: Paths) -> None:
    password = _line(paths.first_reviewer, 1)
    there = {row.name for row in await admin.list_reviewers(connection, tenant)}
    if _REVIEWER not in there:
        made = await admin.create_reviewer(connection, tenant, _REVIEWER, password=password or None, actor=_ACTOR)
        password = made.password
    elif not password:
        password = await admin.reset_password(connection, tenant, _REVIEWER, actor=_ACTOR)
    write_private(paths.first_reviewer, f"{_REVIEWER}\n{password}\n")


def _line(path: Path, number: int) -> str:
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError:
        return ""
    return lines[number].strip() if number < len(lines) else ""
