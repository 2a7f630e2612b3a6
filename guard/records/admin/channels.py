"""Channels: where people are told of cases."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from guard.records import audit
from guard.records.admin.names import ACTOR, Connection, check_name, missing, nearest, one
from guard.records.errors import NameTaken, NotFound, RequestRefused
from guard.records.ids import new_id
from guard.records.keys import Keys
from guard.records.queries import query

__all__ = [
    "Channel",
    "add_webhook",
    "change_channel",
    "channel_secret",
    "disable_channel",
    "enable_channel",
    "find_channel",
    "list_channels",
    "name_taken",
    "note_added",
    "note_rotated",
    "note_rung",
    "remove_channel",
]

_TOPICS: Final = ("case.opened", "case.raised", "alert.opened")
_SECRET_BYTES: Final = 32
_PURPOSE: Final = "channel"
_LONGEST_HOST: Final = 200
_REMOVED: Final = "removed"
_SCHEMES: Final = {"webhook": ("https", "http"), "email": ("mailto",)}


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as stored, without its secret. ``rung``: 1 is told first, the next where nobody answers.
    ``previous_until``: until when a secret that was rotated signs beside the new one."""

    id: UUID
    name: str
    kind: str
    url: str
    topics: list[str]
    severity_from: int
    rung: int
    enabled: bool
    disabled_reason: str | None
    previous_until: datetime | None
    created_at: datetime


async def add_webhook(
    connection: Connection,
    keys: Keys,
    tenant_id: UUID,
    name: str,
    url: str,
    *,
    topics: Sequence[str] = _TOPICS,
    severity_from: int = 0,
    actor: str = ACTOR,
) -> str:
    """A new webhook channel. Returns its signing secret, ``whsec_`` and base64 (Standard Webhooks), shown once.

    Raises :class:`~guard.records.errors.NameTaken`, or :class:`~guard.records.errors.RequestRefused` for an address that is
    not http or https, an unknown topic, or a severity outside 0 to 4.
    """
    check_name("channel", name)
    _check_address("webhook", url)
    _check(topics, severity_from)
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    values = {
        "tenant_id": tenant_id,
        "id": new_id(),
        "name": name,
        "url": url,
        "secret": keys.seal(_PURPOSE, secret.encode(), tenant_id.bytes),
        "topics": list(topics),
        "severity_from": severity_from,
    }
    async with connection.transaction():
        if await one(connection, query("add_channel"), values) is None:
            raise await name_taken(connection, tenant_id, name)
        await note_added(connection, tenant_id, name, actor=actor)
    return secret


def channel_secret(keys: Keys, tenant_id: UUID, sealed: bytes) -> str:
    """The ``whsec_`` secret of a channel row. Raises :class:`~guard.records.errors.KeyUnusable` where it does not open."""
    return keys.open(_PURPOSE, sealed, tenant_id.bytes).decode()


async def list_channels(connection: Connection, tenant_id: UUID) -> list[Channel]:
    """The tenant's channels by name."""
    cursor = await connection.cursor(row_factory=class_row(Channel)).execute(query("channels"), {"tenant_id": tenant_id})
    return await cursor.fetchall()


async def find_channel(connection: Connection, tenant_id: UUID, name: str) -> Channel:
    """The channel of this name. Raises :class:`~guard.records.errors.NotFound`."""
    channels = await list_channels(connection, tenant_id)
    for channel in channels:
        if channel.name == name:
            return channel
    raise missing("channel", name, [channel.name for channel in channels], otherwise="handrail channel list shows all")


async def change_channel(
    connection: Connection,
    tenant_id: UUID,
    name: str,
    *,
    url: str | None = None,
    topics: Sequence[str] | None = None,
    severity_from: int | None = None,
    actor: str = ACTOR,
) -> Channel:
    """Changes what is not ``None``; returns the channel as it is then. Its secret stays. Raises
    :class:`~guard.records.errors.NotFound`, and :class:`~guard.records.errors.RequestRefused` for what cannot be."""
    async with connection.transaction():
        await connection.execute(query("lock_channel"), {"tenant_id": tenant_id, "name": name})
        before = await find_channel(connection, tenant_id, name)
        if url is not None:
            _check_address(before.kind, url)
        lowest = before.severity_from if severity_from is None else severity_from
        _check(before.topics if topics is None else topics, lowest)
        values = {"tenant_id": tenant_id, "id": before.id, "url": url, "severity_from": severity_from}
        await connection.execute(query("set_channel"), values | {"topics": None if topics is None else list(topics)})
        after = await find_channel(connection, tenant_id, name)
        if after != before:
            await _noted(connection, tenant_id, actor, "channel.changed", name, _changes(before, after))
    return after


async def name_taken(connection: Connection, tenant_id: UUID, name: str) -> NameTaken:
    """The error for a name that a channel has already, with what to do where that one was removed."""
    there = await find_channel(connection, tenant_id, name)
    again = (
        f"; it was removed and can be had again: handrail channel enable {name}" if there.disabled_reason == _REMOVED else ""
    )
    return NameTaken(f"there is a channel {name!r} already{again}")


