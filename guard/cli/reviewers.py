"""Commands about reviewers: who may come into the console, and in which roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from guard.cli.options import DatabaseUrl, DataDir, settings_from
from guard.cli.records import OfTenant, day, on_records, say, table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from uuid import UUID

    from psycopg import AsyncConnection

    from guard.records import admin

__all__ = ["reviewer"]

_T = TypeVar("_T")

reviewer = typer.Typer(name="reviewer", help="Who reviews cases.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="As `handrail reviewer list` shows it.")]


@reviewer.command("create")
def reviewer_create(
    name: Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")],
    tenant: OfTenant = "default",
    role: Annotated[
        list[str] | None,
        typer.Option(
            help="reviewer, operator, policy_author, sre or auditor; may be given more than once.", show_default="reviewer"
        ),
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a reviewer with a password of their own."""
    from guard.records import admin

    async def make(connection: AsyncConnection[Any], tenant_id: UUID) -> str:
        return (await admin.create_reviewer(connection, tenant_id, name, roles=role or ("reviewer",))).password

    password = _on(tenant, data_dir, database_url, make)
    say(f"reviewer {name} is made; the password, shown this once:")
    typer.echo(password)


@reviewer.command("list")
def reviewer_list(tenant: OfTenant = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List a tenant's reviewers."""
    from guard.records import admin

    async def read(connection: AsyncConnection[Any], tenant_id: UUID) -> list[admin.Reviewer]:
        return await admin.list_reviewers(connection, tenant_id)

    rows = _on(tenant, data_dir, database_url, read)
    table(
        ("name", "roles", "one-time code", "made", "disabled"),
        [
            (row.name, ", ".join(row.roles), "yes" if row.has_totp else "no", day(row.created_at), day(row.disabled_at))
            for row in rows
        ],
    )


@reviewer.command("set-roles")
def reviewer_set_roles(
    name: Name,
    roles: Annotated[list[str], typer.Argument(help="All that they have from now on.", metavar="ROLE…")],
    tenant: OfTenant = "default",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Give a reviewer these roles and no others; they sign in again."""
    from guard.records import admin

    async def change(connection: AsyncConnection[Any], tenant_id: UUID) -> None:
        await admin.set_roles(connection, tenant_id, name, roles)

    _on(tenant, data_dir, database_url, change)
    say(f"reviewer {name} has the roles {', '.join(roles)}")


@reviewer.command("disable")
def reviewer_disable(
    name: Name, tenant: OfTenant = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Let a reviewer in no more, and sign them out. What they did stays on record."""
    from guard.records import admin

    async def change(connection: AsyncConnection[Any], tenant_id: UUID) -> None:
        await admin.disable_reviewer(connection, tenant_id, name)

    _on(tenant, data_dir, database_url, change)
    say(f"reviewer {name} is disabled and signed out")


@reviewer.command("enable")
def reviewer_enable(
    name: Name, tenant: OfTenant = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Let a reviewer in again, with the password they had."""
    from guard.records import admin

    async def change(connection: AsyncConnection[Any], tenant_id: UUID) -> None:
        await admin.enable_reviewer(connection, tenant_id, name)

    _on(tenant, data_dir, database_url, change)
    say(f"reviewer {name} may come in again")


@reviewer.command("reset-password")
def reviewer_reset_password(
    name: Name, tenant: OfTenant = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Give a reviewer a new password, and sign them out."""
    from guard.records import admin

    async def change(connection: AsyncConnection[Any], tenant_id: UUID) -> str:
        return await admin.reset_password(connection, tenant_id, name)

    password = _on(tenant, data_dir, database_url, change)
    say(f"the new password of reviewer {name}, shown this once:")
    typer.echo(password)


@reviewer.command("reset-totp")
def reviewer_reset_totp(
    name: Name, tenant: OfTenant = "default", data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Take a reviewer's one-time codes away, as after a lost phone, and sign them out."""
    from guard.records import admin

    async def change(connection: AsyncConnection[Any], tenant_id: UUID) -> bool:
        return await admin.reset_totp(connection, tenant_id, name)

    had_one = _on(tenant, data_dir, database_url, change)
    say(f"reviewer {name} comes in by the password alone" + ("" if had_one else ", as before"))


def _on(
    tenant: str,
    data_dir: Path | None,
    database_url: str | None,
    work: Callable[[AsyncConnection[Any], UUID], Awaitable[_T]],
) -> _T:
    from guard.records import admin

    async def within(connection: AsyncConnection[Any]) -> _T:
        return await work(connection, (await admin.find_tenant(connection, tenant)).id)

    return on_records(settings_from(data_dir=data_dir, database_url=database_url), within)
