"""What an operator does to the records: tenants, their keys, reviewers, channels and data keys.

Each function runs on a connection in autocommit mode and is one statement. What is secret is returned once and stored only
as a digest, an argon2id hash, or sealed.
"""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from urllib.parse import urlsplit
from uuid import UUID

from argon2 import PasswordHasher
from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from guard.records.errors import NameTaken, NotFound, RequestRefused
from guard.records.ids import new_id
from guard.records.keys import Keys
from guard.records.queries import query
from guard.records.tenants import KEY_PREFIX, digest_of

__all__ = [
    "ApiKey",
    "Channel",
    "NewKey",
    "NewReviewer",
    "Reviewer",
    "TenantRow",
    "add_webhook",
    "channel_secret",
    "create_key",
    "create_reviewer",
    "create_tenant",
    "destroy_text",
    "disable_channel",
    "disable_reviewer",
    "find_tenant",
    "list_channels",
    "list_keys",
    "list_reviewers",
    "list_tenants",
    "reset_password",
    "revoke_key",
]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PEOPLE: Final = ("none", "hours", "always")
_ROLES: Final = ("reviewer", "operator", "policy-author", "sre", "auditor")
_TOPICS: Final = ("case.opened", "case.raised", "alert.opened")
_KEY_BYTES: Final = 24  # 32 URL-safe characters
_PASSWORD_BYTES: Final = 15  # 20 characters
_SECRET_BYTES: Final = 32
_CHANNEL: Final = "channel"

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A tenant as stored. ``deep_link``: where reviewers find a conversation in the tenant's own system."""

    id: UUID
    name: str
    tag: str
    people: str
    store_text: bool
    off: list[str]
    deep_link: str | None
    synthetic: bool
    created_at: datetime


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
class Reviewer:
    """A reviewer as stored."""

    id: UUID
    name: str
    roles: list[str]
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewReviewer:
    """A reviewer that was just made. ``password`` is shown once."""

    id: UUID
    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as stored, without its secret."""

    id: UUID
    name: str
    kind: str
    url: str
    topics: list[str]
    severity_from: int
    enabled: bool
    disabled_reason: str | None
    created_at: datetime


async def create_tenant(
    connection: Connection,
    name: str,
    *,
    tag: str = "",
    people: str = "none",
    store_text: bool = False,
    off: Sequence[str] = (),
    deep_link: str | None = None,
    synthetic: bool = False,
) -> UUID:
    """A new tenant. ``people``: none, hours or always. Raises :class:`~guard.records.errors.NameTaken`, or
    :class:`~guard.records.errors.RequestRefused` for a name or a value that cannot be."""
    _check_name("tenant", name)
    if people not in _PEOPLE:
        raise RequestRefused(f"people is {people!r}; give one of {', '.join(_PEOPLE)}")
    values = {"id": new_id(), "name": name, "tag": tag, "people": people, "store_text": store_text, "off": list(off)}
    made = await _one(connection, query("add_tenant"), values | {"deep_link": deep_link, "synthetic": synthetic})
    if made is None:
        raise NameTaken(f"there is a tenant {name!r} already")
    return UUID(str(made["id"]))


async def find_tenant(connection: Connection, name: str) -> TenantRow:
    """The tenant of this name. Raises :class:`~guard.records.errors.NotFound`."""
    cursor = await connection.cursor(row_factory=class_row(TenantRow)).execute(query("find_tenant"), {"name": name})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"there is no tenant {name!r}; handrail tenant list shows all")
    return row


async def list_tenants(connection: Connection) -> list[TenantRow]:
    """All tenants by name."""
    cursor = await connection.cursor(row_factory=class_row(TenantRow)).execute(query("tenants"))
    return await cursor.fetchall()


async def create_key(connection: Connection, tenant_id: UUID) -> NewKey:
    """A new key: ``hr_`` and 32 URL-safe random characters. Only its SHA-256 is stored."""
    secret = KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    key_id = new_id()
    values = {"tenant_id": tenant_id, "id": key_id, "prefix": secret[:9], "digest": digest_of(secret)}
    await connection.execute(query("add_key"), values)
    return NewKey(key_id, secret)


async def list_keys(connection: Connection, tenant_id: UUID) -> list[ApiKey]:
    """The tenant's keys, oldest first."""
    cursor = await connection.cursor(row_factory=class_row(ApiKey)).execute(query("keys"), {"tenant_id": tenant_id})
    return await cursor.fetchall()


async def revoke_key(connection: Connection, tenant_id: UUID, key_id: UUID) -> None:
    """From a few seconds on the key opens nothing. Raises :class:`~guard.records.errors.NotFound`."""
    if await _one(connection, query("revoke_key"), {"tenant_id": tenant_id, "id": key_id}) is None:
        raise NotFound(f"there is no key {key_id} in force")


