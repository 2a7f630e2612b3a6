"""The turns as they pass, read from the records. Ids, actions and rules; never a word of what was said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from guard.errors import RecordsUnavailable
from guard.records.pool import Database

__all__ = ["Feed", "TurnLine", "follow", "line_of"]

_POLL_SECONDS: Final = 0.3
_RETRY_SECONDS: Final = 1.0
_WINDOW: Final = timedelta(minutes=5)
_SETTLE: Final = timedelta(seconds=3)  # a turn that delivered nothing by then is shown as it stands


@dataclass(frozen=True, slots=True)
class TurnLine:
    """One attempt of one turn. ``rules``: those that fired. ``part``: the client went away before the end. ``silent``:
    nothing of its reply had left when it was shown."""

    id: UUID
    attempt: int
    at: datetime
    tenant: str
    action: str
    status: str
    severity: int
    rules: tuple[str, ...]
    part: bool
    silent: bool
    case: bool


def line_of(row: Mapping[str, Any]) -> TurnLine:
    """A row of the query as a line."""
    fired = tuple(rule["id"] for rule in row["rules"] if rule.get("outcome") == "fired")
    part, silent = row["delivered"] == "part", row["delivered"] == "none"
    head = (row["id"], row["attempt"], row["tried_at"], row["name"], row["action"], row["status"], row["severity"])
    return TurnLine(*head, fired, part, silent, row["case_id"] is not None)


class Feed:
    """Remembers which turns were shown. Pure but for its memory, which covers the last five minutes."""

    def __init__(self, now: datetime) -> None:
        self._from = now
        self._shown: dict[tuple[UUID, int], datetime] = {}

    def since(self, now: datetime) -> datetime:
        """From when on rows are to be read."""
        return max(self._from, now - _WINDOW)

    def new(self, rows: Iterable[Mapping[str, Any]], now: datetime) -> list[TurnLine]:
        """The lines that are complete and were not shown yet. A turn is written more than once while it goes on; it is
        shown when its reply has left, or after three seconds."""
        lines = []
        for row in rows:
            key = (row["id"], row["attempt"])
            if key in self._shown or (row["delivered"] == "none" and now - row["tried_at"] < _SETTLE):
                continue
            self._shown[key] = now
            lines.append(line_of(row))
        self._shown = {key: at for key, at in self._shown.items() if now - at <= 2 * _WINDOW}
        return lines


async def follow(database: Database, since: datetime) -> AsyncIterator[TurnLine]:
    """Lines for ever, of turns from ``since`` on. While the database is away it waits."""
    query = resources.files("guard.supervise").joinpath("feed.sql").read_bytes()
    feed = Feed(since)
    while True:
        now = datetime.now(UTC)
        try:
            async with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
                await cursor.execute(query, {"since": feed.since(now)})
                rows = await cursor.fetchall()
        except (psycopg.Error, RecordsUnavailable, OSError):
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        for line in feed.new(rows, now):
            yield line
        await asyncio.sleep(_POLL_SECONDS)
