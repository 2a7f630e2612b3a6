"""Tenants: made, changed, disabled, and removed where nothing was ever said to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from detectors.signals import SIGNALS
from guard.records import audit
from guard.records.admin.names import ACTOR, Connection, check_name, missing, nearest, one
from guard.records.errors import NameTaken, NotFound, RequestRefused
from guard.records.ids import new_id
from guard.records.queries import query
from guard.records.terms import RedactUpstream
from policies.expression.names import MAY_BE_OFF, may_be_off, named

__all__ = [
    "TenantRow",
    "change_tenant",
    "create_tenant",
    "disable_tenant",
    "enable_tenant",
    "find_tenant",
    "list_tenants",
    "remove_tenant",
]

_PEOPLE: Final = ("none", "hours", "always")
_LONGEST_TAG: Final = 63
_LONGEST_LINK: Final = 2000


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A tenant as stored. ``deep_link``: where reviewers find a conversation in the tenant's own system. ``disabled_at``:
    since when its keys open nothing. ``opinion_since``: since when its text may go out for second opinions, if it may."""

    id: UUID
    name: str
    tag: str
    people: str
    store_text: bool
    redact_upstream: str
    off: list[str]
    screens: bool
    deep_link: str | None
    synthetic: bool
    created_at: datetime
    disabled_at: datetime | None
    opinion_since: datetime | None


async def create_tenant(
    connection: Connection,
    name: str,
    *,
    tag: str = "",
    people: str = "none",
    store_text: bool = False,
    redact_upstream: str = "off",
    off: Sequence[str] = (),
    screens: bool = False,
    deep_link: str | None = None,
    synthetic: bool = False,
    actor: str = ACTOR,
) -> UUID:
    """A new tenant. ``people``: none, hours or always. ``off``: signals that are never read; ``screens``: whether
    :data:`~detectors.signals.SCREENS` are. Raises :class:`~guard.records.errors.NameTaken`, or
    :class:`~guard.records.errors.RequestRefused` for a name or a value that cannot be."""
    check_name("tenant", name)
    _check(people, tag, deep_link, redact_upstream)
    tenant_id = new_id()
    values = {"id": tenant_id, "name": name, "tag": tag, "people": people, "store_text": store_text, "off": _forbidden(off)}
    values |= {"redact_upstream": redact_upstream, "screens": screens}
    async with connection.transaction():
        made = await one(connection, query("add_tenant"), values | {"deep_link": deep_link, "synthetic": synthetic})
        if made is None:
            raise NameTaken(f"there is a tenant {name!r} already")
        detail: audit.Detail = {
            "people": people,
            "store_text": store_text,
            "redact_upstream": redact_upstream,
            "deep_link": bool(deep_link),
            "synthetic": synthetic,
        }
        await _noted(connection, tenant_id, actor, "tenant.created", name, detail)
    return tenant_id


async def find_tenant(connection: Connection, name: str) -> TenantRow:
    """The tenant of this name. Raises :class:`~guard.records.errors.NotFound`."""
    cursor = await connection.cursor(row_factory=class_row(TenantRow)).execute(query("find_tenant"), {"name": name})
    row = await cursor.fetchone()
    if row is None:
        known = [tenant.name for tenant in await list_tenants(connection)]
        raise missing("tenant", name, known, otherwise="handrail tenant list shows all")
    return row


async def list_tenants(connection: Connection) -> list[TenantRow]:
    """All tenants by name."""
    cursor = await connection.cursor(row_factory=class_row(TenantRow)).execute(query("tenants"))
    return await cursor.fetchall()


async def change_tenant(
    connection: Connection,
    name: str,
    *,
    tag: str | None = None,
    people: str | None = None,
    store_text: bool | None = None,
    redact_upstream: str | None = None,
    off: Sequence[str] | None = None,
    screens: bool | None = None,
    deep_link: str | None = None,
    opinion: bool | None = None,
    actor: str = ACTOR,
) -> TenantRow:
    """Changes what is not ``None``; an empty ``deep_link`` takes it away. Returns the tenant as it is then. A running
    gateway follows within seconds. Text that was stored stays where no more is to be: ``destroy_text`` ends it. ``opinion``:
    whether text that is said from now on may go to the endpoint of second opinions.

    Raises :class:`~guard.records.errors.NotFound`, and :class:`~guard.records.errors.RequestRefused` for a value that
    cannot be.
    """
    async with connection.transaction():
        await connection.execute(query("lock_tenant"), {"name": name})
        before = await find_tenant(connection, name)
        after = replace(
            before,
            tag=before.tag if tag is None else tag,
            people=before.people if people is None else people,
            store_text=before.store_text if store_text is None else store_text,
            redact_upstream=before.redact_upstream if redact_upstream is None else redact_upstream,
            off=before.off if off is None else _forbidden(off),
            screens=before.screens if screens is None else screens,
            deep_link=before.deep_link if deep_link is None else deep_link or None,
            opinion_since=_opinion_since(before, opinion),
        )
        _check(after.people, after.tag, after.deep_link, after.redact_upstream)
        if after == before:
            return before
        values = {"id": before.id, "tag": after.tag, "people": after.people, "store_text": after.store_text}
        values |= {"redact_upstream": after.redact_upstream, "screens": after.screens}
        more = {"off": after.off, "deep_link": after.deep_link, "opinion_since": after.opinion_since}
        await connection.execute(query("set_tenant"), values | more)
        await _noted(connection, before.id, actor, "tenant.changed", name, _changes(before, after))
    return after


