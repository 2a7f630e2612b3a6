"""What the ledger of deliveries says to an operator: which channels fail and why, and who is told of nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection, Connection
from psycopg.rows import class_row

from guard.records.queries import query

__all__ = ["Failing", "Untold", "failing", "failing_of", "sentence", "untold", "without_channel"]

_SENTENCES: Final = {
    "address_invalid": "its address cannot be read or is no https address",
    "address_credentials": "its address carries credentials; the signature is what proves us",
    "address_plain": "its address is plain http; use https",
    "address_private": "its address is loopback, private or reserved; use a public one, or set "
    "HANDRAIL_ALLOW_PRIVATE_WEBHOOKS",
    "channel_disabled": "the receiver said that it is gone (410), so the channel takes nothing more",
    "connect_failed": "no connection to the receiver could be made",
    "gone": "the receiver said that it is gone (410), so the channel takes nothing more",
    "name_not_found": "the host's name does not resolve",
    "protocol_error": "the receiver did not answer as HTTP asks",
    "secret_unusable": "its signing secret does not open with this data folder's master key",
    "timeout": "the receiver did not answer in time",
    "tls_failed": "the receiver's certificate or its TLS cannot be used",
}


@dataclass(frozen=True, slots=True)
class Failing:
    """A channel whose last delivery failed. ``error``: the ledger's code. ``since``: when that delivery was made."""

    tenant: str
    tenant_id: UUID
    id: UUID
    name: str
    error: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Untold:
    """Open cases of severity 3 and above of one tenant that no channel told. ``people``: whether it says that it has any."""

    tenant: str
    people: bool
    cases: int
    oldest: datetime


def sentence(code: str) -> str:
    """What a delivery's code means, in words."""
    kind, _, number = code.partition("_")
    if kind == "status" and number.isdigit():
        return f"the receiver answered {number}"
    if kind == "redirect" and number.isdigit():
        return f"the receiver redirects ({number}), which is not followed; give its final address"
    return _SENTENCES.get(code, f"the delivery failed ({code})")


async def failing_of(connection: AsyncConnection[Any], tenant_id: UUID) -> dict[UUID, str]:
    """The code of each of a tenant's channels whose last delivery failed."""
    cursor = await connection.cursor(row_factory=class_row(Failing)).execute(query("failing_channels"))
    return {row.id: row.error for row in await cursor.fetchall() if row.tenant_id == tenant_id}


def failing(connection: Connection[Any]) -> list[Failing]:
    """All channels whose last delivery failed, by tenant and name."""
    return connection.cursor(row_factory=class_row(Failing)).execute(query("failing_channels")).fetchall()


def untold(connection: Connection[Any]) -> list[Untold]:
    """Open cases of severity 3 and above that nobody was told of, by tenant."""
    return connection.cursor(row_factory=class_row(Untold)).execute(query("untold_cases")).fetchall()


def without_channel(connection: Connection[Any]) -> list[str]:
    """Names of the tenants that have people and no channel that takes cases."""
    return [str(row[0]) for row in connection.execute(query("tenants_without_channel")).fetchall()]
