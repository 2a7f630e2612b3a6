"""An evaluation as JSON. It holds figures, names and ids, and no text of any row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from detectors.evaluation.command import Evaluation
from detectors.evaluation.rates import PREVALENCES, Rates, among_a_million
from detectors.evaluation.study import ALL, Finding

__all__ = ["as_json", "per_million", "plain"]


def as_json(found: Evaluation, files: Sequence[str]) -> dict[str, Any]:
    """The whole report. A figure without a meaning is null."""
    report: dict[str, Any] = {
        "model": found.model,
        "clinically_validated": False,
        "files": list(files),
        "rows": len(found.table.rows),
        "conversations": len({row.conversation for row in found.table.rows}),
        "false_positive_rate": found.plan.rate,
        "resamples": found.plan.resampled,
        "findings": [_finding(one, found) for one in found.findings],
        "severity": plain(found.severity),
        "correlations": plain(found.correlations),
        "pairs": plain(found.orderings),
        "sessions": plain(found.sessions),
    }
    if found.macro_f1 is not None:
        report["emotions"] = {"macro_f1": plain(found.macro_f1[0]), "each": plain(found.macro_f1[1])}
    if found.against is not None:
        report["against"] = found.against
        report["verdict"] = found.verdict.value
        report["margins"] = plain(found.plan.margins)
        report["comparisons"] = [
            {**{key: value for key, value in plain(one).items() if key != "differences"}, **plain(one.differences)}
            for one in found.comparisons
        ]
    return report


def per_million(found: Finding) -> list[Rates]:
    """What a signal's threshold means among a million turns; nothing where recall or false positives are unknown, or rest on
    too little to be multiplied."""
    if found.recall is None or found.false_positives is None or found.insufficient:
        return []
    recall, false = found.recall.value, found.false_positives.value
    if math.isnan(recall) or math.isnan(false):
        return []
    return [among_a_million(share, recall, false) for share in PREVALENCES]


def plain(value: Any) -> Any:
    """Data classes and their contents as JSON has them: no NaN, five places, keys as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {key: plain(getattr(value, key)) for key in value.__dataclass_fields__}
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def _origin(signal: str, within: Evaluation) -> str | None:
    """Where a signal's threshold is from."""
    if signal not in within.thresholds:
        return None
    if signal in within.plan.thresholds:
        return "given"
    return "these rows" if signal in within.chosen else "model"


def _finding(found: Finding, within: Evaluation) -> dict[str, Any]:
    row: dict[str, Any] = {
        "signal": found.signal,
        "slice": found.slice,
        "rows": found.rows,
        "positives": found.positives,
        "missing": found.missing,
        "insufficient": found.insufficient,
        **plain(found.measures),
        "threshold": plain(found.threshold),
        "threshold_from": _origin(found.signal, within),
        "recall": plain(found.recall),
        "false_positives": plain(found.false_positives),
    }
    if found.slice == ALL:
        row["per_million"] = [plain(asdict(rates)) for rates in per_million(found)]
    return row
