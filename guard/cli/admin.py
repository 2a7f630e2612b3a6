"""Commands about tenants, their keys and the database. Secrets are shown once."""

from __future__ import annotations

from contextlib import redirect_stdout
from enum import StrEnum
from io import StringIO
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from guard.cli.channels import channel
from guard.cli.options import DatabaseUrl, DataDir, database, settings_from
from guard.cli.records import OfTenant, day, on_records, say, table, warn
from guard.cli.reviewers import reviewer
from policies.expression.names import may_be_off

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from guard.records import admin
    from guard.settings import Settings

__all__ = ["channel", "db", "key", "reviewer", "tenant"]

tenant = typer.Typer(name="tenant", help="Who sends traffic.", no_args_is_help=True)
key = typer.Typer(name="key", help="Keys of tenants.", no_args_is_help=True)
db = typer.Typer(name="db", help="The database.", no_args_is_help=True)

_REDACTED: Final = "Names and numbers go to the chatbot as pseudonyms: off, on, or strict (then never without)."
_UPSTREAM: Final = {
    "off": "as received",
    "on": "with pseudonyms; with those of numbers and addresses alone while names cannot be found",
    "strict": "with pseudonyms; nothing while names cannot be found",
}


class Switch(StrEnum):
    """Whether something is done."""

    ON = "on"
    OFF = "off"


Name = Annotated[str, typer.Argument(help="As `handrail tenant list` shows it.")]
KeyId = Annotated[UUID, typer.Argument(metavar="ID", help="As `handrail key list` shows it.")]


