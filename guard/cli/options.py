"""Options that several commands have, and how a command finds settings, database and screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from detectors.encoder.devices import DEVICES, LOCAL_DEVICES, is_device

if TYPE_CHECKING:
    from rich.console import Console

    from guard.settings import Settings

__all__ = ["DataDir", "DatabaseUrl", "console", "database", "device_name", "local_device_name", "settings_from"]

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


def device_name(value: str | None) -> str | None:
    """A device as an option gives it. Wrong usage where it is none."""
    return _device(value, DEVICES, remote=True)


def local_device_name(value: str | None) -> str | None:
    """The same of this machine alone."""
    return _device(value, LOCAL_DEVICES, remote=False)


def _device(value: str | None, words: str, *, remote: bool) -> str | None:
    if value is not None and not is_device(value, remote=remote):
        raise typer.BadParameter(f"{value!r} is no device; give {words}")
    return value


def console(*, errors: bool = False) -> Console:
    """Standard output, or standard error."""
    from rich.console import Console

    return Console(stderr=errors, highlight=False)


@contextmanager
def database(settings: Settings, *, migrated: bool = True, make: bool = False) -> Iterator[str]:
    """The address of the database: the one that is set, the embedded one that `handrail up` runs, or the embedded one
    started for this command alone, which is brought to this version first if it is to be ``migrated``.

    Raises :class:`~guard.errors.RecordsUnavailable` where there is none yet, unless this command may ``make`` it."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    from guard.errors import AlreadyRunning, RecordsUnavailable
    from guard.records.migrate import migrate
    from guard.supervise.postgres import EmbeddedPostgres

    server = EmbeddedPostgres(settings.home, slow=lambda words: console(errors=True).print(words, soft_wrap=True))
    if not make and not server.exists:
        # A data folder that was mistyped must not become a second, empty installation.
        raise RecordsUnavailable(
            f"there is no installation at {settings.home}; start one with `handrail up`, or give --data-dir"
        )
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
