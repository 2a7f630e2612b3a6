"""`handrail score`: rows in, scores out, in constant memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from detectors.encoder.devices import Device
from guard.cli.options import console
from guard.cli.rows import convert

__all__ = ["score_file"]

_SECONDS: Final = 10.0


def score_file(
    source: Path, target: Path, device: Device, *, model: bool = True, packs: Sequence[str] = (), downloads: bool = False
) -> int:
    """Scores the last message of each row of ``source`` into ``target``; 1 where a row was bad, else 0.

    ``model``: whether the shipped model scores above the lexicon. ``packs``: other people's models beside ours. See
    :func:`guard.cli.rows.convert`.
    """
    from detectors.batch import score_rows
    from detectors.scorer.process import stack_for
    from guard.turns.questions import asked

    # Nobody waits for a single row: a model server may take its time.
    patient = replace(device, seconds=max(device.seconds, _SECONDS))
    stack = stack_for(patient, model=model, packs=packs, downloads=downloads)
    bad = convert(source, target, "scoring", lambda lines: score_rows(lines, stack, asked=asked))
    for detector, failures in stack.failures.items():
        if failures:
            console(errors=True).print(
                f"{detector} failed {failures} time(s); what it should have said is null or a lower tier's"
            )
    if bad:
        console(errors=True).print(f"{bad} row(s) could not be scored; each says why in its place in {target}")
    return 1 if bad else 0
