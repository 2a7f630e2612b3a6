"""The records over PostgreSQL, with a local journal for the time that PostgreSQL is away."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from guard.errors import JournalFull, RecordsLate, RecordsUnavailable
from guard.records.alerts import RECORDS_UNAVAILABLE, Alerts, RecordMeters, SilentMeters
from guard.records.batch import GroupCommit
from guard.records.claims import ClaimDesk
from guard.records.contract import Claim, Claimed, PolicySource, TurnEntry
from guard.records.feedback import Feedback, FeedbackKind, keep_feedback
from guard.records.journal import Journal
from guard.records.keys import Keys
from guard.records.memory import Memory
from guard.records.pool import Database, is_outage
from guard.records.queries import query
from guard.records.snapshot import Snapshot, Stamper, decode, encode
from guard.records.tenants import TenantKeys
from guard.records.terms import Identity
from guard.records.view import turn_view
from guard.records.writer import MergeState, StoredSession, Writer
from guard.settings import Settings

__all__ = ["PostgresRecords", "higher_state"]

_logger = logging.getLogger(__name__)

_TRIES: Final = 3
# Somebody else wrote the same at the same moment, or took rows out of the default partition while this one went there.
_AGAIN: Final = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.UniqueViolation,
    psycopg.errors.CheckViolation,
)
_LOOK_FOR_JOURNALS: Final = 15.0
_REPLAY_AGAIN: Final = 0.5
_PARTITIONS: Final = 6 * 3600.0
_PARTITIONS_AGAIN: Final = 60.0
_STUMBLES: Final = 20  # tries of one entry before the others go first
_FULL: Final = "journal_full"
_REFUSED: Final = "records_refused"


def higher_state(stored: Mapping[str, Any] | None, journaled: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state with more ``turns``; of each peak (``{name: [value, at]}``) the higher one."""
    if stored is None:
        return journaled
    more, fewer = (stored, journaled) if stored.get("turns", 0) > journaled.get("turns", 0) else (journaled, stored)
    peaks = dict(more.get("peaks", {}))
    for name, peak in fewer.get("peaks", {}).items():
        if name not in peaks or peak[0] > peaks[name][0]:
            peaks[name] = peak
    return {**more, "peaks": peaks} if peaks else dict(more)


