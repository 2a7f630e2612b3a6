"""Reviewers: who may come into the console, and in which roles."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from argon2 import PasswordHasher
from psycopg.rows import class_row

from guard.records import audit
from guard.records.admin.names import ACTOR, Connection, check_name, missing, nearest, one
from guard.records.errors import NameTaken, NotFound, RequestRefused
from guard.records.ids import new_id
from guard.records.queries import query
from guard.records.scope import Role

__all__ = [
    "NewReviewer",
    "Reviewer",
    "create_reviewer",
    "disable_reviewer",
    "enable_reviewer",
    "list_reviewers",
    "reset_password",
    "reset_totp",
    "set_roles",
]

_PASSWORD_BYTES: Final = 15  # 20 characters


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A reviewer as stored. ``has_totp``: whether a one-time code is asked for beside the password."""

    id: UUID
    name: str
    roles: list[str]
    has_totp: bool
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewReviewer:
    """A reviewer that was just made. ``password`` is shown once."""

    id: UUID
    name: str
    password: str


async def create_reviewer(
    connection: Connection,
    tenant_id: UUID,
    name: str,
    *,
    roles: Sequence[str] = (Role.REVIEWER,),
    password: str | None = None,
    actor: str = ACTOR,
) -> NewReviewer:
    """A new reviewer; without ``password`` one of 20 random characters is made. Raises
    :class:`~guard.records.errors.NameTaken`, or :class:`~guard.records.errors.RequestRefused` for a name or a role that
    cannot be."""
    check_name("reviewer", name)
    held = _roles(roles)
    chosen = password or secrets.token_urlsafe(_PASSWORD_BYTES)
    values = {"tenant_id": tenant_id, "id": new_id(), "name": name, "roles": held, "password_hash": await _hashed(chosen)}
    async with connection.transaction():
        made = await one(connection, query("add_reviewer"), values)
        if made is None:
            raise NameTaken(f"there is a reviewer {name!r} already")
        await _noted(connection, tenant_id, actor, "reviewer.created", made, {"roles": " ".join(held)})
    return NewReviewer(made["id"], name, chosen)


async def list_reviewers(connection: Connection, tenant_id: UUID) -> list[Reviewer]:
    """The tenant's reviewers by name."""
    cursor = await connection.cursor(row_factory=class_row(Reviewer)).execute(query("reviewers"), {"tenant_id": tenant_id})
    return await cursor.fetchall()


async def set_roles(connection: Connection, tenant_id: UUID, name: str, roles: Sequence[str], *, actor: str = ACTOR) -> None:
    """The reviewer's roles are these from now on; whoever is signed in signs in again. Raises
    :class:`~guard.records.errors.NotFound`, and :class:`~guard.records.errors.RequestRefused` for roles that cannot be."""
    held = _roles(roles)
    async with connection.transaction():
        row = await _changed(connection, "set_reviewer_roles", tenant_id, name, {"roles": held})
        detail = {"roles_before": " ".join(row["before"]), "roles": " ".join(held)}
        await _noted(connection, tenant_id, actor, "reviewer.roles_set", row, detail)


async def reset_password(connection: Connection, tenant_id: UUID, name: str, *, actor: str = ACTOR) -> str:
    """A new password for a reviewer; whoever is signed in with the old one is signed out. A reviewer who is disabled stays
    so. Raises :class:`~guard.records.errors.NotFound`."""
    chosen = secrets.token_urlsafe(_PASSWORD_BYTES)
    hashed = await _hashed(chosen)
    async with connection.transaction():
        row = await _changed(connection, "reset_reviewer", tenant_id, name, {"password_hash": hashed})
        await _noted(connection, tenant_id, actor, "reviewer.password_reset", row)
    return chosen


async def reset_totp(connection: Connection, tenant_id: UUID, name: str, *, actor: str = ACTOR) -> bool:
    """Takes the one-time codes of a reviewer away, recovery codes too: the password alone opens until they set them up
    again. Returns whether there were any. Raises :class:`~guard.records.errors.NotFound`."""
    async with connection.transaction():
        row = await _changed(connection, "reset_reviewer_totp", tenant_id, name, {})
        await _noted(connection, tenant_id, actor, "reviewer.totp_reset", row, {"had_one": row["had_one"]})
    return bool(row["had_one"])


async def disable_reviewer(connection: Connection, tenant_id: UUID, name: str, *, actor: str = ACTOR) -> None:
    """The reviewer cannot come in any more, and is signed out. Raises :class:`~guard.records.errors.NotFound`."""
    async with connection.transaction():
        row = await _changed(connection, "disable_reviewer", tenant_id, name, {}, "is disabled already")
        await _noted(connection, tenant_id, actor, "reviewer.disabled", row)


async def enable_reviewer(connection: Connection, tenant_id: UUID, name: str, *, actor: str = ACTOR) -> None:
    """The reviewer may come in again. Raises :class:`~guard.records.errors.NotFound`."""
    async with connection.transaction():
        row = await _changed(connection, "enable_reviewer", tenant_id, name, {}, "is in force already")
        await _noted(connection, tenant_id, actor, "reviewer.enabled", row)


async def _changed(
    connection: Connection, statement: str, tenant_id: UUID, name: str, values: dict[str, Any], already: str = ""
) -> dict[str, Any]:
    """The row that ``statement`` changed; who is signed in as that reviewer is signed out."""
    row = await one(connection, query(statement), {"tenant_id": tenant_id, "name": name} | values)
    if row is None:
        known = [reviewer.name for reviewer in await list_reviewers(connection, tenant_id)]
        raise NotFound(f"reviewer {name!r} {already}") if already and name in known else missing("reviewer", name, known)
    await connection.execute(query("sign_out"), {"tenant_id": tenant_id, "id": row["id"]})
    return row


async def _noted(
    connection: Connection,
    tenant_id: UUID,
    actor: str,
    action: str,
    row: dict[str, Any],
    detail: audit.Detail | None = None,
) -> None:
    await audit.append(
        connection, tenant_id=tenant_id, actor=actor, action=action, subject=f"reviewer:{row['id']}", detail=detail or {}
    )


def _roles(given: Sequence[str]) -> list[str]:
    """Roles by their values, each once, in the order given. A hyphen may stand for the underscore."""
    held = list(dict.fromkeys(str(name).replace("-", "_") for name in given))
    known = [role.value for role in Role]
    unknown = [name for name in held if name not in known]
    if unknown or not held:
        what = f"there is no {unknown[0]}{nearest(unknown[0], known)}" if unknown else "give one at least"
        raise RequestRefused(f"roles are {', '.join(known)}; {what}")
    return held


async def _hashed(password: str) -> str:
    return await asyncio.to_thread(PasswordHasher().hash, password)  # slow on purpose
