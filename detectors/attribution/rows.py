"""Rows of conversations in, what their last messages' score rests on out: what ``handrail attribute`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import orjson

from detectors.attribution.message import Attribution, Attributor
from detectors.batch import Asked, Row, read_row
from detectors.language import identify
from detectors.lines import Bad, Line, numbered

__all__ = ["Shown", "attribute_rows"]

Shown = Callable[[Row, Attribution], None]
"""Told of every message that was attributed, for a page."""


def attribute_rows(
    lines: Iterable[Line], attributor: Attributor, name: str, *, asked: Asked | None = None, shown: Shown | None = None
) -> Iterator[str]:
    """One JSON text for each row, in order, without a line end: ``{"id", "model", "signal", "value", "calibrated",
    "lexicon", "logit", "baseline", "words": [{"start", "end", "weight"}], "context", "gap", "complete"}``, the text itself
    nowhere in it. Where the model has nothing to say of the message (it is of the other side, empty, in a language that the
    model does not read, or no answer to a question), ``value`` and what follows it are null.

    Rows are those of ``handrail score``; a bad one is ``{"id", "line", "error"}`` in its place. Raises
    :class:`~detectors.attribution.errors.AttributionUnfit` for a signal that the model does not answer.
    """
    attributor.head(name)
    for number, line in numbered(iter(lines)):
        row = read_row(line, number, asked)
        if isinstance(row, Bad):
            yield row.dumped()
            continue
        items = [replace(item, language=identify(item.text, item.language)) for item in row.items]
        found = attributor.attribute(items, row.text, name)
        if found is not None and shown is not None:
            shown(row, found)
        yield orjson.dumps({"id": row.id, "model": attributor.model, "signal": name, **_told(found)}).decode()


def _told(found: Attribution | None) -> dict[str, object]:
    if found is None:
        names = ("value", "calibrated", "lexicon", "logit", "baseline", "words", "context", "gap", "complete")
        return dict.fromkeys(names)
    return {
        "value": round(found.value, 6),
        "calibrated": round(found.calibrated, 6),
        "lexicon": round(found.lexicon, 6),
        "logit": round(found.logit, 4),
        "baseline": round(found.baseline, 4),
        "words": [{"start": word.start, "end": word.end, "weight": round(word.weight, 4)} for word in found.words],
        "context": round(found.context, 4),
        "gap": round(found.gap, 4),
        "complete": found.complete,
    }
