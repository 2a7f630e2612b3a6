"""Opinions as they are on record, for commands and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from detectors.signals import Scores, Side
from guard.opinion.errors import OpinionUnknown
from guard.opinion.rubric import Label, Rubric, find, from_json
from guard.records.packing import unpack

__all__ = ["STATES", "Opinion", "Said", "in_words", "listed", "of_turn", "rows", "scores_in", "second", "show"]

STATES: Final = ("waiting", "asked", "answered", "refused", "failed")


@dataclass(frozen=True, slots=True)
class Opinion:
    """One row. ``labels`` are as the rubric of ``rubric`` has them. ``cut``: the text was longer than what was sent."""

    id: UUID
    tenant: str
    turn_id: UUID
    turn_at: datetime
    attempt: int
    side: str
    rubric: str
    model: str
    why: str
    state: str
    reason: str | None
    labels: Mapping[str, Any] | None
    cut: bool
    attempts: int
    seconds: float | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Said:
    """One label in words: what was asked about, and what was chosen."""

    name: str
    title: str
    value: str


async def listed(
    connection: AsyncConnection[Any], *, tenant: str | None, state: str | None, turn_id: UUID | None, limit: int
) -> list[Opinion]:
    """The newest opinions, those that wait to be taken up left out unless they are asked for."""
    values = {"tenant": tenant, "state": state, "turn_id": turn_id, "id": None, "limit": limit}
    return await _opinions(connection, values)


async def show(connection: AsyncConnection[Any], opinion_id: UUID) -> tuple[Opinion, Scores | None]:
    """One opinion and the scores of the same words. Raises :class:`~guard.opinion.errors.OpinionUnknown`."""
    found = await _opinions(connection, {"tenant": None, "state": None, "turn_id": None, "id": opinion_id, "limit": 1})
    if not found:
        raise OpinionUnknown(f"there is no opinion {opinion_id}; handrail opinion list shows which there are")
    scored = await rows(connection, "scores_of", {"id": opinion_id})
    return found[0], scores_in(scored[0]) if scored else None


async def of_turn(connection: AsyncConnection[Any], tenant_id: UUID, turn_id: UUID) -> list[Mapping[str, Any]]:
    """What was answered of a turn and what was refused, as a connection of any role that may sees it: ``side``, ``rubric``,
    ``model``, ``state``, ``labels``, ``cut``, ``ended_at``."""
    return await rows(connection, "of_turn", {"tenant_id": tenant_id, "turn_id": turn_id})


def in_words(rubric_id: str, labels: Mapping[str, Any] | None) -> tuple[Said, ...]:
    """Labels with their titles; by their bare names where the rubric has changed since."""
    rubric = find(rubric_id)
    if labels is None:
        return ()
    named: Sequence[Label] = rubric.labels if rubric is not None else [Label(name, name, "") for name in sorted(labels)]
    return tuple(Said(label.name, label.title, str(labels[label.name])) for label in named if label.name in labels)


def second(rubric_id: str, labels: Mapping[str, Any] | None) -> Mapping[str, bool | None]:
    """What the labels say of each signal; nothing where the rubric has changed since."""
    rubric: Rubric | None = find(rubric_id)
    read = from_json(rubric, labels) if rubric is not None else None
    if rubric is None or read is None:
        return {}
    return {name: says(read) for name, says in rubric.signals.items()}


async def _opinions(connection: AsyncConnection[Any], values: Mapping[str, Any]) -> list[Opinion]:
    cursor = await connection.cursor(row_factory=class_row(Opinion)).execute(_query("opinions"), values)
    return await cursor.fetchall()


async def rows(connection: AsyncConnection[Any], name: str, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a named statement of this package returns."""
    cursor = await connection.cursor(row_factory=dict_row).execute(_query(name), values)
    return list(await cursor.fetchall())


def scores_in(row: Mapping[str, Any]) -> Scores:
    """The scores of a row with ``side``, ``ids``, ``values``, ``tiers`` and ``scored_by``."""
    return unpack(Side(row["side"]), row["ids"], row["values"], bytes(row["tiers"]), model=row["scored_by"])


@cache
def _query(name: str) -> LiteralString:
    return resources.files(__package__).joinpath("queries", f"{name}.sql").read_text("utf-8")