class PostgresRecords:
    """Implements :class:`guard.records.contract.Records`. An async context manager; one a process and event loop.

    ``merge_state``: what to make of a session's state that was stored and one that was journaled apart from it. Pure.
    ``policies``: those that turns may name; a tenant's first turn under one stores it. ``admit``: see
    :class:`~guard.records.pool.Database`.
    """

    def __init__(
        self,
        settings: Settings,
        database_url: str,
        keys: Keys,
        *,
        merge_state: MergeState = higher_state,
        policies: Iterable[PolicySource] = (),
        meters: RecordMeters | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        connections: int = 8,
        admit: Callable[[psycopg.AsyncConnection[Any]], Awaitable[None]] | None = None,
    ) -> None:
        self._seconds = settings.database_seconds
        self._keys = keys
        meters = meters or SilentMeters()
        self._database = Database(database_url, seconds=self._seconds, connections=connections, admit=admit)
        self._memory = Memory()
        self._stamp = Stamper(clock)
        self._writer = Writer(keys, merge_state, policies)
        self._claims = ClaimDesk(self._database, self._memory, seconds=self._seconds, key_version=keys.version)
        self._tenants = TenantKeys(self._database)
        self._alerts = Alerts(self._database, meters)
        self._journal = Journal(
            settings.home / "journal", keys, max_bytes=settings.journal_max_bytes, watch=meters.journal_bytes
        )
        self._group = GroupCommit(self._store_group, self._shed, seconds=settings.group_commit_seconds)
        self._replay_wanted = asyncio.Event()
        self._replaying: asyncio.Task[None] | None = None
        self._closed = False
        self._full = False
        self._partitions_at = float("-inf")
        self._stumbled: tuple[UUID | None, int] = None, 0
        self._database.when_away(lambda: self._alerts.alert(RECORDS_UNAVAILABLE))
        self._database.when_back(self._resume)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connects and begins to replay journals of processes that were killed. Does not wait for a database that is
        away."""
        await self._database.open()
        self._replaying = asyncio.create_task(self._replay_forever())

    async def close(self) -> None:
        """Stores or journals what is left and gives everything up. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        await self._group.drain()
        if self._replaying is not None:
            self._replaying.cancel()
            await asyncio.wait([self._replaying])
            if self._full and self._journal.size <= 0:  # ended between the last entry's storing and the word about it
                self._alerts.clear(_FULL)
        await self._claims.close()
        await self._alerts.close()
        await self._journal.close()
        await self._database.close()

    @property
    def away(self) -> bool:
        """Whether PostgreSQL is known to be away."""
        return self._database.away

    @property
    def database(self) -> Database:
        """The connections, for other readers in this process."""
        return self._database

    # ---- the contract

    async def claim(self, claim: Claim) -> Claimed:
        """See :meth:`guard.records.contract.Records.claim`."""
        return await self._claims.claim(claim)

    async def commit(self, entry: TurnEntry) -> UUID | None:
        """See :meth:`guard.records.contract.Records.commit`."""
        snapshot = Snapshot(entry, self._stamp())
        if not self._database.away:
            try:
                return (await self._database.bounded(self._write([snapshot])))[0]
            except Exception as error:
                self._complain(error)
        await self._journal_snapshots([snapshot])
        return None

    def enqueue(self, entry: TurnEntry) -> Future[None]:
        """See :meth:`guard.records.contract.Records.enqueue`."""
        return self._group.put(Snapshot(entry, self._stamp()))

    async def turn(self, tenant_id: UUID, turn_id: UUID) -> dict[str, Any] | None:
        """See :meth:`guard.records.contract.Records.turn`. Raises :class:`~guard.errors.RecordsUnavailable` with PostgreSQL
        away."""
        try:
            row = await self._database.bounded(self._read_turn(tenant_id, turn_id))
        except (psycopg.Error, RecordsUnavailable, OSError):
            raise RecordsUnavailable("the turn cannot be read: PostgreSQL does not answer") from None
        return turn_view(self._keys, tenant_id, row) if row is not None else None

    async def _read_turn(self, tenant_id: UUID, turn_id: UUID) -> dict[str, Any] | None:
        async with self._database.connection() as connection:
            cursor = await connection.cursor(row_factory=dict_row).execute(
                query("turn"), {"tenant_id": tenant_id, "turn_id": turn_id}
            )
            return await cursor.fetchone()

    async def feedback(self, identity: Identity, turn_id: UUID, kind: FeedbackKind, note: str) -> Feedback | None:
        """See :meth:`guard.records.contract.Records.feedback`. Raises :class:`~guard.errors.RecordsUnavailable` with
        PostgreSQL away."""
        try:
            return await self._database.bounded(self._keep_feedback(identity, turn_id, kind, note))
        except (psycopg.Error, RecordsUnavailable, OSError):
            raise RecordsUnavailable("the feedback cannot be kept: PostgreSQL does not answer") from None

    async def _keep_feedback(self, identity: Identity, turn_id: UUID, kind: FeedbackKind, note: str) -> Feedback | None:
        async with self._database.connection() as connection, connection.transaction():
            return await keep_feedback(connection, self._keys, identity, turn_id, kind, note, self._stamp())

    async def authenticate(self, key: str) -> Identity | None:
        """See :meth:`guard.records.contract.Records.authenticate`. Raises :class:`~guard.errors.RecordsUnavailable` for a
        key that was never seen here while PostgreSQL is away."""
        return await self._tenants.authenticate(key)

    def alert(self, kind: str, *, tenant_id: UUID | None = None) -> None:
        """See :meth:`guard.records.contract.Records.alert`."""
        self._alerts.alert(kind, tenant_id=tenant_id)

    def clear(self, kind: str, *, tenant_id: UUID | None = None) -> None:
        """See :meth:`guard.records.contract.Records.clear`."""
        self._alerts.clear(kind, tenant_id=tenant_id)

    async def redacts(self) -> bool:
        """Whether some tenant needs names to be found. Raises :class:`~guard.errors.RecordsUnavailable`."""
        try:
            return await self._database.bounded(self._read_redacts())
        except (psycopg.Error, OSError):
            raise RecordsUnavailable("the tenants cannot be read: PostgreSQL does not answer") from None

    async def _read_redacts(self) -> bool:
        async with self._database.connection() as connection:
            row = await (await connection.execute(query("redacts"))).fetchone()
        return row is not None and bool(row[0])

    # ---- writing

    async def _write(self, snapshots: Sequence[Snapshot]) -> list[UUID | None]:
        for attempt in range(1, _TRIES + 1):
            try:
                async with self._database.connection() as connection:
                    cases, sessions = await self._writer.write(connection, snapshots)
            except _AGAIN:
                if attempt == _TRIES:
                    raise
            else:
                self._learn(sessions)
                return cases
        raise AssertionError("unreachable")

    def _learn(self, sessions: Sequence[StoredSession]) -> None:
        for session in sessions:
            for name in session.given | {session.id}:
                self._memory.learn_session(session.tenant_id, name, session.version, session.state)

    async def _store_group(self, snapshots: Sequence[Snapshot]) -> None:
        try:
            await self._database.bounded(self._write(snapshots))
        except Exception as error:
            # Halves of what was late may be as late, one after the other: the journal takes them at once.
            if len(snapshots) == 1 or is_outage(error) or isinstance(error, RecordsLate):
                self._complain(error)
                await self._shed(snapshots)
                return
            half = len(snapshots) // 2  # one of them is wrong, or they are too many: most need not suffer for it
            await self._store_group(snapshots[:half])
            await self._store_group(snapshots[half:])

    async def _shed(self, snapshots: Sequence[Snapshot]) -> None:
        with suppress(JournalFull):  # counted, logged and told there
            await self._journal_snapshots(snapshots)

    def _complain(self, error: BaseException) -> None:
        self._database.note(error)
        if not is_outage(error):
            _logger.error("PostgreSQL did not take a turn (%s); it goes to the journal", type(error).__name__)

    # ---- the journal

    async def _journal_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        results = await asyncio.gather(*map(self._journal_one, snapshots), return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        if not self._database.away:
            self._replay_wanted.set()
        if failed:
            self._alerts.alert(_FULL)
            self._full = True
            full = [error for error in failed if isinstance(error, JournalFull)]
            error = full[0] if full else JournalFull(f"a turn cannot be written down: {type(failed[0]).__name__}")
            _logger.critical("%d turns are neither in PostgreSQL nor in the journal: %s", len(failed), error)
            raise error

    async def _journal_one(self, snapshot: Snapshot) -> None:
        await self._journal.append(encode(self._journaled(snapshot)))

    def _journaled(self, snapshot: Snapshot) -> Snapshot:
        """A function cannot be written down: what it makes of the newest state that is known here can."""
        change, entry = snapshot.entry.session, snapshot.entry
        if change is None or snapshot.state is not None:
            return snapshot
        tenant_id = entry.identity.tenant_id
        seen = self._memory.session(tenant_id, change.session_id)
        try:
            state = change.apply(seen.state)
        except Exception as error:
            _logger.error("session %s is journaled without its state: %s", change.session_id, type(error).__name__)  # noqa: TRY400 - its message may quote
            return snapshot
        self._memory.learn_session(tenant_id, change.session_id, seen.version + 1, state)
        return replace(snapshot, state=state, base=seen.version)

    def _resume(self) -> None:
        self._alerts.clear(RECORDS_UNAVAILABLE)
        self._alerts.resume()
        self._replay_wanted.set()

    async def _replay_forever(self) -> None:
        while True:
            self._replay_wanted.clear()
            if not self._database.away:
                try:
                    await self._replay_all()
                    await self._make_partitions()
                except Exception as error:
                    self._database.note(error)
                    if not is_outage(error):
                        _logger.error("the journal waits: %s", type(error).__name__)  # noqa: TRY400 - may quote
                    await asyncio.sleep(_REPLAY_AGAIN)
                    continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_FOR_JOURNALS):
                    await self._replay_wanted.wait()

    async def _replay_all(self) -> None:
        replayed = await self._journal.adopt(self._replay)
        if self._journal.size:
            replayed += await self._journal.replay(self._replay)
        if replayed:
            _logger.info("%d entries of the journal are in PostgreSQL now", replayed)
            self._alerts.clear(_FULL)
            self._full = False

    async def _make_partitions(self) -> None:
        """A process that runs for months meets months that no migration knew of."""
        now = asyncio.get_running_loop().time()
        if now < self._partitions_at:
            return
        self._partitions_at = now + _PARTITIONS_AGAIN  # where it fails: rows go to the default partition meanwhile
        async with self._database.connection() as connection:
            await connection.execute(query("ensure_partitions"))
        self._partitions_at = now + _PARTITIONS

    async def _replay(self, entry_id: UUID, plain: bytes) -> None:
        try:
            snapshot = decode(plain, entry_id)
        except (ValueError, KeyError, TypeError) as error:
            await self._refuse(entry_id, plain, error)
            return
        try:
            async with asyncio.timeout(10 * self._seconds):
                await self._write([snapshot])
        except Exception as error:
            if is_outage(error):
                raise
            wrong = isinstance(error, (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError))
            last, times = self._stumbled
            self._stumbled = entry_id, times + 1 if last == entry_id else 1
            if not wrong and self._stumbled[1] < _STUMBLES:
                raise
            await self._refuse(entry_id, plain, error)

    async def _refuse(self, entry_id: UUID, plain: bytes, error: Exception) -> None:
        """No repetition makes this entry right. It is set aside, still sealed, and somebody is told."""
        _logger.critical("entry %s of the journal cannot be stored: %s", entry_id, type(error).__name__)
        await asyncio.to_thread(self._journal.set_aside, entry_id, plain)
        self._alerts.alert(_REFUSED)
