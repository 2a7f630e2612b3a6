"""Options that several commands have, and how a command finds settings, database and screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from guard.settings import Settings

__all__ = ["DataDir", "DatabaseUrl", "console", "database", "settings_from"]

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data folder; by default .handrail.", show_default=False)]
DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database-url", help="PostgreSQL 15 or later; by default the embedded one.", show_default=False),
]


def settings_from(**flags: Any) -> Settings:
    """Settings with ``flags`` on top. Warns about ``HANDRAIL_*`` variables that are no settings."""
    import os

    from guard.settings import load_settings, unknown_variables

    for sentence in unknown_variables(os.environ):
        typer.secho(f"warning: {sentence}", err=True, fg="yellow")
    return load_settings(flags)


def console(*, errors: bool = False) -> Console:
    """Standard output, or standard error."""
    from rich.console import Console

    return Console(stderr=errors, highlight=False)


@contextmanager
def database(settings: Settings, *, migrated: bool = True) -> Iterator[str]:
    """The address of the database: the one that is set, the embedded one that `handrail up` runs, or the embedded one
    started for this command alone, which is brought to this version first if it is to be ``migrated``."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    from guard.errors import AlreadyRunning
    from guard.records.migrate import migrate
    from guard.supervise.postgres import EmbeddedPostgres

    server = EmbeddedPostgres(settings.home)
    try:
        server.start()
    except AlreadyRunning:
        yield server.url
        return
    try:
        if migrated:
            with redirect_stdout(StringIO()):  # the library prints what a migration's statements return
                migrate(server.url)
        yield server.url
    finally:
        server.stop()
