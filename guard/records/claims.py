"""Which turn a request is. All claims that wait at one moment share one round trip."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from guard.errors import RecordsUnavailable
from guard.records.contract import Claim, Claimed, SessionRow
from guard.records.ids import new_id
from guard.records.memory import Memory, SeenTurn
from guard.records.pool import Database, is_outage
from guard.records.queries import query

__all__ = ["ClaimDesk"]

_logger = logging.getLogger(__name__)

_MOST_AT_ONCE: Final = 256
_MOST_WAITING: Final = 4096


@dataclass(frozen=True, slots=True)
class _Ask:
    """A claim with what was found out about it: the key that it counts for and the session that it belongs to."""

    claim: Claim
    key: bytes
    session_id: UUID | None = None
    session_key: bytes | None = None


class ClaimDesk:
    """Answers claims, one batch at a time: the first claim of a moment starts a round trip, the next wait for the following
    one together."""

    def __init__(self, database: Database, memory: Memory, *, seconds: float, key_version: int) -> None:
        self._database = database
        self._memory = memory
        self._seconds = seconds
        self._key_version = key_version
        self._waiting: deque[tuple[Claim, asyncio.Future[Claimed]]] = deque()
        self._leader: asyncio.Task[None] | None = None

    async def claim(self, claim: Claim) -> Claimed:
        """See :meth:`guard.records.contract.Records.claim`."""
        if self._database.away or len(self._waiting) >= _MOST_WAITING:
            return self._unrecorded(claim)
        future: asyncio.Future[Claimed] = asyncio.get_running_loop().create_future()
        self._waiting.append((claim, future))
        if self._leader is None or self._leader.done():
            self._leader = asyncio.create_task(self._lead())
        if await self._database.wait(future):
            return future.result()
        future.cancel()
        return self._unrecorded(claim)

    def _unrecorded(self, claim: Claim) -> Claimed:
        """The proposed id, or the one that this process gave to the same key before."""
        tenant_id = claim.identity.tenant_id
        seen = self._memory.turn(tenant_id, claim.key)
        turn = SeenTurn(claim.proposed, claim.at, 1) if seen is None else replace(seen, attempt=seen.attempt + 1)
        self._memory.learn_turn(tenant_id, claim.key, turn)
        session = None
        if claim.session_key is not None:
            session_id = self._memory.session_id(tenant_id, claim.session_key) or new_id()
            self._memory.learn_session_id(tenant_id, claim.session_key, session_id)
            session = SessionRow(session_id, 0, None)
        return Claimed(turn.turn_id, turn.at, turn.attempt, claim.key, session, recorded=False)

    async def close(self) -> None:
        """Waits for the round trip under way."""
        if self._leader is not None:
            await asyncio.wait([self._leader], timeout=self._seconds)

    async def _lead(self) -> None:
        await asyncio.sleep(0)  # what else arrives in this turn of the loop comes along
        while self._waiting:
            batch: list[tuple[Claim, asyncio.Future[Claimed]]] = []
            while self._waiting and len(batch) < _MOST_AT_ONCE:
                claim, future = self._waiting.popleft()
                if not future.done():
                    batch.append((claim, future))
            if batch:
                await self._answer(batch)

    async def _answer(self, batch: Sequence[tuple[Claim, asyncio.Future[Claimed]]]) -> None:
        claims: Sequence[Claim] = ()
        try:
            async with self._database.connection(claims=True) as connection:
                # Who has given up meanwhile has an id already: asking for it now would count an attempt too many.
                batch = [(claim, future) for claim, future in batch if not future.done()]
                claims = [claim for claim, _ in batch]
                answers = await self._ask(connection, claims)
        except (psycopg.Error, RecordsUnavailable, OSError) as error:
            if len(batch) > 1 and not is_outage(error):
                for single in batch:  # one of them is wrong: the others need not suffer for it
                    await self._answer([single])
                return
            if not is_outage(error):
                _logger.error("a claim was refused by PostgreSQL: %s", type(error).__name__)  # noqa: TRY400 - no traceback
            answers = []
        except Exception as error:
            _logger.error("claims failed: %s", type(error).__name__)  # noqa: TRY400 - its message may quote
            answers = []
        for place, (claim, future) in enumerate(batch):
            if not future.done():
                future.set_result(answers[place] if answers else self._unrecorded(claim))

    async def _ask(self, connection: AsyncConnection[Any], claims: Sequence[Claim]) -> list[Claimed]:
        asks = await self._join(connection, claims)
        # A key that is asked for several times at once is asked for once, and counted that often.
        groups: dict[tuple[UUID, bytes], list[int]] = {}
        for place, ask in enumerate(asks):
            groups.setdefault((ask.claim.identity.tenant_id, ask.key), []).append(place)
        firsts = [asks[places[0]] for places in groups.values()]
        counts = [len(places) for places in groups.values()]
        parameters: dict[str, Any] = {
            "n": list(range(len(firsts))),
            "tenant_id": [ask.claim.identity.tenant_id for ask in firsts],
            "key": [ask.key for ask in firsts],
            "turn_id": [ask.claim.proposed for ask in firsts],
            "at": [ask.claim.at for ask in firsts],
            "session_id": [ask.session_id for ask in firsts],
            "session_key": [ask.session_key for ask in firsts],
            "new_session": [new_id() if ask.session_key is not None else None for ask in firsts],
            "person": [ask.claim.person for ask in firsts],
            "thread": [ask.claim.thread for ask in firsts],
            "count": counts,
            "synthetic": [ask.claim.identity.synthetic for ask in firsts],
            "known_version": [ask.claim.known_version for ask in firsts],
            "key_version": self._key_version,
        }
        cursor = await connection.cursor(row_factory=dict_row).execute(query("claim"), parameters)
        rows = {row["n"]: row for row in await cursor.fetchall()}
        answers: dict[int, Claimed] = {}
        for number, places in enumerate(groups.values()):
            row = rows[number]
            for nth, place in enumerate(places):
                attempt = row["attempts"] - len(places) + 1 + nth
                answers[place] = self._answered(asks[place], row, attempt)
        return [answers[place] for place in range(len(claims))]

    def _answered(self, ask: _Ask, row: dict[str, Any], attempt: int) -> Claimed:
        claim = ask.claim
        tenant_id, session = claim.identity.tenant_id, None
        self._memory.learn_turn(tenant_id, claim.key, SeenTurn(row["turn_id"], row["turn_at"], attempt))
        if row["session_id"] is not None:
            session = SessionRow(row["session_id"], row["version"] or 0, row["state"] or None)
            if claim.session_key is not None:
                self._memory.learn_session_id(tenant_id, claim.session_key, session.id)
            if session.version != claim.known_version:
                self._memory.learn_session(tenant_id, session.id, session.version, session.state, read=True)
        return Claimed(row["turn_id"], row["turn_at"], attempt, ask.key, session)

    async def _join(self, connection: AsyncConnection[Any], claims: Sequence[Claim]) -> list[_Ask]:
        """Finds out for sessionless requests of known people which turn they repeat or which session they go on with."""
        threaded = [place for place, claim in enumerate(claims) if claim.session_key is None and claim.thread is not None]
        asks = [_Ask(claim, claim.key, session_key=claim.session_key) for claim in claims]
        if not threaded:
            return asks
        cursor = await connection.cursor(row_factory=dict_row).execute(
            query("join_threads"),
            {
                "n": threaded,
                "tenant_id": [claims[place].identity.tenant_id for place in threaded],
                "key": [claims[place].key for place in threaded],
                "thread": [claims[place].thread for place in threaded],
                "joins": [claims[place].joins for place in threaded],
                "retry": [claims[place].retry for place in threaded],
                "at": [claims[place].at for place in threaded],
            },
        )
        for row in await cursor.fetchall():
            claim = claims[row["n"]]
            if row["own_id"] is not None:
                asks[row["n"]] = _Ask(claim, claim.key)
            elif row["retry_key"] is not None:
                asks[row["n"]] = _Ask(claim, row["retry_key"])
            elif row["joined"] is not None:
                asks[row["n"]] = _Ask(claim, claim.key, session_id=row["joined"])
            else:  # opens a session of its own, under the key of its first turn
                asks[row["n"]] = _Ask(claim, claim.key, session_key=claim.key)
        return asks
