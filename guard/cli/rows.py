"""A file of rows in, a file of rows out: what `handrail score` and `handrail redact` have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from guard.cli.options import console
from guard.errors import HandrailError

if TYPE_CHECKING:
    from rich.progress import Progress

    from detectors.lines import Line

__all__ = ["RowsFailed", "convert"]

Convert = Callable[[Iterator["Line"]], Iterable[str]]
"""Lines read to lines written, in order; a bad row is ``{"id", "line", "error"}`` in its place."""


class RowsFailed(HandrailError):
    """The files cannot be used; says why."""


def convert(source: Path, target: Path, verb: str, work: Convert) -> int:
    """Writes what ``work`` makes of the lines of ``source`` into ``target``; how many rows were bad. Memory stays constant
    where that of ``work`` does. ``verb``: what is done, as in "scoring".

    ``target`` appears only when it is complete: what was there stays until then. A progress bar is shown on a terminal.
    """
    from detectors.lines import read_lines

    if target.exists() and source.samefile(target):
        raise RowsFailed(f"{source} is both input and output; give another file for --output")
    bad = 0
    try:
        with source.open("rb") as rows, _complete(target) as out, _progress(source) as progress:
            task = progress.add_task(verb, total=source.stat().st_size or None)
            for row in work(read_lines(rows, lambda size: progress.advance(task, size))):
                bad += ',"error":' in row  # in a string the quotes would be escaped
                out.write(row + "\n")
    except OSError as error:
        raise RowsFailed(
            f"{verb} {source} into {target} failed: {error.strerror or error}; choose files that can be used"
        ) from None
    return bad


@contextmanager
def _complete(target: Path) -> Iterator[TextIO]:
    """A file that takes the place of ``target`` at the end, if all went well. What is no plain file is written as it is."""
    if target.exists() and not target.is_file():
        with target.open("w", encoding="utf-8") as out:
            yield out
        return
    final = target.resolve()
    half = final.with_name(f".{final.name}.{os.getpid()}")
    try:
        with half.open("w", encoding="utf-8") as out:
            yield out
        half.replace(final)
    finally:
        half.unlink(missing_ok=True)


def _progress(source: Path) -> Progress:
    """On standard error, and only where that is a terminal; gone when it is done."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(source.name), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn())
    screen = console(errors=True)
    return Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)
