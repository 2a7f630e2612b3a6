"""Counts what the database holds, every few seconds, in one process of each machine.

Who counts holds a lock on a file beside the metrics' files; when that process ends the next one takes over. Machines count
each for themselves, so that every page of metrics is whole: read them with ``max``, never with ``sum``.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from guard.errors import RecordsUnavailable
from guard.telemetry.count import DEADLINES, PROMISES, QUANTILES, Count
from guard.telemetry.exposition import VARIABLE
from guard.telemetry.processes import family
from guard.telemetry.queries import query

__all__ = ["KINDS", "Census", "floor"]

_log = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 5.0
_STATEMENT_SECONDS: Final = 2
_FILE: Final = "census"

KINDS: Final = (
    "detectors_unavailable", "records_unavailable", "records_refused", "journal_full", "escalation_channel_disabled",
    "escalation_delivery_dead", "escalation_delivery_refused", "escalation_delivery_late", "escalation_case_unheard",
    "escalation_case_unreachable", "escalation_case_overdue",
)  # fmt: skip
"""Kinds of operational alerts that are shown from the start. Others show from the moment that they were first raised."""

_WINDOWS: Final[Mapping[str, timedelta]] = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}


class Source(Protocol):
    """Where connections come from. :class:`guard.records.pool.Database` is one."""

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection[Any]]:
        """A connection in autocommit mode."""
        ...


def floor(at: float) -> UUID:
    """The lowest UUIDv7 of the instant ``at``, in seconds since 1970."""
    return UUID(int=round(at * 1000) << 80)


class Census:
    """Counts into ``count`` every ``seconds`` until it is cancelled."""

    def __init__(self, count: Count, source: Source, *, seconds: float = _EVERY_SECONDS) -> None:
        self._count = count
        self._source = source
        self._seconds = seconds
        shared = os.environ.get(VARIABLE)
        self._file = Path(shared) / _FILE if shared else None
        self._lock: int | None = None

    async def run(self) -> None:
        """Counts for ever. With the database away the last numbers stand, and the instants that they tell grow old."""
        try:
            while True:
                if self._mine():
                    await self._once()
                await asyncio.sleep(self._seconds)
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _mine(self) -> bool:
        """Whether this process counts; alone it always does."""
        if self._file is None or self._lock is not None:
            return True
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._lock = handle
        return True

    async def _once(self) -> None:
        try:
            self._count.processes(await asyncio.to_thread(family))
        except OSError as error:  # no /proc here: nothing is known of processes
            _log.debug("the processes cannot be counted", extra={"error": type(error)})
        try:
            async with self._source.connection() as connection, connection.transaction():
                await self.take(connection)
        except (psycopg.Error, RecordsUnavailable, OSError) as error:
            _log.warning("the database could not be counted", extra={"error": type(error)})

    async def take(self, connection: AsyncConnection[Any]) -> None:
        """Counts once, in the caller's transaction."""
        now = time.time()
        since = {name: floor(now - window.total_seconds()) for name, window in _WINDOWS.items()}
        # A turn's statements never read a table whole; these may, where it is small.
        await connection.execute("set local enable_seqscan = on")
        await connection.execute(f"set local statement_timeout = '{_STATEMENT_SECONDS}s'")
        cursor = connection.cursor(row_factory=dict_row)

        async def rows(name: str) -> list[dict[str, Any]]:
            return await (await cursor.execute(query(name), since)).fetchall()

        count = self._count
        cases = await rows("cases")
        count.cases({(row["severity"], row["state"]): row["cases"] for row in cases})
        count.closed({row["severity"]: row["cases"] for row in cases if row["state"] == "closed"})
        late: dict[tuple[int, str], int] = {}
        for row in cases:
            for deadline, number in zip(DEADLINES, (row["unacknowledged"], row["unacted"]), strict=True):
                late[row["severity"], deadline] = late.get((row["severity"], deadline), 0) + number
        count.overdue(late)
        count.waiting({row["severity"]: (row["since"], row["until"]) for row in await rows("waiting")})
        promises = await rows("promises")
        count.promises({(row["severity"], promise): row[promise] for row in promises for promise in PROMISES})
        count.acknowledged_after(
            {
                (row["severity"], quantile): seconds
                for row in promises
                for quantile, seconds in zip(QUANTILES, row["seconds"] or (), strict=False)
            }
        )
        [outbox] = await rows("outbox")
        deliveries = {row["state"]: row for row in await rows("deliveries")}
        pending = [deliveries[state] for state in ("waiting", "retrying") if state in deliveries]
        count.outbox_waiting(outbox["waiting"] + sum(row["deliveries"] for row in pending))
        count.outbox_since(outbox["since"] or 0.0)
        [letters] = await rows("dead_letters")
        count.deliveries(
            {(state,): row["deliveries"] for state, row in deliveries.items()},
            min((row["since"] for row in pending), default=0.0),
            letters["dead"],
        )
        count.channels({(row["kind"], row["state"]): row["channels"] for row in await rows("channels")})
        count.alerts({(row["kind"],): row["open"] for row in await rows("alerts")}, KINDS)
        count.heartbeats({(row["process"],): row["at"] for row in await rows("heartbeats")})
        count.feedback({(row["kind"], row["state"]): row["items"] for row in await rows("feedback")})
        count.counted(now)