async def note_added(connection: Connection, tenant_id: UUID, name: str, *, actor: str = ACTOR) -> None:
    """Writes into the audit log that a channel, of whichever kind, was added."""
    made = await find_channel(connection, tenant_id, name)
    detail: audit.Detail = {
        "kind": made.kind,
        "host": _host(made.url),
        "topics": " ".join(made.topics),
        "severity_from": made.severity_from,
        "rung": made.rung,
    }
    await _noted(connection, tenant_id, actor, "channel.added", name, detail)


async def note_rung(
    connection: Connection, tenant_id: UUID, name: str, before: int, after: int, *, actor: str = ACTOR
) -> None:
    """Writes into the audit log that a channel was moved on the ladder."""
    await _noted(connection, tenant_id, actor, "channel.changed", name, {"rung_before": before, "rung": after})


async def note_rotated(
    connection: Connection, tenant_id: UUID, name: str, overlap_seconds: int, *, actor: str = ACTOR
) -> None:
    """Writes into the audit log that a channel has a new secret."""
    await _noted(connection, tenant_id, actor, "channel.secret_rotated", name, {"overlap_seconds": overlap_seconds})


async def disable_channel(
    connection: Connection, tenant_id: UUID, name: str, *, reason: str = "operator", actor: str = ACTOR
) -> None:
    """The channel takes nothing any more. Raises :class:`~guard.records.errors.NotFound`."""
    async with connection.transaction():
        values = {"tenant_id": tenant_id, "name": name, "reason": reason}
        if await one(connection, query("disable_channel"), values) is None:
            found = await find_channel(connection, tenant_id, name)
            raise NotFound(f"channel {name!r} is off already ({found.disabled_reason})")
        await _noted(connection, tenant_id, actor, "channel.disabled", name, {"reason": reason})


async def enable_channel(connection: Connection, tenant_id: UUID, name: str, *, actor: str = ACTOR) -> None:
    """The channel is told again of what comes from now on. Raises :class:`~guard.records.errors.NotFound`."""
    async with connection.transaction():
        row = await one(connection, query("enable_channel"), {"tenant_id": tenant_id, "name": name})
        if row is None:
            await find_channel(connection, tenant_id, name)
            raise NotFound(f"channel {name!r} is on already")
        await _noted(connection, tenant_id, actor, "channel.enabled", name, {"reason_before": row["before"]})


async def remove_channel(connection: Connection, tenant_id: UUID, name: str, *, actor: str = ACTOR) -> bool:
    """Takes the channel away. Returns false where deliveries refer to it: it is then off for good, as ``removed``, and what
    it was told stays on record. Raises :class:`~guard.records.errors.NotFound`."""
    async with connection.transaction():
        found = await find_channel(connection, tenant_id, name)
        values = {"tenant_id": tenant_id, "id": found.id}
        try:
            async with connection.transaction():
                await connection.execute(query("remove_channel"), values)
            gone = True
        except psycopg.errors.ForeignKeyViolation:
            await connection.execute(query("retire_channel"), values)
            gone = False
        await _noted(connection, tenant_id, actor, "channel.removed", name, {"kept_for_its_deliveries": not gone})
    return gone


async def _noted(
    connection: Connection, tenant_id: UUID, actor: str, action: str, name: str, detail: audit.Detail | None = None
) -> None:
    await audit.append(
        connection, tenant_id=tenant_id, actor=actor, action=action, subject=f"channel:{name}", detail=detail or {}
    )


def _changes(before: Channel, after: Channel) -> audit.Detail:
    """What changed. Of an address only its host: the rest may carry a token, or be somebody's name."""
    detail: dict[str, str | int | bool | None] = {}
    if before.url != after.url:
        detail |= {"host_before": _host(before.url), "host": _host(after.url)}
    if before.topics != after.topics:
        detail |= {"topics_before": " ".join(before.topics), "topics": " ".join(after.topics)}
    if before.severity_from != after.severity_from:
        detail |= {"severity_from_before": before.severity_from, "severity_from": after.severity_from}
    return detail


def _host(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path.rpartition("@")[2] if parts.scheme == "mailto" else parts.hostname or "")[:_LONGEST_HOST]


def _check(topics: Sequence[str], severity_from: int) -> None:
    unknown = [topic for topic in topics if topic not in _TOPICS]
    if unknown or not topics:
        what = f"there is no {unknown[0]}{nearest(unknown[0], _TOPICS)}" if unknown else "give one at least"
        raise RequestRefused(f"topics are {', '.join(_TOPICS)}; {what}")
    if not 0 <= severity_from <= 4:
        raise RequestRefused(f"severity {severity_from} does not exist; give 0 to 4")


def _check_address(kind: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _SCHEMES[kind] and bool(parts.path if kind == "email" else parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise RequestRefused(f"a channel of kind {kind} needs an address that begins with {' or '.join(_SCHEMES[kind])}:")
