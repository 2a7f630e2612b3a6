"""Commands about the records: tenants, keys, reviewers, channels, the database. Secrets are shown once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer

from guard.cli.options import DatabaseUrl, DataDir, console, database, settings_from

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from guard.settings import Settings

__all__ = ["channel", "db", "key", "reviewer", "tenant"]

_T = TypeVar("_T")

tenant = typer.Typer(name="tenant", help="Who sends traffic.", no_args_is_help=True)
key = typer.Typer(name="key", help="Keys of tenants.", no_args_is_help=True)
reviewer = typer.Typer(name="reviewer", help="Who reviews cases.", no_args_is_help=True)
channel = typer.Typer(name="channel", help="Where people are told of cases.", no_args_is_help=True)
db = typer.Typer(name="db", help="The database.", no_args_is_help=True)

Default = Annotated[str, typer.Option("--tenant", help="The tenant's name.")]


@tenant.command("create")
def tenant_create(
    name: Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")],
    tag: Annotated[str, typer.Option(help="A word that policies can read.")] = "",
    people: Annotated[str, typer.Option(help="Who reads cases: none, hours or always.")] = "none",
    store_text: Annotated[bool, typer.Option("--store-text", help="Keep what is said, encrypted.")] = False,
    deep_link: Annotated[
        str | None, typer.Option(help="Where reviewers find a conversation in your own system.", show_default=False)
    ] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Test traffic: counted nowhere.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a tenant and its first key."""
    from guard.records import admin

    async def make(connection: AsyncConnection[Any]) -> str:
        made = await admin.create_tenant(
            connection, name, tag=tag, people=people, store_text=store_text, deep_link=deep_link, synthetic=synthetic
        )
        return (await admin.create_key(connection, made)).secret

    secret = _on(settings_from(data_dir=data_dir, database_url=database_url), make)
    _say(f"tenant {name} is made; its key, shown this once:")
    typer.echo(secret)
    if people != "none":
        _warn(f"nobody is told of a case until there is a channel: handrail channel add NAME URL --tenant {name}")


