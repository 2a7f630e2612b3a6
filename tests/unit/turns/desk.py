"""A desk whose detectors say what a test says, with records in memory: everything else is the real thing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from hashlib import sha256
from typing import Any
from uuid import UUID

from detectors.contract import Item
from detectors.errors import ScorerUnavailable
from detectors.signals import Kind, Scores, Side, Signal, Tier, vocabulary
from guard.errors import JournalFull
from guard.records.contract import Claim, Claimed, SessionRow, TurnEntry
from guard.records.feedback import Feedback, FeedbackKind
from guard.records.ids import IdMaker
from guard.records.terms import Identity
from guard.settings import load_settings
from guard.turns.contract import Message, TurnRequest
from guard.turns.desk import Desk
from guard.turns.room import ActivePolicy, Room
from guard.turns.sessions import SessionCache
from policies.completions.compose import TemplateComposer
from policies.decide import decide
from policies.load import load_policy
from policies.policy import Policy

__all__ = ["MemoryRecords", "ScriptedScorer", "World"]

TENANT = Identity(UUID(int=7), "t")


@lru_cache
def _loaded(name: str) -> Policy:
    return load_policy(name)


class ScriptedScorer:
    """Each text has the signals that ``says`` gives it; of the others those that are judged there are answered and low, as
    the model does: answers to a question where one is open, of a passage what is judged by passages, of a whole reply
    everything. ``away``: it cannot be reached."""

    def __init__(self) -> None:
        self.says: dict[str, Mapping[str, float]] = {}
        self.asked: list[Item] = []
        self.away = False

    async def score(self, items: Sequence[Item], *, deadline: float) -> list[Scores]:
        await asyncio.sleep(0)
        if self.away:
            raise ScorerUnavailable("refused")
        self.asked += items
        return [self._scores(item) for item in items]

    def _scores(self, item: Item) -> Scores:
        low = {
            signal.name: 0.02
            for signal in vocabulary(item.side)
            if signal.kind is Kind.PROBABILITY and self._judged(signal, item)
        }
        return Scores.of(item.side, "test@1", low | dict(self.says.get(item.text, {})), tier=Tier.FULL)

    @staticmethod
    def _judged(signal: Signal, item: Item) -> bool:
        if item.side is Side.REPLY:
            return item.whole or not signal.whole
        return item.question is not None or not signal.name.startswith("answer.")


@dataclass
class MemoryRecords:
    """Implements what turns ask of :class:`guard.records.contract.Records`. ``full``: nothing takes a commit."""

    turns: dict[bytes, Claimed] = field(default_factory=dict)
    sessions: dict[bytes, SessionRow] = field(default_factory=dict)
    committed: list[TurnEntry] = field(default_factory=list)
    enqueued: list[TurnEntry] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    full: bool = False

    async def claim(self, claim: Claim) -> Claimed:
        known = self.turns.get(claim.key)
        session = self.sessions.get(claim.session_key) if claim.session_key else None
        if session is None and claim.session_key is not None:
            session = self.sessions[claim.session_key] = SessionRow(IdMaker()(), 0, None)
        turn_id, at, attempt = (known.turn_id, known.at, known.attempt + 1) if known else (claim.proposed, claim.at, 1)
        self.turns[claim.key] = Claimed(turn_id, at, attempt, claim.key, session)
        return self.turns[claim.key]

    async def commit(self, entry: TurnEntry) -> UUID | None:
        if self.full:
            raise JournalFull("full")
        self.committed.append(entry)
        self._apply(entry)
        return UUID(int=entry.case.severity) if entry.case is not None else None

    def enqueue(self, entry: TurnEntry) -> asyncio.Future[None]:
        self.enqueued.append(entry)
        self._apply(entry)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def _apply(self, entry: TurnEntry) -> None:
        if entry.session is not None and entry.session_key is not None:
            row = self.sessions[entry.session_key]
            self.sessions[entry.session_key] = SessionRow(row.id, row.version + 1, entry.session.apply(row.state))

    async def turn(self, tenant_id: UUID, turn_id: UUID) -> dict[str, Any] | None:
        return None

    async def feedback(self, identity: Identity, turn_id: UUID, kind: FeedbackKind, note: str) -> Feedback | None:
        return None

    async def authenticate(self, key: str) -> Identity | None:
        return TENANT

    def alert(self, kind: str, *, tenant_id: UUID | None = None) -> None:
        self.alerts.append(kind)

    def clear(self, kind: str, *, tenant_id: UUID | None = None) -> None:
        return


class World:
    """One process with the default policy."""

    def __init__(self, policy: str = "companion-app", people: str = "none") -> None:
        loaded = _loaded(policy)
        self.scorer = ScriptedScorer()
        self.records = MemoryRecords()
        self.identity = Identity(TENANT.tenant_id, "t", people=people)
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.room = Room(
            records=self.records,
            scorer=self.scorer,
            composer=TemplateComposer(),
            policy=lambda: ActivePolicy(loaded.name, loaded.hash, loaded.reads, partial(decide, loaded), loaded.off),
            hashed=lambda tenant, purpose, material: sha256(tenant.bytes + purpose.encode() + material).digest(),
            settings=load_settings({}),
            clock=lambda: self.now,
            new_id=IdMaker(),
            cache=SessionCache(100),
        )
        self.desk = Desk(self.room)

    def request(self, *texts: str, **more: Any) -> TurnRequest:
        """A request whose messages alternate and begin with the person's."""
        messages = tuple(Message("user" if at % 2 == 0 else "assistant", text) for at, text in enumerate(texts))
        return TurnRequest(self.identity, "chat.completions", messages, **{"session": "s", **more})