async def create_reviewer(
    connection: Connection, tenant_id: UUID, name: str, *, roles: Sequence[str] = ("reviewer",), password: str | None = None
) -> NewReviewer:
    """A new reviewer; without ``password`` one of 20 random characters is made. Raises
    :class:`~guard.records.errors.NameTaken`, or :class:`~guard.records.errors.RequestRefused` for a name or a role that
    cannot be."""
    _check_name("reviewer", name)
    unknown = sorted(set(roles) - set(_ROLES))
    if unknown or not roles:
        raise RequestRefused(f"roles are {', '.join(_ROLES)}; there is no {', '.join(unknown) or 'empty list'}")
    chosen = password or secrets.token_urlsafe(_PASSWORD_BYTES)
    values = {"tenant_id": tenant_id, "id": new_id(), "name": name, "roles": list(roles)}
    made = await _one(connection, query("add_reviewer"), values | {"password_hash": await _hashed(chosen)})
    if made is None:
        raise NameTaken(f"there is a reviewer {name!r} already")
    return NewReviewer(UUID(str(made["id"])), name, chosen)


async def reset_password(connection: Connection, tenant_id: UUID, name: str) -> str:
    """A new password for a reviewer, who is enabled again. Raises :class:`~guard.records.errors.NotFound`."""
    chosen = secrets.token_urlsafe(_PASSWORD_BYTES)
    values = {"tenant_id": tenant_id, "name": name, "password_hash": await _hashed(chosen)}
    if await _one(connection, query("reset_reviewer"), values) is None:
        raise NotFound(f"there is no reviewer {name!r}")
    return chosen


async def list_reviewers(connection: Connection, tenant_id: UUID) -> list[Reviewer]:
    """The tenant's reviewers by name."""
    cursor = await connection.cursor(row_factory=class_row(Reviewer)).execute(query("reviewers"), {"tenant_id": tenant_id})
    return await cursor.fetchall()


async def disable_reviewer(connection: Connection, tenant_id: UUID, name: str) -> None:
    """The reviewer cannot come in any more. Raises :class:`~guard.records.errors.NotFound`."""
    if await _one(connection, query("disable_reviewer"), {"tenant_id": tenant_id, "name": name}) is None:
        raise NotFound(f"there is no reviewer {name!r} in force")


async def add_webhook(
    connection: Connection,
    keys: Keys,
    tenant_id: UUID,
    name: str,
    url: str,
    *,
    topics: Sequence[str] = _TOPICS,
    severity_from: int = 0,
) -> str:
    """A new webhook channel. Returns its signing secret, ``whsec_`` and base64 (Standard Webhooks), shown once.

    Raises :class:`~guard.records.errors.NameTaken`, or :class:`~guard.records.errors.RequestRefused` for an address that is
    not http or https, an unknown topic, or a severity outside 0 to 4.
    """
    _check_name("channel", name)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RequestRefused("a webhook needs an http or https address")
    unknown = set(topics) - set(_TOPICS)
    if unknown or not topics:
        raise RequestRefused(f"topics are {', '.join(_TOPICS)}; there is no {', '.join(sorted(unknown)) or 'empty list'}")
    if not 0 <= severity_from <= 4:
        raise RequestRefused(f"severity {severity_from} does not exist; give 0 to 4")
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    values = {
        "tenant_id": tenant_id,
        "id": new_id(),
        "name": name,
        "url": url,
        "secret": keys.seal(_CHANNEL, secret.encode(), tenant_id.bytes),
        "topics": list(topics),
        "severity_from": severity_from,
    }
    if await _one(connection, query("add_channel"), values) is None:
        raise NameTaken(f"there is a channel {name!r} already")
    return secret


def channel_secret(keys: Keys, tenant_id: UUID, sealed: bytes) -> str:
    """The ``whsec_`` secret of a channel row. Raises :class:`~guard.records.errors.KeyUnusable` where it does not open."""
    return keys.open(_CHANNEL, sealed, tenant_id.bytes).decode()


async def list_channels(connection: Connection, tenant_id: UUID) -> list[Channel]:
    """The tenant's channels by name."""
    cursor = await connection.cursor(row_factory=class_row(Channel)).execute(query("channels"), {"tenant_id": tenant_id})
    return await cursor.fetchall()


async def disable_channel(connection: Connection, tenant_id: UUID, name: str, *, reason: str = "operator") -> None:
    """The channel takes nothing any more. Raises :class:`~guard.records.errors.NotFound`."""
    values = {"tenant_id": tenant_id, "name": name, "reason": reason}
    if await _one(connection, query("disable_channel"), values) is None:
        raise NotFound(f"there is no channel {name!r} in force")


async def destroy_text(connection: Connection, tenant_id: UUID) -> int:
    """Destroys the tenant's data keys: all text that was stored is unreadable from now on. Returns how many keys. Text of
    later turns gets a new key."""
    cursor = await connection.execute(query("destroy_data_keys"), {"tenant_id": tenant_id})
    return len(await cursor.fetchall())


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise RequestRefused(
            f"{name!r} is no {what}'s name; use 1 to 63 small letters, digits and hyphens, a letter or digit first"
        )


async def _hashed(password: str) -> str:
    return await asyncio.to_thread(PasswordHasher().hash, password)  # slow on purpose


async def _one(connection: Connection, statement: LiteralString, values: dict[str, Any]) -> dict[str, Any] | None:
    cursor = await connection.cursor(row_factory=dict_row).execute(statement, values)
    return await cursor.fetchone()
