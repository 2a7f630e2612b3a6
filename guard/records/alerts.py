"""Operational alerts: one open alert a kind, however often its cause shows itself. Nothing here blocks a turn."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from guard.errors import RecordsUnavailable
from guard.records.ids import new_id
from guard.records.pool import Database
from guard.records.queries import query

__all__ = [
    "DETECTORS_UNAVAILABLE",
    "INSTALLATION",
    "RECORDS_UNAVAILABLE",
    "Alerts",
    "RecordMeters",
    "SilentMeters",
]

_logger = logging.getLogger(__name__)

INSTALLATION: Final = UUID(int=0)
"""The tenant of what concerns the whole installation."""

DETECTORS_UNAVAILABLE: Final = "detectors_unavailable"
RECORDS_UNAVAILABLE: Final = "records_unavailable"
"""Kinds that several processes raise: whoever notices an outage first, it is one alert."""

_MOST_KINDS: Final = 1024
_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0  # between tries of what PostgreSQL refuses


class RecordMeters(Protocol):
    """What the records count."""

    def alert(self, kind: str, raised: bool) -> None:
        """An operational alert is open or not."""
        ...

    def journal_bytes(self, size: int) -> None:
        """What waits in this process' journal."""
        ...


class SilentMeters:
    """Counts nothing."""

    def alert(self, kind: str, raised: bool) -> None:
        """Counts nothing."""

    def journal_bytes(self, size: int) -> None:
        """Counts nothing."""


@dataclass(slots=True)
class _Change:
    """What is still to be written of one kind, in this order: an earlier alert's end, new causes, their end."""

    cleared_before: bool = False
    count: int = 0
    cleared_after: bool = False


class Alerts:
    """Collects raises and clears and writes them a few times a second; they wait while the database is away."""

    def __init__(self, database: Database, meters: RecordMeters) -> None:
        self._database = database
        self._meters = meters
        self._changes: dict[tuple[UUID, str], _Change] = {}
        self._task: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    def alert(self, kind: str, *, tenant_id: UUID | None = None) -> None:
        """See :meth:`guard.records.contract.Records.alert`."""
        change = self._change(kind, tenant_id)
        if change is None:
            return
        if not change.count:
            _logger.warning("an operational alert is raised", extra={"kind": kind})
        change.count += 1
        change.cleared_after = False
        self._meters.alert(kind, True)
        self._wake()

    def clear(self, kind: str, *, tenant_id: UUID | None = None) -> None:
        """See :meth:`guard.records.contract.Records.clear`."""
        change = self._change(kind, tenant_id)
        if change is None:
            return
        if change.count:
            change.cleared_after = True
        else:
            change.cleared_before = True
        self._meters.alert(kind, False)
        self._wake()

    def _change(self, kind: str, tenant_id: UUID | None) -> _Change | None:
        key = tenant_id or INSTALLATION, kind
        change = self._changes.get(key)
        if change is None:
            if len(self._changes) >= _MOST_KINDS:
                return None
            change = self._changes[key] = _Change()
        return change

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write_all())

    def resume(self) -> None:
        """The database is back: writes what has waited."""
        if self._changes:
            self._wake()

    async def flush(self) -> None:
        """Writes at once what waits. With the database away it keeps on waiting."""
        await self._write()

    async def close(self) -> None:
        """Writes what waits, if the database takes it, and ends."""
        await self._write()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _write_all(self) -> None:
        pause = _PAUSE
        while self._changes:
            await asyncio.sleep(pause)
            if await self._write():
                pause = _PAUSE
            elif self._database.away:
                return  # resumed when the database is back
            else:
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _write(self) -> bool:
        async with self._writing:
            return await self._write_each()

    async def _write_each(self) -> bool:
        for key in list(self._changes):
            change = self._changes.pop(key)
            try:
                async with self._database.connection() as connection:
                    await self._store(connection, *key, change)
            except (psycopg.Error, RecordsUnavailable, OSError):
                later = self._changes.get(key)
                self._changes[key] = change if later is None else _joined(change, later)
                return False
        return True

    async def _store(self, connection: AsyncConnection[Any], tenant_id: UUID, kind: str, change: _Change) -> None:
        about = {"tenant_id": tenant_id, "kind": kind}
        async with connection.transaction():
            if change.cleared_before:
                await connection.execute(query("clear_alert"), about)
            if change.count:
                more = {"id": new_id(), "count": change.count, "everybody": tenant_id == INSTALLATION}
                await connection.execute(query("raise_alert"), about | more)
            if change.cleared_after:
                await connection.execute(query("clear_alert"), about)


def _joined(first: _Change, then: _Change) -> _Change:
    """Two changes of one kind as one: what happened in between is one alert."""
    if not then.count:
        return _Change(first.cleared_before, first.count, first.cleared_after or then.cleared_before)
    return _Change(first.cleared_before, first.count + then.count, then.cleared_after)