@tenant.command("create")
def tenant_create(
    name: Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")],
    tag: Annotated[str, typer.Option(help="A word that policies can read.")] = "",
    people: Annotated[str, typer.Option(help="Who reads cases: none, hours or always.")] = "none",
    store_text: Annotated[bool, typer.Option("--store-text", help="Keep what is said, encrypted.")] = False,
    redact_upstream: Annotated[str, typer.Option(help=_REDACTED)] = "off",
    deep_link: Annotated[
        str | None, typer.Option(help="Where reviewers find a conversation in your own system.", show_default=False)
    ] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Test traffic: counted nowhere.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a tenant and its first key."""
    from guard.records import admin

    settings = settings_from(data_dir=data_dir, database_url=database_url)

    async def make(connection: AsyncConnection[Any]) -> tuple[str, admin.TenantRow]:
        async with connection.transaction():
            made = await admin.create_tenant(
                connection,
                name,
                tag=tag,
                people=people,
                store_text=store_text,
                redact_upstream=redact_upstream,
                deep_link=deep_link,
                synthetic=synthetic,
            )
            secret = (await admin.create_key(connection, made)).secret
            return secret, await admin.find_tenant(connection, name)

    secret, row = on_records(settings, make)
    say(f"tenant {name} is made; its key, shown this once:")
    typer.echo(secret)
    if people != "none":
        warn(f"nobody is told of a case until there is a channel: handrail channel add NAME URL --tenant {name}")
    _warn_of_nothing_to_judge(settings, row)


@tenant.command("list")
def tenant_list(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List the tenants."""
    from guard.records import admin

    rows = on_records(settings_from(data_dir=data_dir, database_url=database_url), admin.list_tenants)
    table(
        ("name", "people", "text", "deep link", "tag", "made", "disabled"),
        [
            (
                row.name,
                row.people,
                "kept" if row.store_text else "not kept",
                "yes" if row.deep_link else "no",
                row.tag,
                day(row.created_at),
                day(row.disabled_at),
            )
            for row in rows
        ],
    )


@tenant.command("show")
def tenant_show(name: Name, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Show all that is set for a tenant, and who and what belongs to it."""
    from guard.records import admin

    async def read(connection: AsyncConnection[Any]) -> list[tuple[str, str]]:
        row = await admin.find_tenant(connection, name)
        keys = [one for one in await admin.list_keys(connection, row.id) if one.revoked_at is None]
        people = [one for one in await admin.list_reviewers(connection, row.id) if one.disabled_at is None]
        ways = [one for one in await admin.list_channels(connection, row.id) if one.enabled]
        return [
            ("name", row.name),
            ("id", str(row.id)),
            ("state", "in force" if row.disabled_at is None else f"disabled since {day(row.disabled_at)}"),
            ("people", row.people),
            ("text", "kept, encrypted" if row.store_text else "not kept"),
            ("upstream", _UPSTREAM[row.redact_upstream]),
            ("opinions", "off" if row.opinion_since is None else f"text goes out for them, since {day(row.opinion_since)}"),
            ("deep link", row.deep_link or "none"),
            ("tag", row.tag or "none"),
            ("signals off", ", ".join(filter(may_be_off, row.off)) or "none"),
            ("screens", "read, for reviewers" if row.screens else "not read"),
            ("traffic", "synthetic: counted nowhere" if row.synthetic else "real"),
            ("keys", ", ".join(f"{one.prefix}…" for one in keys) or "none"),
            ("reviewers", ", ".join(f"{one.name} ({', '.join(one.roles)})" for one in people) or "none"),
            ("channels", ", ".join(one.name for one in ways) or "none"),
            ("made", day(row.created_at)),
        ]

    for what, value in on_records(settings_from(data_dir=data_dir, database_url=database_url), read):
        say(f"{what:<12} {value}")


@tenant.command("set")
def tenant_set(
    name: Name,
    people: Annotated[str | None, typer.Option(help="Who reads cases: none, hours or always.", show_default=False)] = None,
    store_text: Annotated[
        bool | None, typer.Option("--store-text/--no-store-text", help="Keep what is said, encrypted.", show_default=False)
    ] = None,
    redact_upstream: Annotated[str | None, typer.Option(help=_REDACTED, show_default=False)] = None,
    deep_link: Annotated[
        str | None,
        typer.Option(help="Where reviewers find a conversation in your own system; '' takes it away.", show_default=False),
    ] = None,
    tag: Annotated[str | None, typer.Option(help="A word that policies can read.", show_default=False)] = None,
    off: Annotated[
        list[str] | None,
        typer.Option(
            help="A signal of affect or attachment, or a group (emotion.*), that is never read; all given, no others."
        ),
    ] = None,
    none_off: Annotated[bool, typer.Option("--none-off", help="Every signal is read again.")] = False,
    screens: Annotated[
        bool | None,
        typer.Option(
            "--screens/--no-screens",
            help="Read indications of depression and anxiety, for reviewers alone; they are no diagnosis.",
            show_default=False,
        ),
    ] = None,
    opinion: Annotated[
        Switch | None,
        typer.Option(help="Text that is said from now on may leave for second opinions: on or off.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Change what is given, and nothing else. A running gateway follows within seconds."""
    from guard.records import admin

    if off and none_off:
        raise typer.BadParameter("give --off or --none-off, not both")
    given = (people, store_text, redact_upstream, deep_link, tag, off, screens, opinion)
    if all(value is None for value in given) and not none_off:
        raise typer.BadParameter(
            "nothing to change; give --people, --store-text, --redact-upstream, --deep-link, --tag, --off, --screens or "
            "--opinion"
        )
    settings = settings_from(data_dir=data_dir, database_url=database_url)

    async def change(connection: AsyncConnection[Any]) -> tuple[admin.TenantRow, bool]:
        row = await admin.change_tenant(
            connection,
            name,
            people=people,
            store_text=store_text,
            redact_upstream=redact_upstream,
            deep_link=deep_link,
            tag=tag,
            off=[] if none_off else off or None,
            screens=screens,
            opinion=None if opinion is None else opinion is Switch.ON,
        )
        return row, any(one.enabled for one in await admin.list_channels(connection, row.id))

    row, told = on_records(settings, change)
    say(f"tenant {name} is as you asked; handrail tenant show {name} shows it")
    if people not in (None, "none") and not told:
        warn(f"nobody is told of a case until there is a channel: handrail channel add NAME URL --tenant {name}")
    if store_text is False:
        warn(f"text that was stored until now stays, encrypted, until: handrail tenant destroy-text {name}")
    if row.opinion_since is not None and (opinion is Switch.ON or store_text is False):
        _warn_of_opinions(settings, row)
    _warn_of_nothing_to_judge(settings, row)


@tenant.command("disable")
def tenant_disable(name: Name, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Refuse a tenant's keys and reviewers from a few seconds on. Everything stays, and open cases go on being told."""
    from guard.records import admin

    async def change(connection: AsyncConnection[Any]) -> None:
        await admin.disable_tenant(connection, name)

    on_records(settings_from(data_dir=data_dir, database_url=database_url), change)
    say(f"tenant {name} is disabled: its keys open nothing")


@tenant.command("enable")
def tenant_enable(name: Name, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Take a tenant's keys and reviewers again."""
    from guard.records import admin

    async def change(connection: AsyncConnection[Any]) -> None:
        await admin.enable_tenant(connection, name)

    on_records(settings_from(data_dir=data_dir, database_url=database_url), change)
    say(f"tenant {name} is in force again")


@tenant.command("remove")
def tenant_remove(name: Name, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Take a tenant away with its keys, reviewers and channels. One that had a turn is disabled and stays on record."""
    from guard.records import admin

    async def change(connection: AsyncConnection[Any]) -> bool:
        return await admin.remove_tenant(connection, name)

    gone = on_records(settings_from(data_dir=data_dir, database_url=database_url), change)
    if gone:
        say(f"tenant {name} is removed; its audit log stays")
    else:
        say(f"tenant {name} is disabled: its turns and cases stay on record")


@tenant.command("destroy-text")
def tenant_destroy_text(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a tenant's stored text, notes and pseudonyms unreadable for good. Turns, scores and cases stay."""
    from guard.records import admin

    async def destroy(connection: AsyncConnection[Any]) -> tuple[admin.TenantRow, int]:
        row = await admin.find_tenant(connection, name)
        held = await admin.text_held(connection, row.id)
        if held.keys and not yes:
            if held.open_cases:
                warn(f"{held.open_cases} of its cases are not closed; whoever reads them will have no text to judge by")
            what = f"All text, notes and pseudonyms of tenant {name} will be unreadable, and nothing brings them back."
            typer.confirm(f"{what} Destroy them?", abort=True, err=True)
        return row, await admin.destroy_text(connection, row.id)

    row, keys = on_records(settings_from(data_dir=data_dir, database_url=database_url), destroy)
    if not keys:
        say(f"tenant {name} has no text that can be read: nothing to destroy")
    else:
        say(f"the text of tenant {name} is unreadable from now on; docs/review.md says what stays")
    if row.store_text:
        warn(f"text of later turns is kept, under a new key, until: handrail tenant set {name} --no-store-text")


@key.command("create")
def key_create(tenant: OfTenant = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Make a further key."""
    from guard.records import admin

    async def make(connection: AsyncConnection[Any]) -> str:
        return (await admin.create_key(connection, (await admin.find_tenant(connection, tenant)).id)).secret

    secret = on_records(settings_from(data_dir=data_dir, database_url=database_url), make)
    say(f"a key of tenant {tenant}, shown this once:")
    typer.echo(secret)


@key.command("list")
def key_list(tenant: OfTenant = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List a tenant's keys, by their beginnings."""
    from guard.records import admin

    async def read(connection: AsyncConnection[Any]) -> list[admin.ApiKey]:
        return await admin.list_keys(connection, (await admin.find_tenant(connection, tenant)).id)

    rows = on_records(settings_from(data_dir=data_dir, database_url=database_url), read)
    table(
        ("id", "begins", "made", "revoked"),
        [(str(row.id), f"{row.prefix}…", day(row.created_at), day(row.revoked_at)) for row in rows],
    )


@key.command("revoke")
@key.command("remove", hidden=True)
def key_revoke(
    key_id: KeyId, tenant: OfTenant = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Revoke a key; from a few seconds on it opens nothing."""
    from guard.records import admin

    async def revoke(connection: AsyncConnection[Any]) -> None:
        await admin.revoke_key(connection, (await admin.find_tenant(connection, tenant)).id, key_id)

    on_records(settings_from(data_dir=data_dir, database_url=database_url), revoke)
    say(f"key {key_id} is revoked")


@db.command("migrate")
def db_migrate(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Bring the database to this version."""
    from guard.records.migrate import migrate

    with (
        database(settings_from(data_dir=data_dir, database_url=database_url), migrated=False, make=True) as url,
        redirect_stdout(StringIO()),
    ):
        names = migrate(url)
    say(f"applied {', '.join(names)}" if names else "nothing to do: the database is up to date")


@db.command("status")
def db_status(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Say which migrations are applied and which wait; status 1 where some wait."""
    from guard.records.migrate import status

    with database(settings_from(data_dir=data_dir, database_url=database_url), migrated=False) as url:
        found = status(url)
    version = f"{found.server_version // 10000}.{found.server_version % 10000}"
    say(f"PostgreSQL {version}")
    for state, names in (("applied", found.applied), ("waiting", found.waiting)):
        for name in names:
            say(f"  {state}  {name}")
    raise typer.Exit(1 if found.waiting else 0)


def _warn_of_opinions(settings: Settings, row: admin.TenantRow) -> None:
    """What it means that second opinions are on for a tenant, and what still keeps them from being asked for."""
    from guard.opinion.endpoint import Endpoint
    from guard.opinion.errors import EndpointUnfit

    try:
        endpoint = Endpoint.of(settings)
    except EndpointUnfit as error:
        warn(str(error))
        return
    where = endpoint.host if endpoint is not None else "the endpoint, once HANDRAIL_OPINION_URL is set"
    warn(f"text of turns in a grey zone leaves this house, redacted, for {where}; see docs/second-opinion.md")
    if not row.store_text:
        warn(f"nothing is asked while no text is stored: handrail tenant set {row.name} --store-text")


def _warn_of_nothing_to_judge(settings: Settings, row: admin.TenantRow) -> None:
    from guard.records.evidence import calls_for_people, lacks_evidence, sentence
    from policies.errors import PolicyError
    from policies.load import load_policy

    if not lacks_evidence(row):
        return
    try:
        policy = load_policy(settings.policy)
    except PolicyError:
        return  # a command about tenants does not judge the policy
    if calls_for_people(policy):
        warn(sentence([row.name]))
