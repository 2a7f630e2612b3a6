"""A tenant's keys: those that open the gateway, and those that its text is encrypted with."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import class_row

from guard.records import audit
from guard.records.admin.names import ACTOR, Connection, one
from guard.records.errors import NotFound
from guard.records.ids import new_id
from guard.records.queries import query
from guard.records.tenants import KEY_PREFIX, digest_of

__all__ = ["ApiKey", "NewKey", "TextHeld", "create_key", "destroy_text", "list_keys", "revoke_key", "text_held"]

_KEY_BYTES: Final = 24  # 32 URL-safe characters
_SHOWN: Final = 9  # characters of a key that it is recognised by


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A tenant's key as stored: never the key itself."""

    id: UUID
    prefix: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. ``secret`` is shown once."""

    id: UUID
    secret: str


@dataclass(frozen=True, slots=True)
class TextHeld:
    """What can still be read of a tenant. ``keys``: data keys that are not destroyed; ``open_cases``: cases that are not
    closed, whose reviewers may need the text."""

    keys: int
    open_cases: int


async def create_key(connection: Connection, tenant_id: UUID, *, actor: str = ACTOR) -> NewKey:
    """A new key: ``hr_`` and 32 URL-safe random characters. Only its SHA-256 is stored."""
    secret = KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    key_id = new_id()
    values = {"tenant_id": tenant_id, "id": key_id, "prefix": secret[:_SHOWN], "digest": digest_of(secret)}
    async with connection.transaction():
        await connection.execute(query("add_key"), values)
        await audit.append(
            connection, tenant_id=tenant_id, actor=actor, action="key.created", subject=f"key:{key_id}", detail={}
        )
    return NewKey(key_id, secret)


async def list_keys(connection: Connection, tenant_id: UUID) -> list[ApiKey]:
    """The tenant's keys, oldest first."""
    cursor = await connection.cursor(row_factory=class_row(ApiKey)).execute(query("keys"), {"tenant_id": tenant_id})
    return await cursor.fetchall()


async def revoke_key(connection: Connection, tenant_id: UUID, key_id: UUID, *, actor: str = ACTOR) -> None:
    """From a few seconds on the key opens nothing. Raises :class:`~guard.records.errors.NotFound`."""
    async with connection.transaction():
        if await one(connection, query("revoke_key"), {"tenant_id": tenant_id, "id": key_id}) is None:
            raise NotFound(f"there is no key {key_id} in force")
        await audit.append(
            connection, tenant_id=tenant_id, actor=actor, action="key.revoked", subject=f"key:{key_id}", detail={}
        )


async def text_held(connection: Connection, tenant_id: UUID) -> TextHeld:
    """What :func:`destroy_text` would make unreadable, and who would miss it."""
    cursor = await connection.cursor(row_factory=class_row(TextHeld)).execute(query("text_held"), {"tenant_id": tenant_id})
    row = await cursor.fetchone()
    return row if row is not None else TextHeld(0, 0)


async def destroy_text(connection: Connection, tenant_id: UUID, *, actor: str = ACTOR) -> int:
    """Destroys the tenant's data keys: text, notes and pseudonyms that were stored are unreadable from now on. Returns how
    many keys; 0, and no row in the audit log, where there was none. Text of later turns gets a new key."""
    async with connection.transaction():
        cursor = await connection.execute(query("destroy_data_keys"), {"tenant_id": tenant_id})
        number = len(await cursor.fetchall())
        if number:
            await audit.append(
                connection,
                tenant_id=tenant_id,
                actor=actor,
                action="text.destroyed",
                subject="tenant",
                detail={"keys": number},
            )
    return number
