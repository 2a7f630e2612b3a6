"""``handrail eval``: figures, pictures and JSON from labelled files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from detectors.evaluation.answers import answer
from detectors.evaluation.errors import RowsUnfit
from detectors.evaluation.intervals import Estimate
from detectors.evaluation.pictures import draw
from detectors.evaluation.rates import among_a_million
from detectors.evaluation.rows import read_rows
from detectors.evaluation.study import ALL, Comparison, Finding, compare, study

__all__ = ["PREVALENCES", "Report", "evaluate", "figure"]

PREVALENCES = (0.0005, 0.005)
"""Shares of turns for which alerts per million are worked out: invented round numbers, not anybody's measurement."""

Report = Mapping[str, Any]


def evaluate(
    files: Sequence[Path],
    *,
    model: str = "full",
    against: str | None = None,
    device: str = "auto",
    output: Path | None = None,
    pictures: bool = True,
) -> Report:
    """The report on ``model``, and its difference from ``against`` where that is given.

    ``output``: a folder for report.json and the pictures. Raises :class:`~detectors.errors.DetectorError`.
    """
    rows = read_rows(files)
    name, answers, thresholds = answer(model, rows, device)
    findings = study(rows, answers, thresholds)
    report: dict[str, Any] = {
        "model": name,
        "files": [path.name for path in files],
        "rows": len(rows),
        "conversations": len({row.conversation for row in rows}),
        "findings": [_finding(found) for found in findings],
    }
    if against is not None:
        other, theirs, _ = answer(against, rows, device)
        report["against"] = other
        report["comparisons"] = [_comparison(found) for found in compare(rows, answers, theirs)]
    if output is not None:
        try:
            output.mkdir(parents=True, exist_ok=True)
            if pictures:
                signals = [found.signal for found in findings if found.slice == ALL]
                report["pictures"] = [path.name for signal in signals for path in draw(rows, answers, signal, output)]
            (output / "report.json").write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
        except OSError as error:
            raise RowsUnfit(f"{error.filename}: {error.strerror}; give a folder that can be written with --output") from None
    return report


def figure(value: float | None) -> float | None:
    """A number for JSON: no NaN, five places."""
    return None if value is None or math.isnan(value) else round(value, 5)


def _estimate(found: Estimate | None) -> dict[str, float | None] | None:
    return None if found is None else {key: figure(value) for key, value in asdict(found).items()}


def _finding(found: Finding) -> dict[str, Any]:
    row: dict[str, Any] = {
        "signal": found.signal,
        "slice": found.slice,
        "rows": found.rows,
        "positives": found.positives,
        "missing": found.missing,
        "insufficient": found.insufficient,
        **{name: _estimate(value) for name, value in found.measures.items()},
        "threshold": found.threshold,
        "recall": _estimate(found.recall),
        "false_positives": _estimate(found.false_positives),
    }
    if found.recall is not None and found.false_positives is not None and found.slice == ALL:
        told = not (math.isnan(found.recall.value) or math.isnan(found.false_positives.value))
        row["per_million"] = [
            {key: figure(value) for key, value in asdict(rates).items()}
            for rates in (among_a_million(p, found.recall.value, found.false_positives.value) for p in PREVALENCES if told)
        ]
    return row


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "signal": found.signal,
        "slice": found.slice,
        "rows": found.rows,
        "positives": found.positives,
        "insufficient": found.insufficient,
        **{name: _estimate(value) for name, value in found.differences.items()},
    }
