"""The ledger of deliveries as an operator reads it, and what is made again by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from guard.escalation.errors import DeliveryNotFound
from guard.escalation.signing import webhook_id
from guard.records import audit
from guard.records.ids import new_id

__all__ = ["MOST", "Delivery", "find", "read", "replay"]

MOST: Final = 10_000
"""Deliveries that one call looks at."""
_LISTED: Final = 20  # audit rows name so many messages; the count is whole


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on one channel. ``state``: waiting, retrying, delivered (the receiver or the mail server took it),
    acknowledged (a person took the case since), closed (the case was, before anybody tried) or unreachable (given up).
    ``instead_of``: the channel it was passed on from."""

    tenant: str
    tenant_id: UUID
    outbox_id: UUID
    channel_id: UUID
    channel: str
    kind: str
    enabled: bool
    topic: str
    severity: int | None
    case_id: str | None
    state: str
    attempts: int
    error: str | None
    instead_of: str | None
    created_at: datetime
    next_at: datetime
    delivered_at: datetime | None
    synthetic: bool

    @property
    def message_id(self) -> str:
        """The ``webhook-id``, which an e-mail's ``Message-ID`` begins with too."""
        return webhook_id(self.outbox_id, self.channel_id)


async def read(
    connection: AsyncConnection[Any], *, tenant: str | None = None, dead: bool = False, limit: int = 100
) -> list[Delivery]:
    """Deliveries, the newest first. ``dead``: only those that were given up. ``limit``: 1 to :data:`MOST`."""
    return await _read(connection, tenant, None, dead, limit)


async def find(connection: AsyncConnection[Any], given: str, *, tenant: str | None = None) -> list[Delivery]:
    """Deliveries that were given up and that ``given`` means: a ``msg_…`` id, or a message's UUID with all its channels.

    Raises :class:`~guard.escalation.errors.DeliveryNotFound`.
    """
    try:
        found = await _read(connection, tenant, UUID(given), True, MOST)
    except ValueError:
        found = [row for row in await _read(connection, tenant, None, True, MOST) if row.message_id == given]
    if not found:
        raise DeliveryNotFound(
            f"no delivery that was given up has the id {given[:80]!r}; handrail deliveries list --dead shows all"
        )
    return found


async def replay(connection: AsyncConnection[Any], chosen: Sequence[Delivery], *, actor: str = "cli") -> int:
    """Makes ``chosen`` due again at once; returns how many are. Those of channels that are switched off stay given up, and
    so does what was made again meanwhile. What tells of a case that is closed is settled and not sent. One transaction, with
    one row in each tenant's audit log."""
    again: dict[UUID, list[str]] = {}
    async with connection.transaction():
        for delivery in chosen:
            ids = {"tenant_id": delivery.tenant_id, "outbox_id": delivery.outbox_id, "channel_id": delivery.channel_id}
            cursor = await connection.execute(_statement("replay"), ids | {"event_id": new_id()})
            if await cursor.fetchone() is not None:
                again.setdefault(delivery.tenant_id, []).append(delivery.message_id)
        if again:
            await connection.execute("notify handrail_outbox")
        for tenant_id, messages in sorted(again.items()):
            detail: dict[str, str | int | bool | None] = {"deliveries": len(messages)}
            detail |= {f"message_{number}": message for number, message in enumerate(messages[:_LISTED], 1)}
            await audit.append(
                connection,
                tenant_id=tenant_id,
                actor=actor,
                action="deliveries.replayed",
                subject="deliveries",
                detail=detail,
            )
    return sum(map(len, again.values()))


async def _read(
    connection: AsyncConnection[Any], tenant: str | None, outbox_id: UUID | None, dead: bool, limit: int
) -> list[Delivery]:
    values = {"tenant": tenant, "outbox_id": outbox_id, "dead": dead, "limit": max(1, min(limit, MOST))}
    cursor = await connection.cursor(row_factory=class_row(Delivery)).execute(_statement("deliveries"), values)
    return await cursor.fetchall()


@cache
def _statement(name: str) -> LiteralString:
    return resources.files("guard.escalation.queries").joinpath(f"{name}.sql").read_text("utf-8")
