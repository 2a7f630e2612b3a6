"""Writes snapshots of turns: everything of an entry in one transaction, many entries in few statements."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from guard.records.case import open_or_raise
from guard.records.contract import PolicySource
from guard.records.encryption import DataKey, seal_text, unwrap, wrap_new
from guard.records.keys import Keys, Sealer
from guard.records.queries import query
from guard.records.rows import Placed, Sealed, json_text, referral_parameters, turn_parameters
from guard.records.snapshot import Snapshot

__all__ = ["MergeState", "StoredSession", "Writer"]

_logger = logging.getLogger(__name__)

MergeState = Callable[[Mapping[str, Any] | None, Mapping[str, Any]], Mapping[str, Any]]
"""``merge(stored, journaled) -> state``: two states of one session that were made apart. Pure."""


@dataclass(slots=True)
class StoredSession:
    """A session as it stands in the database at the end of a transaction."""

    tenant_id: UUID
    id: UUID
    version: int
    state: Mapping[str, Any] | None
    changed: bool = False
    given: set[UUID] = field(default_factory=set)  # ids by which entries know it


class Writer:
    """Stateless but for its keys: may be used by many tasks at once, each with a connection of its own."""

    def __init__(self, keys: Keys, merge: MergeState, policies: Iterable[PolicySource] = ()) -> None:
        self._keys = keys
        self._merge = merge
        self._policies = {policy.hash: policy for policy in policies}
        self._kept: set[tuple[UUID, str]] = set()  # tenants and policies that are stored: as many as there are of both

    async def write(
        self, connection: AsyncConnection[Any], snapshots: Sequence[Snapshot]
    ) -> tuple[list[UUID | None], list[StoredSession]]:
        """Writes ``snapshots`` in one transaction on ``connection`` (autocommit mode).

        Returns each one's case and the sessions that changed. Repeating it changes nothing. Raises ``psycopg.Error``, and
        then nothing of it is stored (or all of it, where the connection broke during the commit).
        """
        async with connection.pipeline(), connection.transaction():
            snapshots, order = await self._new(connection, snapshots)
            if not snapshots:
                return [None] * len(order), []
            entries, sessions = await self._place(connection, snapshots)
            self._apply(entries, sessions)
            for placed in sorted(entries, key=_case_order):
                placed.case_id = await open_or_raise(connection, placed)
            await connection.execute(query("write_turns"), turn_parameters(entries, self._keys.version))
            referrals = referral_parameters(entries)
            if referrals is not None:
                await connection.execute(query("refer"), referrals)
            changed = list({id(s): s for s in sessions.values() if s.changed}.values())
            await self._store_sessions(connection, entries, changed)
            named = await self._keep_policies(connection, entries)
        self._kept |= named
        cases = [entries[place].case_id if place is not None else None for place in order]
        return cases, changed

    async def _keep_policies(self, connection: AsyncConnection[Any], entries: Sequence[Placed]) -> set[tuple[UUID, str]]:
        named = {(p.snapshot.entry.identity.tenant_id, p.snapshot.entry.policy) for p in entries} - self._kept
        for tenant_id, name in named:
            policy = self._policies.get(name)
            if policy is not None:
                about = {"tenant_id": tenant_id, "hash": policy.hash, "name": policy.name, "source": policy.source}
                await connection.execute(query("keep_policy"), about)
        return named

    async def _new(
        self, connection: AsyncConnection[Any], snapshots: Sequence[Snapshot]
    ) -> tuple[list[Snapshot], list[int | None]]:
        """Leaves out what the journal has replayed before."""
        kept: list[Snapshot] = []
        order: list[int | None] = []
        for snapshot in snapshots:
            if snapshot.journal_id is not None:
                cursor = await connection.execute(query("replayed"), {"id": snapshot.journal_id})
                if await cursor.fetchone() is None:
                    order.append(None)
                    continue
            order.append(len(kept))
            kept.append(snapshot)
        return kept, order

    async def _place(
        self, connection: AsyncConnection[Any], snapshots: Sequence[Snapshot]
    ) -> tuple[list[Placed], dict[tuple[UUID, UUID], StoredSession]]:
        """One round trip: locks the sessions, asks the ledger for the turns and fetches the data keys."""
        wanted = {(s.entry.identity.tenant_id, s.entry.session_id) for s in snapshots if s.entry.session_id is not None}
        known = await connection.cursor(row_factory=dict_row).execute(
            query("lock_sessions"), {"tenant_id": [t for t, _ in wanted], "id": [i for _, i in wanted]}
        )
        turns = await connection.cursor(row_factory=dict_row).execute(
            query("find_turns"),
            {
                "n": list(range(len(snapshots))),
                "tenant_id": [s.entry.identity.tenant_id for s in snapshots],
                "turn_id": [s.entry.turn_id for s in snapshots],
            },
        )
        with_text = sorted({s.entry.identity.tenant_id for s in snapshots if _has_text(s)})
        held = None
        if with_text:
            held = await connection.cursor(row_factory=dict_row).execute(query("data_keys"), {"tenant_ids": with_text})
        sessions = {
            (row["tenant_id"], row["id"]): StoredSession(row["tenant_id"], row["id"], row["version"], row["state"] or None)
            for row in await known.fetchall()
        }
        found = {row["n"]: row for row in await turns.fetchall()}
        stored = {row["tenant_id"]: DataKey(**row) for row in await held.fetchall()} if held is not None else {}
        sealers = await self._sealers(connection, with_text, stored)

        entries: list[Placed] = []
        for number, snapshot in enumerate(snapshots):
            session = await self._session(connection, snapshot, sessions)
            placed = await self._turn(connection, snapshot, found[number], session)
            if _has_text(snapshot):
                placed.text = _seal(placed, *sealers[snapshot.entry.identity.tenant_id])
            entries.append(placed)
        return entries, sessions

    async def _sealers(
        self, connection: AsyncConnection[Any], tenants: Sequence[UUID], stored: dict[UUID, DataKey]
    ) -> dict[UUID, tuple[UUID, Sealer]]:
        out = {}
        for tenant_id in tenants:
            key = stored.get(tenant_id)
            if key is None:
                key = wrap_new(self._keys, tenant_id)
                await connection.execute(
                    query("add_data_key"), {"tenant_id": tenant_id, "id": key.id, "wrapped": key.wrapped}
                )
            out[tenant_id] = key.id, unwrap(self._keys, key)
        return out

    async def _session(
        self, connection: AsyncConnection[Any], snapshot: Snapshot, sessions: dict[tuple[UUID, UUID], StoredSession]
    ) -> StoredSession | None:
        entry = snapshot.entry
        tenant_id, session_id = entry.identity.tenant_id, entry.session_id
        if session_id is None:
            return None
        session = sessions.get((tenant_id, session_id))
        if session is None:
            cursor = await connection.cursor(row_factory=dict_row).execute(
                query("open_session"),
                {
                    "tenant_id": tenant_id,
                    "id": session_id,
                    "key": entry.session_key or entry.key,
                    "key_version": self._keys.version,
                    "person": entry.person,
                    "at": entry.at,
                    "synthetic": entry.identity.synthetic,
                },
            )
            row = await cursor.fetchone()
            if row is None:
                raise RuntimeError(f"session {session_id} could neither be opened nor found")
            session = sessions.get((tenant_id, row["id"]))
            if session is None:
                session = StoredSession(tenant_id, row["id"], row["version"], row["state"] or None)
                sessions[tenant_id, row["id"]] = session
            sessions[tenant_id, session_id] = session
        session.given.add(session_id)
        return session

    async def _turn(
        self, connection: AsyncConnection[Any], snapshot: Snapshot, row: Mapping[str, Any], session: StoredSession | None
    ) -> Placed:
        entry = snapshot.entry
        session_id = session.id if session is not None else None
        if row["alias_of"] is not None:
            return Placed(snapshot, row["alias_of"], row["alias_at"], row["alias_attempt"], session_id)
        if row["attempts"] is not None:
            if row["attempts"] < entry.attempt:  # the claim of this attempt was lost with the database
                counted = {"tenant_id": entry.identity.tenant_id, "turn_id": entry.turn_id, "attempt": entry.attempt}
                await connection.execute(query("count_attempt"), counted)
            return Placed(snapshot, entry.turn_id, entry.at, entry.attempt, session_id)
        tenant_id = entry.identity.tenant_id
        cursor = await connection.cursor(row_factory=dict_row).execute(
            query("enter_turn"),
            {
                "tenant_id": tenant_id,
                "key": entry.key,
                "turn_id": entry.turn_id,
                "at": entry.at,
                "session_id": session_id,
                "attempt": entry.attempt,
                "synthetic": entry.identity.synthetic,
            },
        )
        ledger = await cursor.fetchone()
        if ledger is None:
            raise RuntimeError(f"turn {entry.turn_id} could not be entered")
        if ledger["turn_id"] == entry.turn_id:
            return Placed(snapshot, entry.turn_id, entry.at, entry.attempt, session_id)
        alias = {"turn_id": ledger["turn_id"], "at": ledger["turn_at"], "attempt": ledger["attempts"]}
        await connection.execute(query("alias_turn"), {"tenant_id": tenant_id, "id": entry.turn_id} | alias)
        return Placed(snapshot, alias["turn_id"], alias["at"], alias["attempt"], session_id)

    def _apply(self, entries: Sequence[Placed], sessions: Mapping[tuple[UUID, UUID], StoredSession]) -> None:
        last = {placed.row: number for number, placed in enumerate(entries)}
        for number, placed in enumerate(entries):
            snapshot = placed.snapshot
            if placed.session_id is None or last[placed.row] != number:
                continue
            session = sessions[snapshot.entry.identity.tenant_id, placed.session_id]
            change = snapshot.entry.session
            try:
                state = self._next(snapshot, session)
                if state is not None and change is not None:
                    placed.ordinal = change.ordinal(state)
            except Exception as error:
                # A turn is worth more than its trace in the session's state: it is stored without. The type alone is
                # logged: a message could quote what it failed on.
                _logger.error("session %s keeps its state: %s at turn %s", session.id, type(error).__name__, placed.turn_id)  # noqa: TRY400
                continue
            if state is not None:
                session.state, session.changed = state, True

    def _next(self, snapshot: Snapshot, session: StoredSession) -> Mapping[str, Any] | None:
        if snapshot.state is not None:
            untouched = session.version == snapshot.base and not session.changed
            return snapshot.state if untouched or session.state is None else self._merge(session.state, snapshot.state)
        change = snapshot.entry.session
        return change.apply(session.state) if change is not None else None

    async def _store_sessions(
        self, connection: AsyncConnection[Any], entries: Sequence[Placed], changed: Sequence[StoredSession]
    ) -> None:
        if not changed:
            return
        newest = {placed.session_id: placed.snapshot.entry for placed in entries}
        rows = sorted(changed, key=lambda session: (session.tenant_id, session.id))
        cursor = await connection.execute(
            query("update_sessions"),
            {
                "count": len(rows),
                "sessions": json_text(
                    [
                        {
                            "tenant_id": session.tenant_id,
                            "id": session.id,
                            "version": session.version,
                            "state": session.state,
                            "at": newest[session.id].at,
                            "zone": newest[session.id].zone,
                            "person": newest[session.id].person,
                        }
                        for session in rows
                    ]
                ),
            },
        )
        if len(await cursor.fetchall()) != len(rows):
            raise RuntimeError("a session changed under its lock")
        for session in rows:
            session.version += 1


def _has_text(snapshot: Snapshot) -> bool:
    entry = snapshot.entry
    return entry.identity.store_text and bool(entry.text.user or entry.text.reply)


def _seal(placed: Placed, key_id: UUID, sealer: Sealer) -> Sealed:
    entry = placed.snapshot.entry

    def sealed(text: str, name: str) -> bytes | None:
        tenant_id = entry.identity.tenant_id
        return seal_text(sealer, text, tenant_id=tenant_id, turn_id=placed.turn_id, field=name) if text else None

    return Sealed(key_id, sealed(entry.text.user, "user"), sealed(entry.text.reply, "reply"))


def _case_order(placed: Placed) -> tuple[bytes, bytes]:
    """Cases are locked in one order by all writers; turns without a case come first."""
    entry = placed.snapshot.entry
    return entry.identity.tenant_id.bytes, entry.case.key if entry.case is not None else b""