async def disable_tenant(connection: Connection, name: str, *, actor: str = ACTOR) -> None:
    """From a few seconds on its keys open nothing and its reviewers cannot come in; all rows stay. Raises
    :class:`~guard.records.errors.NotFound` where there is none in force."""
    async with connection.transaction():
        await _switch(connection, name, "disable_tenant", "is disabled already")
        await _noted(connection, (await find_tenant(connection, name)).id, actor, "tenant.disabled", name)


async def enable_tenant(connection: Connection, name: str, *, actor: str = ACTOR) -> None:
    """Its keys open again. Raises :class:`~guard.records.errors.NotFound` where there is none that is disabled."""
    async with connection.transaction():
        await _switch(connection, name, "enable_tenant", "is in force already")
        await _noted(connection, (await find_tenant(connection, name)).id, actor, "tenant.enabled", name)


async def remove_tenant(connection: Connection, name: str, *, actor: str = ACTOR) -> bool:
    """Takes the tenant away with its keys, reviewers and channels; its audit log stays. Returns false where turns, cases or
    messages refer to it: it is then disabled, and nothing is lost. Raises :class:`~guard.records.errors.NotFound`."""
    async with connection.transaction():
        await connection.execute(query("lock_tenant"), {"name": name})
        found = await find_tenant(connection, name)
        try:
            async with connection.transaction():
                row = await one(connection, query("remove_tenant"), {"tenant_id": found.id})
        except psycopg.errors.ForeignKeyViolation:
            row = None
        if row is not None:
            await _noted(connection, found.id, actor, "tenant.removed", name)
            return True
        if found.disabled_at is None:
            await _switch(connection, name, "disable_tenant", "is disabled already")
            await _noted(connection, found.id, actor, "tenant.disabled", name)
        return False


async def _switch(connection: Connection, name: str, statement: str, already: str) -> None:
    if await one(connection, query(statement), {"name": name}) is None:
        await find_tenant(connection, name)
        raise NotFound(f"tenant {name!r} {already}")


async def _noted(
    connection: Connection, tenant_id: UUID, actor: str, action: str, name: str, detail: audit.Detail | None = None
) -> None:
    await audit.append(
        connection, tenant_id=tenant_id, actor=actor, action=action, subject=f"tenant:{name}", detail=detail or {}
    )


def _opinion_since(before: TenantRow, opinion: bool | None) -> datetime | None:
    if opinion is None or opinion is (before.opinion_since is not None):
        return before.opinion_since
    return datetime.now(UTC) if opinion else None


def _changes(before: TenantRow, after: TenantRow) -> audit.Detail:
    """What changed, from what to what. Of the link only whether there is one: it may carry a token."""
    detail: dict[str, str | int | bool | None] = {}
    for name in ("tag", "people", "store_text", "redact_upstream", "screens"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            detail |= {f"{name}_before": old, name: new}
    if before.opinion_since != after.opinion_since:
        detail |= {"opinion_before": before.opinion_since is not None, "opinion": after.opinion_since is not None}
    if before.off != after.off:
        detail |= {"off_before": len(before.off), "off": len(after.off)}
        detail |= {f"off.{signal}": signal in after.off for signal in sorted(set(before.off) ^ set(after.off))}
    if before.deep_link != after.deep_link:
        detail |= {"deep_link_before": before.deep_link is not None, "deep_link": after.deep_link is not None}
    return detail


def _forbidden(off: Sequence[str]) -> list[str]:
    """The signals that are named, as ``distress`` or ``emotion.*``. Raises :class:`~guard.records.errors.RequestRefused`."""
    found: set[str] = set()
    for given in off:
        names = named(given)
        if not names:
            raise RequestRefused(f"there is no signal {given!r}{nearest(given, SIGNALS)}")
        if not all(map(may_be_off, names)):
            those = ", ".join(f"{name}*" if name.endswith(".") else name for name in MAY_BE_OFF)
            raise RequestRefused(f"{given} is for safety and is always read; what may be off: {those}")
        found.update(names)
    return sorted(found)


def _check(people: str, tag: str, deep_link: str | None, redact_upstream: str) -> None:
    if redact_upstream not in list(RedactUpstream):
        raise RequestRefused(f"redact_upstream is {redact_upstream!r}; give one of {', '.join(RedactUpstream)}")
    if people not in _PEOPLE:
        raise RequestRefused(f"people is {people!r}; give one of {', '.join(_PEOPLE)}")
    if len(tag) > _LONGEST_TAG or not tag.isprintable():
        raise RequestRefused(f"a tag has at most {_LONGEST_TAG} printable characters")
    if deep_link is None:
        return
    try:
        parts = urlsplit(deep_link)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        usable = False
    if not usable or len(deep_link) > _LONGEST_LINK or not deep_link.isprintable() or " " in deep_link:
        raise RequestRefused(
            f"a deep link is an http or https address of at most {_LONGEST_LINK} characters, without a user or password"
        )
