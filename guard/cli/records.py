"""How a command works on the records, and how it says what it found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from guard.cli.options import console, database

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from guard.settings import Settings

__all__ = ["OfTenant", "day", "on_records", "say", "table", "warn"]

_T = TypeVar("_T")

OfTenant = Annotated[str, typer.Option("--tenant", help="The tenant's name.")]


def on_records(settings: Settings, work: Callable[[AsyncConnection[Any]], Awaitable[_T]]) -> _T:
    """Runs ``work`` on a connection to the database, which is started for it where it does not run. Autocommit, UTC."""
    import psycopg

    from guard.errors import RecordsUnavailable

    async def run(url: str) -> _T:
        try:
            connection = await psycopg.AsyncConnection.connect(
                url, autocommit=True, connect_timeout=5, application_name="handrail command"
            )
        except psycopg.OperationalError as error:
            raise RecordsUnavailable(f"PostgreSQL cannot be reached: {str(error).splitlines()[0]}") from None
        async with connection:
            await connection.execute("set timezone to 'UTC'")
            try:
                return await work(connection)
            except psycopg.errors.UndefinedTable:
                raise RecordsUnavailable("the database has no tables yet; run: handrail db migrate") from None
            except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction):
                raise RecordsUnavailable("the database is of an older version; run: handrail db migrate") from None

    with database(settings) as url:
        return asyncio.run(run(url))


def say(words: str) -> None:
    """A line on standard output."""
    console().print(words, soft_wrap=True, markup=False)


def warn(words: str) -> None:
    """A note on standard error."""
    typer.secho(f"note: {words}", err=True, fg="yellow")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows under heads; ``none yet`` where there are none."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    if not rows:
        say("none yet")
        return
    drawn = Table(*heads, box=SIMPLE_HEAD, header_style="dim", pad_edge=False)
    for row in rows:
        drawn.add_row(*(Text("".join(sign if sign.isprintable() else "?" for sign in cell)) for cell in row))
    screen = console()
    if not screen.is_terminal:  # nothing is cut or folded for whoever reads it from a pipe
        screen.width = 10_000
    screen.print(drawn)


def day(at: Any) -> str:
    """An instant to the minute; empty for ``None``."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"
