"""Rows of texts in, rows of redacted texts out: what `handrail redact` does, in constant memory.

``{"id", "text"}`` in; the same with ``text`` redacted and ``entities`` out, each ``{"start", "end", "type"}`` in code points
of the text as received; and ``{"id", "line", "error"}`` in the place of a row that cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from detectors.lines import Bad, Line, RowError, dumped, identity, numbered, parsed
from detectors.pii.entity import Redacted

__all__ = ["Worker", "redact_rows"]


class Worker(Protocol):
    """What redacts: :class:`detectors.pii.redactor.Redactor`."""

    def redact(self, text: str) -> Redacted:
        """The text without what is personal."""
        ...


def redact_rows(lines: Iterable[Line], worker: Worker) -> Iterator[str]:
    """One JSON text for each row, in order, without a line end. What else a row holds is left out, for it may be personal
    too. Never raises for what a line holds."""
    for number, line in numbered(iter(lines)):
        try:
            name, text = _row(line)
        except RowError as error:
            yield Bad(error.id, number, str(error)).dumped()
            continue
        found = worker.redact(text)
        entities = [{"start": entity.start, "end": entity.end, "type": entity.type} for entity in found.entities]
        yield dumped({"id": name, "text": found.text, "entities": entities})


def _row(line: Line) -> tuple[str, str]:
    row, name = identity(parsed(line), '{"id": …, "text": …}')
    text = row.get("text")
    if not isinstance(text, str):
        raise RowError("text must be a string", name)
    return name, text
