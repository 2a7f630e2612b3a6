"""What is kept of one turn: its entries in the records, and the session that the next turn begins from."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from detectors.signals import VOCABULARY_VERSION
from guard.errors import JournalFull
from guard.records.contract import CaseIntent, Claim, Claimed, Referral, SessionChange, TurnEntry, TurnText
from guard.turns import session as sessions
from guard.turns.contract import Delivered
from guard.turns.evidence import standing
from guard.turns.judgement import Judgement
from guard.turns.need import country_of
from guard.turns.outcome import noticed, refusal
from guard.turns.questions import asked
from guard.turns.reading import fold
from guard.turns.redaction import Redaction
from guard.turns.session import SessionState
from guard.turns.signals import session_signals
from guard.turns.speech import Speech

__all__ = ["Record"]


class Record:
    """Writes one turn down as often as it must: after the person's side, at its settling, at its end. Each entry is a
    snapshot of the turn."""

    def __init__(self, claim: Claim, judgement: Judgement, speech: Speech) -> None:
        self._room = judgement.room
        self._claim = claim
        self._judgement = judgement
        self._speech = speech
        self._stored: Mapping[str, Any] | None = None
        self._alone = False  # nothing of this session was under way in this process when the turn began
        self._settled = False
        self._snapshots = 0  # how many were made
        self._redaction = Redaction(self._room.finder, longest=self._room.settings.redact_seconds)

    # ---- the session

    @property
    def state_key(self) -> bytes | None:
        """Under which key this turn's session is cached, ``None`` for a sessionless one."""
        if self._claim.session_key is not None:
            return self._claim.session_key
        claimed = self._judgement.claimed.result()
        return claimed.session.id.bytes if claimed.session is not None else None

    def stored_state(self, claimed: Claimed) -> SessionState:
        """The session before this turn."""
        key = self.state_key
        if key is None:
            return SessionState()
        if not claimed.recorded:
            return self._room.cache.peek(key) or SessionState()
        self._stored = claimed.session.state if claimed.session is not None else None
        self._alone = not self._room.cache.pending(key)
        return self._room.cache.current(key, self._stored)

    def pend(self) -> None:
        """The session's change by this turn is under way: the next turn in this process begins from it."""
        key = self.state_key
        if key is not None:
            turn_id = self._judgement.claimed.result().turn_id
            self._room.cache.pend(key, turn_id, self._apply, self._judgement.state)

    def _apply(self, stored: Mapping[str, Any] | None) -> dict[str, Any]:
        judgement = self._judgement
        if stored == self._stored and self._alone:
            state = judgement.state
        else:  # another turn of this session was stored meanwhile
            state = fold(sessions.from_json(stored), judgement.reading, judgement.scores)
        return sessions.to_json(sessions.speak(state, self._speech.spoken()) if self._settled else state)

    def _ordinal(self, state: Mapping[str, Any]) -> int | None:
        """The turn's number in a session that two processes may have gone on with: none where another turn came after it."""
        after = sessions.from_json(state)
        return after.turns if after.last_key == self._judgement.claimed.result().key.hex() else None

    # ---- the entry

    def begin(self) -> None:
        """Begins the search for what is personal in the person's words, so that nothing waits for it later."""
        if self._judgement.request.identity.store_text:
            self._redaction.begin(self._judgement.words)

    async def _texts(self, seconds: float) -> tuple[TurnText, dict[str, Any]]:
        """What is stored of what was said, where in it as it was said something stood that was taken out, and how far the
        reply is as the chatbot gave it."""
        if not self._judgement.request.identity.store_text:
            return TurnText(), {}
        said, given = self._speech.text, self._speech.given
        user = await self._redaction(self._judgement.words, seconds=seconds)
        reply = await self._redaction(said, seconds=seconds)
        ranges = {
            side: [[entity.start, entity.end, entity.type] for entity in redacted.entities]
            for side, redacted in (("user", user), ("reply", reply))
            if redacted.entities
        }
        kept = standing(self._judgement.tally.reply, given, said)
        return TurnText(user.text, reply.text), kept | ({"redacted": ranges} if ranges else {})

    async def _entry(self, delivered: Delivered, *, spoken: bool, seconds: float) -> TurnEntry:
        """A snapshot of the turn. ``seconds``: how long the search for what is personal in its texts may take."""
        text, redacted = await self._texts(seconds)
        self._snapshots += 1
        judgement = self._judgement
        claimed, request, tally = judgement.claimed.result(), judgement.request, judgement.tally
        shown = [use for composition in tally.compositions for use in composition.resources] if spoken else []
        session = claimed.session
        change = (
            SessionChange(session.id, session.version, self._apply, self._ordinal)
            if session is not None and judgement.scores
            else None
        )
        return TurnEntry(
            identity=request.identity,
            turn_id=claimed.turn_id,
            at=claimed.at,
            attempt=claimed.attempt,
            key=claimed.key,
            protocol=request.protocol,
            status=judgement.status,
            action=tally.action,
            severity=tally.severity,
            policy=judgement.policy.hash,
            vocabulary=VOCABULARY_VERSION,
            session_id=session.id if session is not None else None,
            session_key=self._claim.session_key,
            person=self._claim.person,
            ordinal=judgement.state.turns,
            streamed=request.stream,
            replayed=judgement.reading.replayed,
            branch=judgement.reading.branch,
            zone=request.who.timezone,
            unscored=tuple(dict.fromkeys(kind for message in request.messages for kind in message.unscored)),
            delivered=delivered,
            user=judgement.user,
            reply=tally.reply,
            rules=tuple(tally.rules.values()),
            session_signals=session_signals(judgement.view, judgement.off) if judgement.view is not None else {},
            spoken=(tally.spoken() if spoken else {}) | redacted,
            referral=Referral(
                classes=tuple(tally.refer) or ("crisis",),
                resources=tuple(dict.fromkeys(use.id for use in shown)),
                country=country_of(request.who, self._room.settings.country) or "ZZ",
                crisis=True,
            )
            if any(use.crisis for use in shown)
            else None,
            case=self._case(claimed),
            text=text,
            session=change,
        )

    def _case(self, claimed: Claimed) -> CaseIntent | None:
        """The case that people are to see, ``None`` where nobody is told."""
        tally, session = self._judgement.tally, claimed.session
        if not tally.escalations:
            return None
        about = self._claim.session_key or (session.id.bytes if session is not None else claimed.key)
        worst = max(tally.escalations, key=lambda escalation: escalation.severity)
        return CaseIntent(
            self._room.hashed(self._judgement.request.identity.tenant_id, "case", about),
            worst.severity,
            worst.to,
            tuple(tally.escalating),
            self._judgement.now,
        )

    # ---- when it is written

    async def commit(self, delivered: Delivered, *, spoken: bool) -> None:
        """Writes the turn down in a transaction of its own, durable when this returns; an alert where it cannot be."""
        try:
            entry = await self._entry(delivered, spoken=spoken, seconds=self._room.settings.score_seconds)
            case = await self._room.records.commit(entry)
        except JournalFull:
            self._room.records.alert("journal_full")
            return
        self._judgement.case_open = self._judgement.case_open or case is not None

    def keep(self) -> None:
        """Hands the turn to the records before its reply, where the next turn needs it: a process that dies under the reply
        then takes no disclosure with it. Waits for nothing."""
        if self._matters():
            self._room.spawn(self._keep())

    async def _keep(self) -> None:
        entry = await self._entry(Delivered.NONE, spoken=False, seconds=self._room.settings.score_seconds)
        if self._snapshots == 1:  # else a later one was handed over while this one waited for its texts
            self._room.records.enqueue(entry)

    async def settle(self) -> None:
        """Waits until all that must be durable before the reply's last byte is durable."""
        self._settled = True
        self.pend()
        if self._judgement.record_now:
            await asyncio.shield(self._room.spawn(self.commit(Delivered.PART, spoken=True)))
        elif self._matters():
            entry = await self._entry(Delivered.PART, spoken=True, seconds=self._room.settings.score_seconds)
            stored = self._room.records.enqueue(entry)
            await asyncio.wait([stored], timeout=self._room.settings.database_seconds)

    def _matters(self) -> bool:
        """Whether another process must see this turn before the person can answer it."""
        tally, said = self._judgement.tally, self._speech.text
        return bool(
            tally.severity >= 1
            or tally.compositions
            or not self._judgement.state.low_risk
            or (said and asked(said) is not None)
        )

    async def finish(self, delivered: Delivered) -> None:
        """Hands the turn's last entry to the records and waits for them."""
        entry = await self._entry(delivered, spoken=self._settled, seconds=self._room.settings.redact_seconds)
        if entry.referral is not None:
            self._room.meters.referred(entry.referral.classes)
        self._count(entry.attempt)
        await asyncio.wait([self._room.records.enqueue(entry)])
        key = self.state_key
        if key is not None:
            self._room.cache.landed(key, self._judgement.claimed.result().turn_id)

    def _count(self, attempt: int) -> None:
        """What was noticed counts once a turn, what was answered once an attempt."""
        meters, tally = self._room.meters, self._judgement.tally
        if attempt == 1:
            meters.noticed(noticed(self._judgement.user, tally.reply))
        for composition in tally.compositions if self._settled else ():
            meters.spoke(composition.template)
        outcome = refusal(tally.reply, tally.action)
        if outcome is not None:
            meters.refused(outcome, disclosed=self._judgement.disclosed)