@tenant.command("list")
def tenant_list(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List the tenants."""
    from guard.records import admin

    rows = _on(settings_from(data_dir=data_dir, database_url=database_url), admin.list_tenants)
    _table(
        ("name", "people", "text", "tag", "made"),
        [(row.name, row.people, "kept" if row.store_text else "not kept", row.tag, _day(row.created_at)) for row in rows],
    )


@key.command("create")
def key_create(tenant: Default = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Make a further key."""
    from guard.records import admin

    async def make(connection: AsyncConnection[Any]) -> str:
        return (await admin.create_key(connection, (await admin.find_tenant(connection, tenant)).id)).secret

    secret = _on(settings_from(data_dir=data_dir, database_url=database_url), make)
    _say(f"a key of tenant {tenant}, shown this once:")
    typer.echo(secret)


@key.command("list")
def key_list(tenant: Default = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List a tenant's keys, by their beginnings."""
    from guard.records import admin

    async def read(connection: AsyncConnection[Any]) -> list[admin.ApiKey]:
        return await admin.list_keys(connection, (await admin.find_tenant(connection, tenant)).id)

    rows = _on(settings_from(data_dir=data_dir, database_url=database_url), read)
    _table(
        ("id", "begins", "made", "revoked"),
        [(str(row.id), f"{row.prefix}…", _day(row.created_at), _day(row.revoked_at)) for row in rows],
    )


@key.command("revoke")
def key_revoke(
    key_id: Annotated[UUID, typer.Argument(metavar="ID", help="As `handrail key list` shows it.")],
    tenant: Default = "default",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Revoke a key; from a few seconds on it opens nothing."""
    from guard.records import admin

    async def revoke(connection: AsyncConnection[Any]) -> None:
        await admin.revoke_key(connection, (await admin.find_tenant(connection, tenant)).id, key_id)

    _on(settings_from(data_dir=data_dir, database_url=database_url), revoke)
    _say(f"key {key_id} is revoked")


@reviewer.command("create")
def reviewer_create(
    name: Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")],
    tenant: Default = "default",
    role: Annotated[list[str] | None, typer.Option(help="May be given more than once.", show_default="reviewer")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a reviewer with a password of their own."""
    from guard.records import admin

    async def make(connection: AsyncConnection[Any]) -> str:
        found = await admin.find_tenant(connection, tenant)
        return (await admin.create_reviewer(connection, found.id, name, roles=role or ("reviewer",))).password

    password = _on(settings_from(data_dir=data_dir, database_url=database_url), make)
    _say(f"reviewer {name} is made; the password, shown this once:")
    typer.echo(password)


@reviewer.command("list")
def reviewer_list(tenant: Default = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List a tenant's reviewers."""
    from guard.records import admin

    async def read(connection: AsyncConnection[Any]) -> list[admin.Reviewer]:
        return await admin.list_reviewers(connection, (await admin.find_tenant(connection, tenant)).id)

    rows = _on(settings_from(data_dir=data_dir, database_url=database_url), read)
    _table(
        ("name", "roles", "made", "disabled"),
        [(row.name, ", ".join(row.roles), _day(row.created_at), _day(row.disabled_at)) for row in rows],
    )


@channel.command("add")
def channel_add(
    name: Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")],
    url: Annotated[str, typer.Argument(help="Where the signed webhook goes.")],
    tenant: Default = "default",
    topic: Annotated[
        list[str] | None,
        typer.Option(help="case.opened, case.raised or alert.opened; may be given more than once.", show_default="all"),
    ] = None,
    severity_from: Annotated[int, typer.Option(min=0, max=4, help="The lowest severity it is told of.")] = 0,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Add a webhook (Standard Webhooks); its signing secret is shown once."""
    from guard.escalation.addresses import destination, system_resolve
    from guard.records import admin
    from guard.records.keys import Keys

    settings = settings_from(data_dir=data_dir, database_url=database_url)

    async def add(connection: AsyncConnection[Any]) -> str:
        found = await admin.find_tenant(connection, tenant)
        more: dict[str, Any] = {"topics": topic} if topic else {}
        try:
            destination(url, allow_private=settings.allow_private_webhooks, resolve=system_resolve)
        except OSError:  # it may from tomorrow on; deliveries are tried again
            _warn("the host's name does not resolve now; until it does, nobody is told by this channel")
        return await admin.add_webhook(
            connection, Keys.load(settings.home), found.id, name, url, severity_from=severity_from, **more
        )

    secret = _on(settings, add)
    _say(f"channel {name} is added; its signing secret, shown this once:")
    typer.echo(secret)


@channel.command("list")
def channel_list(tenant: Default = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List a tenant's channels, with the code of the last delivery where that failed."""
    from guard.cli.deliveries import failing_of
    from guard.records import admin

    async def read(connection: AsyncConnection[Any]) -> tuple[list[admin.Channel], dict[UUID, str]]:
        found = await admin.find_tenant(connection, tenant)
        return await admin.list_channels(connection, found.id), await failing_of(connection, found.id)

    rows, failures = _on(settings_from(data_dir=data_dir, database_url=database_url), read)
    _table(
        ("name", "url", "topics", "from", "state", "last failure"),
        [
            (
                row.name,
                row.url,
                ", ".join(row.topics),
                str(row.severity_from),
                "on" if row.enabled else str(row.disabled_reason),
                failures.get(row.id, ""),
            )
            for row in rows
        ],
    )


@db.command("migrate")
def db_migrate(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Bring the database to this version."""
    from guard.records.migrate import migrate

    with (
        database(settings_from(data_dir=data_dir, database_url=database_url), migrated=False, make=True) as url,
        redirect_stdout(StringIO()),
    ):
        names = migrate(url)
    _say(f"applied {', '.join(names)}" if names else "nothing to do: the database is up to date")


@db.command("status")
def db_status(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Say which migrations are applied and which wait; status 1 where some wait."""
    from guard.records.migrate import status

    with database(settings_from(data_dir=data_dir, database_url=database_url), migrated=False) as url:
        found = status(url)
    version = f"{found.server_version // 10000}.{found.server_version % 10000}"
    _say(f"PostgreSQL {version}")
    for state, names in (("applied", found.applied), ("waiting", found.waiting)):
        for name in names:
            _say(f"  {state}  {name}")
    raise typer.Exit(1 if found.waiting else 0)


def _on(settings: Settings, work: Callable[[AsyncConnection[Any]], Awaitable[_T]]) -> _T:
    """Runs ``work`` on a connection to the database, which is started for it where it does not run."""
    import psycopg

    from guard.errors import RecordsUnavailable

    async def run(url: str) -> _T:
        try:
            connection = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=5)
        except psycopg.OperationalError as error:
            raise RecordsUnavailable(f"PostgreSQL cannot be reached: {str(error).splitlines()[0]}") from None
        async with connection:
            try:
                return await work(connection)
            except psycopg.errors.UndefinedTable:
                raise RecordsUnavailable("the database has no tables yet; run: handrail db migrate") from None

    with database(settings) as url:
        return asyncio.run(run(url))


def _say(words: str) -> None:
    console().print(words, soft_wrap=True, markup=False)


def _warn(words: str) -> None:
    typer.secho(f"note: {words}", err=True, fg="yellow")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    if not rows:
        _say("none yet")
        return
    table = Table(*heads, box=SIMPLE_HEAD, header_style="dim", pad_edge=False)
    for row in rows:
        table.add_row(*row)
    screen = console()
    if not screen.is_terminal:  # nothing is cut or folded for whoever reads it from a pipe
        screen.width = 10_000
    screen.print(table)


def _day(at: Any) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"
