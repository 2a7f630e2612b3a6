"""Reads the audit log: what was done, and whether the chain is whole.

A row's hash is the SHA-256 of the hash before it and of its own fields as netstrings. Whoever can only write rows cannot
change, drop or swap one unseen. Whoever owns the tables can compute a whole new chain, or cut its end off and move the head
back: only an anchor tells, a head that was kept elsewhere. docs/decisions/0044 says what is and what is not noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection, IsolationLevel
from psycopg.rows import class_row

from guard.records.queries import query

__all__ = ["Break", "Chain", "Checked", "Entry", "Follower", "Link", "chains", "digest", "show", "verify"]

_FIRST: Final = bytes(32)
_BATCH: Final = 2000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Link:
    """One row as it was hashed. ``microseconds``: since 1970, as decimal text. ``detail``: the JSON's very bytes."""

    seq: int
    microseconds: str
    actor: str
    action: str
    subject: str
    detail: str
    previous: bytes
    hash: bytes

    @property
    def at(self) -> datetime | None:
        """When it was written; ``None`` where that was changed into what is no instant."""
        try:
            return _EPOCH + timedelta(microseconds=int(self.microseconds))
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class Chain:
    """A tenant's chain by its head. ``name``: ``None`` where the tenant is gone. ``seq``, ``hash`` and ``at``: of the last
    row; ``None`` where nothing was written yet, or the head was taken away."""

    tenant_id: UUID
    name: str | None
    seq: int | None
    hash: bytes | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where a chain is not what was written. ``at``: of the row, where there is one."""

    seq: int
    at: datetime | None
    what: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What the walk along one chain found: ``rows`` that are whole, and the first that is not."""

    chain: Chain
    rows: int
    broken: Break | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A row to be read. ``detail``: JSON."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str


def digest(tenant_id: UUID, link: Link) -> bytes:
    """The hash that ``link`` ought to have, given its ``previous``. PostgreSQL's audit_digest computes the same."""
    fields = (str(tenant_id), str(link.seq), link.microseconds, link.actor, link.action, link.subject, link.detail)
    encoded = (field.encode("utf-8", "surrogatepass") for field in fields)
    return hashlib.sha256(link.previous + b"".join(b"%d:%b," % (len(field), field) for field in encoded)).digest()


class Follower:
    """Follows one chain row by row, in constant memory. ``anchors``: hashes that were kept elsewhere, by row number."""

    def __init__(self, tenant_id: UUID, anchors: Mapping[int, bytes] | None = None) -> None:
        self._tenant_id = tenant_id
        self._anchors = dict(anchors or {})
        self._hash = _FIRST
        self.rows = 0

    def next(self, link: Link) -> Break | None:
        """The break that ``link`` shows, if it shows one. Not to be asked again after that."""
        due = self.rows + 1
        if link.seq != due:
            missing = f"row {due} is" if link.seq == due + 1 else f"rows {due} to {link.seq - 1} are"
            return Break(due, link.at, f"{missing} missing; the next that is there has this time")
        if link.previous != self._hash:
            return Break(due, link.at, "it does not name the hash of the row before it")
        if digest(self._tenant_id, link) != link.hash:
            return Break(due, link.at, "its content does not match its hash: it was changed, or stood elsewhere")
        if self._anchors.get(due, link.hash) != link.hash:
            return Break(due, link.at, "the anchor has another hash: the chain was written anew")
        self._hash, self.rows = link.hash, due
        return None

    def end(self, chain: Chain) -> Break | None:
        """The break that shows once there are no more rows."""
        if chain.seq is None:
            if self.rows:
                return Break(self.rows, None, "the chain's head was taken away; rows after this one may be too")
        elif chain.seq > self.rows:
            return Break(self.rows + 1, chain.at, f"rows up to {chain.seq} were cut off; the last had this time")
        elif chain.seq < self.rows or chain.hash != self._hash:
            return Break(self.rows, chain.at, "the chain's head does not name this row")
        beyond = [seq for seq in self._anchors if seq > self.rows]
        if beyond:
            return Break(
                self.rows + 1, None, f"an anchor knows row {max(beyond)}: the end was cut off, and the head moved back"
            )
        return None


async def chains(connection: AsyncConnection[Any], *, only: UUID | None = None) -> list[Chain]:
    """All chains, or a tenant's, with the tenants that have none yet."""
    cursor = await connection.cursor(row_factory=class_row(Chain)).execute(query("audit_chains"), {"only": only})
    return await cursor.fetchall()


async def verify(
    connection: AsyncConnection[Any], *, only: UUID | None = None, anchors: Mapping[UUID, Mapping[int, bytes]] | None = None
) -> list[Checked]:
    """Walks each chain from its first row to its first break or its end, in constant memory.

    ``connection``: with no transaction open. All is read as of one moment, while others go on writing. Anchors for a tenant
    that has neither rows nor a head left are a break too.
    """
    kept = dict(anchors or {})
    before = connection.isolation_level
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    try:
        async with connection.transaction():
            found = [
                await _walk(connection, chain, kept.pop(chain.tenant_id, {}))
                for chain in await chains(connection, only=only)
            ]
    finally:
        await connection.set_isolation_level(before)
    for tenant_id, lost in kept.items():
        chain = Chain(tenant_id, None, None, None, None)
        found.append(Checked(chain, 0, Follower(tenant_id, lost).end(chain)))
    return found


async def _walk(connection: AsyncConnection[Any], chain: Chain, anchors: Mapping[int, bytes]) -> Checked:
    follower = Follower(chain.tenant_id, anchors)
    async with connection.cursor("audit_rows", row_factory=class_row(Link)) as rows:
        rows.itersize = _BATCH
        await rows.execute(query("audit_rows"), {"tenant_id": chain.tenant_id})
        async for link in rows:
            broken = follower.next(link)
            if broken is not None:
                return Checked(chain, follower.rows, broken)
    return Checked(chain, follower.rows, follower.end(chain))


async def show(
    connection: AsyncConnection[Any],
    tenant_id: UUID,
    *,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100,
) -> list[Entry]:
    """The newest ``limit`` rows that fit, oldest first. ``action``: a whole action, or its first words."""
    values = {"tenant_id": tenant_id, "actor": actor, "action": action, "subject": subject, "since": since, "until": until}
    cursor = connection.cursor(row_factory=class_row(Entry))
    await cursor.execute(query("audit_show"), values | {"limit": limit})
    return (await cursor.fetchall())[::-1]
