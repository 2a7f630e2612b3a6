"""`handrail score`: rows in, scores out, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from guard.cli.options import console
from guard.errors import HandrailError

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["ScoreFailed", "score_file"]


class ScoreFailed(HandrailError):
    """Scoring cannot be done; says why."""


def score_file(source: Path, target: Path, device: str) -> int:
    """Scores the last message of each row of ``source`` into ``target``; 1 where a row was bad, else 0.

    ``target`` appears only when it is complete: what was there stays until then. A progress bar is shown on a terminal.
    """
    from detectors.batch import read_lines, score_rows
    from detectors.scorer.process import stack_for
    from guard.turns.questions import asked

    if target.exists() and source.samefile(target):
        raise ScoreFailed(f"{source} is both input and output; give another file for --output")
    bad = 0
    try:
        with source.open("rb") as rows, _complete(target) as out:
            stack = stack_for(device)
            with _progress(source) as progress:
                task = progress.add_task("scoring", total=source.stat().st_size or None)
                lines = read_lines(rows, lambda size: progress.advance(task, size))
                for row in score_rows(lines, stack, asked=asked):
                    bad += ',"error":' in row  # in a string the quotes would be escaped
                    out.write(row + "\n")
    except OSError as error:
        raise ScoreFailed(
            f"scoring {source} into {target} failed: {error.strerror or error}; choose files that can be used"
        ) from None
    for detector, failures in stack.failures.items():
        if failures:
            console(errors=True).print(
                f"{detector} failed {failures} time(s); what it should have said is null or a lower tier's"
            )
    if bad:
        console(errors=True).print(f"{bad} row(s) could not be scored; each says why in its place in {target}")
    return 1 if bad else 0


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
