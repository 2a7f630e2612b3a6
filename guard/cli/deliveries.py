"""What the ledger of deliveries says to an operator: what became of each message, which channels fail and why, and who is
told of nothing; and `handrail deliveries`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from guard.cli.options import DatabaseUrl, DataDir, settings_from

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg import AsyncConnection, Connection

    from guard.escalation.deliveries import Delivery

__all__ = ["Failing", "Untold", "app", "failing", "failing_of", "sentence", "untold", "without_channel"]

app = typer.Typer(name="deliveries", help="What became of the messages about cases.", no_args_is_help=True)

Tenant = Annotated[str | None, typer.Option("--tenant", help="One tenant's only.", show_default="all")]

_SENTENCES: Final = {
    "address_invalid": "its address cannot be read, or is no https or plain e-mail address",
    "address_credentials": "its address carries credentials; the signature is what proves us",
    "address_plain": "its address is plain http; use https",
    "address_private": "its address is loopback, private or reserved; use a public one, or set "
    "HANDRAIL_ALLOW_PRIVATE_WEBHOOKS",
    "case_closed": "the case was closed before it could be told",
    "channel_disabled": "the channel was switched off, by its receiver (410) or by an operator",
    "connect_failed": "no connection to the receiver could be made",
    "gone": "the receiver said that it is gone (410), so the channel takes nothing more",
    "name_not_found": "the host's name does not resolve",
    "protocol_error": "the receiver did not answer as HTTP asks",
    "secret_unusable": "its signing secret does not open with this data folder's master key",
    "smtp_auth": "the mail server does not take the user and password in HANDRAIL_SMTP_URL",
    "smtp_no_tls": "the mail server offers no STARTTLS; use smtps://, or another server",
    "smtp_unset": "no mail server is set; set HANDRAIL_SMTP_URL and HANDRAIL_MAIL_FROM",
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
    if kind == "smtp" and number.isdigit():
        return f"the mail server answered {number}"
    return _SENTENCES.get(code, f"the delivery failed ({code})")


async def failing_of(connection: AsyncConnection[Any], tenant_id: UUID) -> dict[UUID, str]:
    """The code of each of a tenant's channels whose last delivery failed."""
    from psycopg.rows import class_row

    from guard.records.queries import query

    cursor = await connection.cursor(row_factory=class_row(Failing)).execute(query("failing_channels"))
    return {row.id: row.error for row in await cursor.fetchall() if row.tenant_id == tenant_id}


def failing(connection: Connection[Any]) -> list[Failing]:
    """All channels whose last delivery failed, by tenant and name."""
    from psycopg.rows import class_row

    from guard.records.queries import query

    return connection.cursor(row_factory=class_row(Failing)).execute(query("failing_channels")).fetchall()


def untold(connection: Connection[Any]) -> list[Untold]:
    """Open cases of severity 3 and above that nobody was told of, by tenant."""
    from psycopg.rows import class_row

    from guard.records.queries import query

    return connection.cursor(row_factory=class_row(Untold)).execute(query("untold_cases")).fetchall()


def without_channel(connection: Connection[Any]) -> list[str]:
    """Names of the tenants that have people and no channel that takes cases."""
    from guard.records.queries import query

    return [str(row[0]) for row in connection.execute(query("tenants_without_channel")).fetchall()]


@app.command("list")
def deliveries_list(
    dead: Annotated[bool, typer.Option("--dead", help="Only those that were given up.")] = False,
    tenant: Tenant = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")] = 50,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """List messages and what became of them: waiting, retrying, delivered, acknowledged, closed or unreachable."""
    from guard.cli.records import day, on_records, table
    from guard.escalation import deliveries

    async def look(connection: AsyncConnection[Any]) -> list[Delivery]:
        await _check_tenant(connection, tenant)
        return await deliveries.read(connection, tenant=tenant, dead=dead, limit=limit)

    rows = on_records(settings_from(data_dir=data_dir, database_url=database_url), look)
    table(
        ("id", "told", "tenant", "channel", "what", "severity", "case", "state", "attempts", "because"),
        [
            (
                row.message_id,
                day(row.created_at),
                row.tenant,
                row.channel if row.instead_of is None else f"{row.channel} instead of {row.instead_of}",
                row.topic,
                "" if row.severity is None else str(row.severity),
                row.case_id or "",
                f"{row.state} until {day(row.next_at)}" if row.state == "retrying" else row.state,
                str(row.attempts),
                "" if row.error is None or row.state in ("delivered", "acknowledged") else sentence(row.error),
            )
            for row in rows
        ],
    )


@app.command("replay")
def deliveries_replay(
    message: Annotated[
        str | None, typer.Argument(metavar="ID", help="As the list shows it, or a message's UUID.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were given up.")] = False,
    tenant: Tenant = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Send what was given up again, under the same webhook-id: a receiver that had it can tell. What tells of a closed
    case is settled and not sent."""
    from guard.cli.records import on_records, say
    from guard.escalation import deliveries

    if (message is None) is not everything:
        raise typer.BadParameter("give one ID, or --all")

    async def again(connection: AsyncConnection[Any]) -> tuple[int, list[str]]:
        await _check_tenant(connection, tenant)
        if message is None:
            chosen = await deliveries.read(connection, tenant=tenant, dead=True, limit=deliveries.MOST)
        else:
            chosen = await deliveries.find(connection, message, tenant=tenant)
        off = sorted({row.channel for row in chosen if not row.enabled})
        return await deliveries.replay(connection, chosen), off

    count, off = on_records(settings_from(data_dir=data_dir, database_url=database_url), again)
    say("nothing is made again" if count == 0 else f"{count} {'delivery is' if count == 1 else 'deliveries are'} due again")
    if off:
        say(f"what went to channels that are off stays given up: {', '.join(off)}; handrail channel enable NAME")
        raise typer.Exit(0 if count else 1)


async def _check_tenant(connection: AsyncConnection[Any], tenant: str | None) -> None:
    from guard.records import admin

    if tenant is not None:
        await admin.find_tenant(connection, tenant)
