"""The first tenant, its key and its reviewer: made once, so that a fresh installation can be used at once."""

from __future__ import annotations

import secrets
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
_PASSWORD_BYTES: Final = 15  # 20 characters


@dataclass(frozen=True, slots=True)
class First:
    """What a fresh installation is used with. ``without_evidence``: tenants whose reviewers could read nothing of a case.
    ``password_noted``: whether ``first-reviewer`` holds a password. ``notes``: what the operator should know."""

    tenant: str
    key: str
    without_evidence: tuple[str, ...] = ()
    password_noted: bool = True
    notes: tuple[str, ...] = ()


async def provide(database_url: str, paths: Paths) -> First:
    """Makes what is missing of tenant, key and reviewer; safe to repeat, and to be killed in the middle.

    The key and the reviewer's password stand in ``first-key`` and ``first-reviewer``, mode 0600. A file whose key the
    database does not know (it was started anew) is replaced. A reviewer who exists keeps the password, whatever became of
    the file: somebody may be at work with it. Raises
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
        keys = await admin.list_keys(connection, tenant)
        notes = []
        if not any(key.startswith(row.prefix) for row in keys if row.revoked_at is None):
            key = (await admin.create_key(connection, tenant, actor=_ACTOR)).secret
            write_private(paths.first_key, f"{key}\n")
            if keys:
                notes.append(
                    f"{paths.first_key} held no key in force, so a further one was made; earlier ones stay as they are: "
                    "handrail key list, handrail key revoke"
                )
        noted = await _reviewer(connection, tenant, paths)
        if not noted:
            notes.append(
                f"The password of {_REVIEWER} is not in {paths.first_reviewer} and stays as it is; a new one: "
                f"handrail reviewer reset-password {_REVIEWER}"
            )
        unread = await without_evidence(connection)
    return First(TENANT, key, tuple(unread), noted, tuple(notes))


async def _reviewer(connection: AsyncConnection[Any], tenant: UUID, paths: Paths) -> bool:
    """Whether the file holds the reviewer's first password. It is written first: one that is lost could not be given out."""
    password = _line(paths.first_reviewer, 1)
    if _REVIEWER in {row.name for row in await admin.list_reviewers(connection, tenant)}:
        return bool(password)
    if not password:
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        write_private(paths.first_reviewer, f"{_REVIEWER}\n{password}\n")
    await admin.create_reviewer(connection, tenant, _REVIEWER, password=password, actor=_ACTOR)
    return True


def _line(path: Path, number: int) -> str:
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError:
        return ""
    return lines[number].strip() if number < len(lines) else ""
