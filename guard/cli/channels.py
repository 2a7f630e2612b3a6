"""Commands about channels: where people are told of cases. A signing secret is shown once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from guard.cli.options import DatabaseUrl, DataDir, settings_from
from guard.cli.records import OfTenant, day, on_records, say, table, warn

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from guard.records import admin
    from guard.settings import Settings

__all__ = ["channel"]

channel = typer.Typer(name="channel", help="Where people are told of cases.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="As `handrail channel list` shows it.")]
Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", help="case.opened, case.raised or alert.opened; may be given more than once."),
]
SeverityFrom = Annotated[int | None, typer.Option(min=0, max=4, help="The lowest severity of a case that it is told of.")]
Rung = Annotated[int | None, typer.Option(min=1, max=9, help="1 is told first, the next where nobody answers.")]


@channel.command("add")
def channel_add(
    name: Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")],
    address: Annotated[
        str, typer.Argument(metavar="URL", help="Where the signed webhook goes; or mailto:desk@example.org.")
    ],
    tenant: OfTenant = "default",
    topic: Topics = None,
    severity_from: SeverityFrom = None,
    rung: Rung = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Add a webhook (Standard Webhooks), whose signing secret is shown once, or an e-mail address."""
    from guard.escalation import channels
    from guard.records import admin
    from guard.records.admin.names import check_name
    from guard.records.installation import keys_of

    settings = settings_from(data_dir=data_dir, database_url=database_url)
    more: dict[str, Any] = {"severity_from": severity_from or 0} | ({"topics": topic} if topic else {})

    async def add(connection: AsyncConnection[Any]) -> str | None:
        found = await admin.find_tenant(connection, tenant)
        _check_address(settings, address)
        async with connection.transaction():
            if _is_mail(address):
                check_name("channel", name)
                await channels.add_email(connection, found.id, name, _mailbox(address), rung=rung or 1, **more)
                await admin.note_added(connection, found.id, name)
                return None
            keys = await keys_of(connection, settings.home)
            secret = await admin.add_webhook(connection, keys, found.id, name, address, **more)
            if rung is not None and rung != 1:
                await channels.set_rung(connection, found.id, name, rung)
                await admin.note_rung(connection, found.id, name, 1, rung)
            return secret

    secret = on_records(settings, add)
    if secret is None:
        say(f"channel {name} is added")
        if settings.smtp_url is None:
            warn("no mail server is set, so nothing is sent: set HANDRAIL_SMTP_URL where the worker runs")
        return
    say(f"channel {name} is added; its signing secret, shown this once:")
    typer.echo(secret)


