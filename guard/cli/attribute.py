"""`handrail attribute`: which words a score rests on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guard.cli.options import console
from guard.cli.rows import RowsFailed, convert

if TYPE_CHECKING:
    from detectors.attribution.message import Attribution
    from detectors.batch import Row

__all__ = ["attribute"]


def attribute(
    source: Annotated[Path, typer.Option("--input", help="Rows as for handrail score.", exists=True, dir_okay=False)],
    target: Annotated[Path, typer.Option("--output", help="One line for each row, without its text.", dir_okay=False)],
    signal: Annotated[str, typer.Option(help="A signal that the model answers, such as risk.suicide.")],
    html: Annotated[
        Path | None,
        typer.Option(help="A page with the words shaded. It holds the texts.", dir_okay=False, show_default=False),
    ] = None,
) -> None:
    """Show which words of each last message a signal's score rests on (integrated gradients; slow, needs torch)."""
    from detectors.encoder.manifest import shipped
    from detectors.scorer.process import LexiconTier
    from guard.turns.questions import asked

    folder = shipped()
    if folder is None:
        raise RowsFailed("this installation carries no model; install the handrail package with its model")
    try:
        from detectors.attribution.message import Attributor
        from detectors.attribution.page import Page
        from detectors.attribution.rows import attribute_rows
    except ImportError as error:
        raise RowsFailed(f"attribution needs {error.name}; install the extra: pip install 'handrail[torch]'") from None
    lexicon = LexiconTier()
    attributor = Attributor(folder, words=lexicon.words, weigh=lexicon.weigh)
    page = Page(signal, attributor.model)

    def shown(row: Row, found: Attribution) -> None:
        page.add(row.id, row.text, found)

    bad = convert(
        source,
        target,
        "attributing",
        lambda lines: attribute_rows(lines, attributor, signal, asked=asked, shown=shown if html is not None else None),
    )
    if html is not None:
        try:
            html.write_text(page.html(), "utf-8", errors="replace")
        except OSError as error:
            raise RowsFailed(f"the page cannot be written to {html}: {error.strerror}; choose another file") from None
    if bad:
        console(errors=True).print(f"{bad} row(s) could not be attributed; each says why in its place in {target}")
        raise typer.Exit(1)
