"""Opinions on record, each beside the scores of the same words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection

from guard.opinion.agreement import Pair, pairs
from guard.opinion.record import rows, scores_in
from guard.opinion.rubric import find, from_json
from guard.opinion.thresholds import thresholds_of

__all__ = ["compared"]

_MOST_COMPARED: Final = 50_000


async def compared(
    connection: AsyncConnection[Any], *, tenant: str | None, model: str | None, since: datetime | None
) -> list[Pair]:
    """Opinions of today's rubrics beside the scores of the same words: the newest fifty thousand."""
    values = {"tenant": tenant, "model": model, "since": since, "limit": _MOST_COMPARED}
    found: list[Pair] = []
    thresholds: dict[str, Mapping[str, float]] = {}
    for row in await rows(connection, "compared", values):
        rubric = find(row["rubric"])
        labels = from_json(rubric, row["labels"]) if rubric is not None else None
        if rubric is None or labels is None:
            continue
        scores = scores_in(row)
        if scores.model not in thresholds:
            thresholds[scores.model] = thresholds_of(scores.model)
        found += pairs(rubric, labels, scores, thresholds[scores.model], row["session_id"] or row["turn_id"])
    return found