@channel.command("list")
def channel_list(tenant: OfTenant = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List a tenant's channels, with the code of the last delivery where that failed."""
    from guard.cli.deliveries import failing_of
    from guard.records import admin

    async def read(connection: AsyncConnection[Any]) -> tuple[list[admin.Channel], dict[UUID, str]]:
        found = await admin.find_tenant(connection, tenant)
        return await admin.list_channels(connection, found.id), await failing_of(connection, found.id)

    rows, failures = on_records(settings_from(data_dir=data_dir, database_url=database_url), read)
    table(
        ("name", "url", "topics", "from", "rung", "state", "last failure", "old secret signs until"),
        [
            (
                row.name,
                row.url,
                ", ".join(row.topics),
                str(row.severity_from),
                str(row.rung),
                "on" if row.enabled else str(row.disabled_reason),
                failures.get(row.id, ""),
                day(row.previous_until),
            )
            for row in rows
        ],
    )


@channel.command("set")
def channel_set(
    name: Name,
    url: Annotated[str | None, typer.Option(help="Another address; the signing secret stays.", show_default=False)] = None,
    tenant: OfTenant = "default",
    topic: Topics = None,
    severity_from: SeverityFrom = None,
    rung: Rung = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Change a channel: address, topics (all that are given, and no others), lowest severity, rung."""
    from guard.escalation import channels
    from guard.escalation.letter import mail_address
    from guard.records import admin

    if url is None and not topic and severity_from is None and rung is None:
        raise typer.BadParameter("nothing to change; give --url, --topic, --severity-from or --rung")
    settings = settings_from(data_dir=data_dir, database_url=database_url)

    async def change(connection: AsyncConnection[Any]) -> None:
        found = await admin.find_tenant(connection, tenant)
        target = url
        if url is not None:
            _check_address(settings, url)
            target = f"mailto:{mail_address(_mailbox(url))}" if _is_mail(url) else url
        async with connection.transaction():
            before = await admin.find_channel(connection, found.id, name)
            if rung is not None and rung != before.rung:
                await channels.set_rung(connection, found.id, name, rung)
                await admin.note_rung(connection, found.id, name, before.rung, rung)
            await admin.change_channel(
                connection, found.id, name, url=target, topics=topic or None, severity_from=severity_from
            )

    on_records(settings, change)
    say(f"channel {name} is changed")


@channel.command("enable")
def channel_enable(
    name: Name, tenant: OfTenant = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Switch a channel on again, whoever switched it off, removed ones too."""
    from guard.records import admin

    async def change(connection: AsyncConnection[Any]) -> None:
        await admin.enable_channel(connection, (await admin.find_tenant(connection, tenant)).id, name)

    on_records(settings_from(data_dir=data_dir, database_url=database_url), change)
    say(f"channel {name} is on")


@channel.command("disable")
def channel_disable(
    name: Name, tenant: OfTenant = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Switch a channel off until it is enabled."""
    from guard.records import admin

    async def change(connection: AsyncConnection[Any]) -> bool:
        found = await admin.find_tenant(connection, tenant)
        await admin.disable_channel(connection, found.id, name)
        return found.people != "none" and not _takes_cases(await admin.list_channels(connection, found.id))

    unheard = on_records(settings_from(data_dir=data_dir, database_url=database_url), change)
    say(f"channel {name} is off")
    if unheard:
        warn(f"tenant {tenant} has people, and no channel is left that tells them of a case")


@channel.command("remove")
def channel_remove(
    name: Name, tenant: OfTenant = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Take a channel away. One that was ever told something stays on record, off."""
    from guard.records import admin

    async def change(connection: AsyncConnection[Any]) -> tuple[bool, bool]:
        found = await admin.find_tenant(connection, tenant)
        gone = await admin.remove_channel(connection, found.id, name)
        return gone, found.people != "none" and not _takes_cases(await admin.list_channels(connection, found.id))

    gone, unheard = on_records(settings_from(data_dir=data_dir, database_url=database_url), change)
    say(f"channel {name} is removed" + ("" if gone else "; it stays on record, off, for what it was told"))
    if unheard:
        warn(f"tenant {tenant} has people, and no channel is left that tells them of a case")


@channel.command("rotate-secret")
def channel_rotate_secret(
    name: Name,
    overlap: Annotated[
        float, typer.Option(help="Hours for which the old secret signs too; 0 drops it at once.", min=0, max=720)
    ] = 24.0,
    tenant: OfTenant = "default",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Give a webhook a new signing secret, shown once. Both sign until the overlap is over."""
    from guard.escalation import channels
    from guard.records import admin
    from guard.records.installation import keys_of

    settings = settings_from(data_dir=data_dir, database_url=database_url)

    async def rotate(connection: AsyncConnection[Any]) -> str:
        found = await admin.find_tenant(connection, tenant)
        await admin.find_channel(connection, found.id, name)
        keys = await keys_of(connection, settings.home)
        async with connection.transaction():
            secret = await channels.rotate_secret(connection, keys, found.id, name, overlap=timedelta(hours=overlap))
            await admin.note_rotated(connection, found.id, name, round(overlap * 3600))
        return secret

    secret = on_records(settings, rotate)
    until = f"the old one signs too for {overlap:g} hours" if overlap else "the old one signs no more"
    say(f"channel {name} has a new signing secret, shown this once; {until}:")
    typer.echo(secret)


def _is_mail(address: str) -> bool:
    return address.startswith("mailto:") or ("@" in address and "/" not in address)


def _mailbox(address: str) -> str:
    return address.removeprefix("mailto:")


def _check_address(settings: Settings, address: str) -> None:
    from guard.escalation.addresses import destination, system_resolve

    if _is_mail(address):
        return
    try:
        destination(address, allow_private=settings.allow_private_webhooks, resolve=system_resolve)
    except OSError:  # it may from tomorrow on; deliveries are tried again
        warn("the host's name does not resolve now; until it does, nobody is told by this channel")


def _takes_cases(rows: list[admin.Channel]) -> bool:
    return any(row.enabled and {"case.opened", "case.raised"} & set(row.topics) for row in rows)
