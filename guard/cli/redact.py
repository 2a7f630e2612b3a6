"""`handrail redact`: rows in, rows without what is personal out, in constant memory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from guard.cli.options import console
from guard.cli.rows import convert
from policies.directory.spared import crisis_lines

__all__ = ["redact", "redact_file"]


def redact(
    input: Annotated[Path, typer.Option("--input", help="JSON Lines: {id, text}.", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Option("--output", help="JSON Lines: {id, text, entities}.", dir_okay=False)],
    model: Annotated[
        Path | None,
        typer.Option(help="The folder of a model that finds names; by default the installed one.", show_default=False),
    ] = None,
) -> None:
    """Replace names, addresses and numbers in each row's text. Needs no database, network or key."""
    raise typer.Exit(redact_file(input, output, model))


def redact_file(source: Path, target: Path, model: Path | None = None) -> int:
    """Redacts the text of each row of ``source`` into ``target``; 1 where a row was bad, else 0.

    See :func:`guard.cli.rows.convert`. ``model``: the folder of a head that finds names. Raises
    :class:`~detectors.encoder.errors.ModelUnfit`.
    """
    from detectors.pii.batch import redact_rows
    from detectors.pii.redactor import Redactor

    redactor = Redactor.load(model, spared=crisis_lines())
    bad = convert(source, target, "redacting", lambda lines: redact_rows(lines, redactor))
    if bad:
        console(errors=True).print(f"{bad} row(s) could not be redacted; each says why in its place in {target}")
    return 1 if bad else 0
