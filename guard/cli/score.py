"""`handrail score`: rows in, scores out, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from guard.cli.options import console
from guard.errors import HandrailError

__all__ = ["ScoreFailed", "score_file"]


class ScoreFailed(HandrailError):
    """Scoring cannot be done; says why."""


def score_file(source: Path, target: Path, device: str) -> int:
    """Scores the last message of each row of ``source`` into ``target``; 1 where a row was bad, else 0.

    ``target`` appears only when it is complete: what was there stays until then. A progress bar is shown on a terminal.
    """
    from detectors.batch import score_rows

    if target.exists() and source.samefile(target):
        raise ScoreFailed(f"{source} is both input and output; give another file for --output")
    half = target.with_name(f".{target.name}.{os.getpid()}")
    bad = 0
    try:
        with source.open("rb") as lines, half.open("w", encoding="utf-8") as out, _progress(source) as progress:
            task = progress.add_task("scoring", total=source.stat().st_size)
            for row in score_rows(_told(lines, progress, task), _scorer(device)):
                bad += "error" in orjson.loads(row)
                out.write(row if row.endswith("\n") else row + "\n")
        half.replace(target)
    except OSError as error:
        raise ScoreFailed(f"{error.filename or target}: {error.strerror}; choose files that can be used") from None
    finally:
        half.unlink(missing_ok=True)
    if bad:
        console(errors=True).print(f"{bad} row(s) could not be scored; each says why in its place in {target}")
    return 1 if bad else 0


def _progress(source: Path) -> Progress:
    """On standard error, and only where that is a terminal; gone when it is done."""
    columns = (TextColumn(source.name), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn())
    screen = console(errors=True)
    return Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)


def _told(lines: Iterable[bytes], progress: Progress, task: TaskID) -> Iterator[str]:
    """The lines one after the other, as the bar moves on. A byte that is no UTF-8 makes its row a bad one."""
    for line in lines:
        yield line.decode("utf-8", "replace")
        progress.advance(task, len(line))
