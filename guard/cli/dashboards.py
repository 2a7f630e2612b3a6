"""`handrail dashboards`: what an operator's Grafana and Prometheus read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from guard.cli.options import console
from guard.errors import HandrailError

__all__ = ["app"]

app = typer.Typer(help="Build Grafana dashboards and Prometheus rules.", no_args_is_help=True)


@app.callback()
def dashboards() -> None:
    """Build Grafana dashboards and Prometheus rules."""


@app.command()
def build(
    output: Annotated[
        Path, typer.Option("--output", help="Folder to write to; what is there is replaced.", file_okay=False)
    ] = Path("dashboards"),
) -> None:
    """Write Grafana's dashboards with their provisioning, and Prometheus' recording and alert rules."""
    from dashboards.build import write

    try:
        written = write(output)
    except OSError as error:
        raise HandrailError(
            f"the dashboards cannot be written to {output}: {error.strerror or error}; give another folder with --output"
        ) from None
    for path in written:
        console().print(str(path), soft_wrap=True, markup=False, highlight=False)
