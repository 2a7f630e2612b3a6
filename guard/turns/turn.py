"""One turn, from the first byte to the record.

The user's side (claim, scores, session, decision, and from severity 3 on the record and the case) runs in a task of the
room's: a client that goes away cancels the upstream call and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from detectors.contract import Item, Speaker, Utterance
from detectors.errors import ScorerUnavailable
from detectors.signals import SIGNALS, VOCABULARY_VERSION, Scores, Side, Signal, Tier, position
from guard.errors import JournalFull
from guard.records.alerts import DETECTORS_UNAVAILABLE
from guard.records.contract import CaseIntent, Claimed, Referral, SessionChange, TurnEntry, TurnText
from guard.turns import session as sessions
from guard.turns.claim import claim_of
from guard.turns.contract import (
    Attempt,
    Delivered,
    Ending,
    Message,
    Opening,
    Passage,
    Reply,
    Status,
    TurnRequest,
    Verdict,
    VerdictKind,
)
from guard.turns.conversation import follow, read
from guard.turns.need import country_of, need_of
from guard.turns.outcome import noticed, refusal
from guard.turns.questions import asked
from guard.turns.reading import Reading, fold, read_turn
from guard.turns.redaction import Redaction
from guard.turns.room import Room
from guard.turns.session import SessionState, Spoken
from guard.turns.signals import session_signals
from guard.turns.tally import Tally
from policies.completions.contract import Composition, Need
from policies.decision import Action, Decision, Facts, Moment, Posture, SessionView, Tenant

__all__ = ["Turn"]

_RECORD_NOW: Final = 3  # severity from which a record is durable before the reply's last byte, in its own transaction
_DISCLOSED: Final = 1
_REFUSES: Final = 0.5
_UNANSWERED: Final = "ccs/distress"
_WITHHELD: Final = "ccs/withheld"
_WITHHELD_UNDER_RISK: Final = "ccs/harmful-reply"
_IDENTITY: Final = "This is the safety part of this service."
_CONTEXT_CHARACTERS: Final = 1200
_NO_SCORE: Final = 0.0


class Turn:
    """Implements :class:`guard.turns.contract.OpenTurn`."""

    def __init__(self, room: Room, request: TurnRequest) -> None:
        self._room = room
        self._request = request
        self._policy = room.policy()
        self._now = room.clock()
        self._thread = read(request.messages)
        self._words = self._thread.messages[self._thread.turn].text if self._thread.turn is not None else ""
        self._claim = claim_of(request, self._thread, room.hashed, at=self._now, proposed=room.new_id())
        self._claimed: asyncio.Future[Claimed] = asyncio.get_running_loop().create_future()
        self._stored: Mapping[str, Any] | None = None
        self._alone = False  # nothing of this session was under way in this process when the turn began
        self._state = SessionState()
        self._view: SessionView | None = None
        self._reading = Reading((), (), None, 0, branch=False)
        self._scores: tuple[Scores, ...] = ()
        self._user: Scores | None = None
        self._decision = Decision(Moment.USER_TURN)
        self._tally = Tally()
        self._reply_read = True  # whether the model answered what the policy reads of the reply so far
        self._opening: Composition | None = None
        self._completions: dict[str, Composition] = {}
        self._final_text = ""
        self._passages: dict[int, list[bool]] = {}  # of each choice's content: whether it was withheld
        self._trimmed: Decision | None = None
        self._ours: set[int] = set()  # choices that end in a completion
        self._added: dict[int, Composition] = {}  # of each choice: what was added to it
        self._settled = False
        self._case_open = False
        self._redaction = Redaction(room.finder, longest=room.settings.redact_seconds)
        self._user_task = room.spawn(self._judge_user())

    # ---- which turn this is

    async def _find(self) -> Claimed:
        claimed = await self._room.records.claim(self._claim)
        self._claimed.set_result(claimed)
        return claimed

    def _state_key(self) -> bytes | None:
        """Under which key this turn's session is cached, ``None`` for a sessionless one."""
        if self._claim.session_key is not None:
            return self._claim.session_key
        claimed = self._claimed.result()
        return claimed.session.id.bytes if claimed.session is not None else None

    async def speculate(self) -> bool:
        """Whether the upstream may be called before the user's turn is judged."""
        if self._request.effects:
            return False
        key = self._claim.session_key
        if key is None:
            # Nothing is known of a sessionless request but its words.
            history = [message for message in self._thread.messages if message.role == "assistant"]
            return not history or asked(history[-1].text) is None
        state = self._room.cache.peek(key)
        if state is None:
            claimed = await asyncio.shield(self._claimed)
            state = self._room.cache.current(key, claimed.session.state if claimed.session is not None else None)
        return state.low_risk and not state.strict(self._now)

    # ---- the user's side

    async def _judge_user(self) -> Opening:
        room, loop = self._room, asyncio.get_running_loop()
        started = loop.time()
        try:
            claimed = await self._find()
        except BaseException as error:
            if not self._claimed.done():
                self._claimed.set_exception(error)
                self._claimed.exception()  # whoever awaits the opening sees it there
            raise
        room.meters.stage("claim", loop.time() - started)
        key = self._state_key()
        self._state = self._stored_state(key, claimed)
        self._reading = read_turn(
            self._thread, self._state, key=claimed.key.hex(), now=self._now, keeps_state=key is not None
        )
        if self._request.identity.store_text:  # beside the scores, so that nothing waits for it later
            self._redaction.begin(self._words)
        started = loop.time()
        self._scores = tuple(await self._score(self._reading.items))
        room.meters.stage("score_user", loop.time() - started)
        self._user = self._scores[-1] if self._scores else None
        self._state = fold(self._state, self._reading, self._scores)
        started = loop.time()
        decision = self._decide(Moment.USER_TURN, None)
        room.meters.stage("decide_user", loop.time() - started)
        self._decision = decision
        # What a completion says of people rests on the case that this turn opens, so it is recorded first.
        if self._tally.severity >= _RECORD_NOW or self._tally.escalations:
            started = loop.time()
            await self._commit(Delivered.NONE, spoken=False)
            room.meters.stage("record", loop.time() - started)
        if decision.action is Action.COMPLETE and decision.template is not None:
            self._opening = room.composer.complete(self._need(decision.template, decision, declining=False))
            self._tally.compositions.append(self._opening)
        self._pend(key)
        return Opening(
            attempt=Attempt(claimed.turn_id, claimed.attempt),
            action=self._tally.action,
            status=self._status(),
            policy=self._policy.hash,
            posture=self._posture(decision),
            guidance="\n\n".join(decision.guidance) or None,
            completion=self._opening.text if self._opening is not None else None,
        )

    def _stored_state(self, key: bytes | None, claimed: Claimed) -> SessionState:
        if key is None:
            return SessionState()
        if not claimed.recorded:
            return self._room.cache.peek(key) or SessionState()
        self._stored = claimed.session.state if claimed.session is not None else None
        self._alone = not self._room.cache.pending(key)
        return self._room.cache.current(key, self._stored)

    def _pend(self, key: bytes | None) -> None:
        if key is not None:
            self._room.cache.pend(key, self._claimed.result().turn_id, self._apply, self._state)

    async def _score(self, items: Sequence[Item]) -> list[Scores]:
        if not items:
            return []
        try:
            return await self._room.scorer.score(items, deadline=self._room.settings.score_seconds)
        except ScorerUnavailable:
            self._room.records.alert(DETECTORS_UNAVAILABLE)
            return [Scores.missing(item.side) for item in items]

    def _decide(self, moment: Moment, reply: Scores | None) -> Decision:
        request = self._request
        if self._view is None:
            self._view = sessions.view(self._state, self._now, question_before=self._reading.question)
        facts = Facts(
            moment=moment,
            now=self._now,
            session=self._view,
            user=self._user,
            reply=reply,
            person=request.who,
            tenant=Tenant(request.identity.name, request.identity.tag, request.identity.people),
            off=request.identity.off,
        )
        decision = self._policy.decide(facts)
        self._tally.decide(decision)
        self._room.meters.decided(decision)
        return decision

    def _posture(self, decision: Decision) -> Posture:
        held = self._reading.question is not None or decision.severity >= _RECORD_NOW or self._state.strict(self._now)
        return Posture.WHOLE if held else decision.posture

    def _status(self) -> Status:
        """Full where the model answered every signal that the policy reads, wherever it is judged."""
        answers = self._reading.question is not None
        read = self._user is None or self._is_read(
            self._user, lambda signal: answers or not signal.name.startswith("answer.")
        )
        return Status.FULL if read and self._reply_read and not self._tally.degraded else Status.DEGRADED

    def _is_read(self, scores: Scores, judged: Callable[[Signal], bool]) -> bool:
        """Whether the model answered all that the policy reads of what is ``judged`` here, or was told not to."""
        at = position(scores.side)
        return scores.covered and all(
            scores.tiers[at[name]] in (Tier.FULL, Tier.OFF)
            for name in self._policy.reads
            if name in at and judged(SIGNALS[name])
        )

    def _need(self, template: str, decision: Decision, *, declining: bool, reply: str = "") -> Need:
        request = self._request
        history = [message.text for message in self._thread.messages if message.role == "assistant"]
        return need_of(
            template,
            replace(decision, severity=max(decision.severity, self._tally.severity)),
            self._state,
            now=self._now,
            identity=request.identity,
            person=request.who,
            default_country=self._room.settings.country,
            seed=self._claimed.result().key,
            words=self._words,
            case_open=self._case_open,
            identity_spoken=any(_IDENTITY in text for text in history),
            asked_last=self._reading.question is not None,
            declining=declining,
            reply_asks="?" in reply,
        )

    async def opening(self) -> Opening:
        """What follows from the user's turn; the task goes on when the caller is cancelled."""
        return await asyncio.shield(self._user_task)

    async def rescue(self) -> str | None:
        """What is said where the chatbot cannot answer at all: nobody in distress is left with an error."""
        await self.opening()
        if self._opening is None:
            vulnerable = self._view is not None and self._view.vulnerable
            if self._tally.severity < _DISCLOSED and not vulnerable:
                return None
            template = self._decision.append or self._decision.template or _UNANSWERED
            self._opening = self._room.composer.complete(self._need(template, self._decision, declining=False))
            self._tally.compositions.append(self._opening)
            self._tally.acted(Action.COMPLETE)
        return self._opening.text

    # ---- the reply's side

    def _item(self, text: str, before: str, *, whole: bool) -> Item:
        context: tuple[Utterance, ...] = ()
        if self._words:
            context = (Utterance(Speaker.USER, self._words[-_CONTEXT_CHARACTERS:]),)
        if before:
            context = (*context, Utterance(Speaker.ASSISTANT, before[-_CONTEXT_CHARACTERS:]))
        return Item(Side.REPLY, text, context, whole=whole, language=self._state.language)

    async def judge(self, passage: Passage) -> Verdict:
        """The verdict on one passage of the reply."""
        await self.opening()
        if not passage.text.strip():
            return Verdict(VerdictKind.RELEASE)
        started = asyncio.get_running_loop().time()
        [scores] = await self._score([self._item(passage.text, passage.before, whole=False)])
        self._room.meters.stage("score_sentence", asyncio.get_running_loop().time() - started)
        self._reply_read = self._reply_read and self._is_read(scores, lambda signal: not signal.whole)
        self._tally.score(scores)
        decision = self._decide(Moment.REPLY_SENTENCE, scores)
        if passage.channel == "content":
            self._passages.setdefault(passage.choice, []).append(decision.action is Action.TRIM)
        if decision.action in (Action.COMPLETE, Action.REVISE) and decision.template is not None:
            composition = self._complete(decision.template, decision)
            self._ours.add(passage.choice)
            return Verdict(VerdictKind.COMPLETE, composition.text)
        if decision.action is Action.TRIM:
            if self._trimmed is None or decision.template is not None:
                self._trimmed = decision
            if decision.template is None:
                return Verdict(VerdictKind.TRIM)
            need = self._need(decision.template, decision, declining=False)
            bridge = self._room.composer.bridge(need, before=passage.before)
            self._tally.compositions.append(bridge)
            return Verdict(VerdictKind.TRIM, bridge.text)
        if passage.first and passage.channel == "content" and self._disclosed():
            refusal = scores.value("refusal.any")
            if refusal is not None and refusal >= _REFUSES:
                return Verdict(VerdictKind.HOLD)
        return Verdict(VerdictKind.RELEASE)

    def _disclosed(self) -> bool:
        return self._decision.severity >= _DISCLOSED or self._state.strict(self._now)

    def _complete(self, template: str, decision: Decision) -> Composition:
        if template in self._completions:
            return self._completions[template]  # every choice that needs it says the same
        declining = (self._tally.reply is not None) and (self._tally.reply.value("refusal.any") or _NO_SCORE) >= _REFUSES
        composition = self._room.composer.complete(self._need(template, decision, declining=declining))
        self._completions[template] = composition
        self._tally.compositions.append(composition)
        return composition

    async def end(self, reply: Reply) -> Ending:
        """The verdict on one choice's reply at its end."""
        await self.opening()
        if self._opening is not None:
            self._final_text = self._opening.text
            return Ending(self._tally.action, self._status(), complete=self._opening.text)
        if reply.choice in self._ours:
            self._final_text = reply.text
            return Ending(self._tally.action, self._status())
        if not reply.text.strip():
            return Ending(self._tally.action, self._status())
        said = reply.text if reply.said is None else reply.said
        [scores] = await self._score([self._item(said, "", whole=True)])
        self._reply_read = self._reply_read and self._is_read(scores, lambda signal: signal.whole)
        self._tally.score(scores)
        decision = self._decide(Moment.REPLY_END, scores)
        if decision.action in (Action.COMPLETE, Action.REVISE) and decision.template is not None:
            composition = self._complete(decision.template, decision)
            self._final_text = f"{reply.released} {composition.text}".strip()
            return Ending(self._tally.action, self._status(), complete=composition.text)
        instead = self._instead(reply.choice)
        if instead is not None:
            self._tally.acted(Action.COMPLETE)
            self._final_text = f"{reply.released} {instead.text}".strip()
            if reply.released.strip():
                return Ending(self._tally.action, self._status(), append=instead.text)
            return Ending(self._tally.action, self._status(), complete=instead.text)
        self._final_text = said
        addition = None if reply.cut else self._added.get(reply.choice) or self._addition(decision, said)
        if addition is not None:
            self._tally.acted(Action.APPEND)
            if reply.choice not in self._added:
                self._tally.compositions.append(addition)
            self._added[reply.choice] = addition
            self._final_text = f"{said} {addition.text}"
            return Ending(self._tally.action, self._status(), append=addition.text)
        return Ending(self._tally.action, self._status())

    def _instead(self, choice: int) -> Composition | None:
        """What is said where nothing is left of the chatbot's reply: every sentence was withheld."""
        withheld, decision = self._passages.get(choice, []), self._trimmed
        if decision is None or not withheld or not all(withheld):
            return None
        vulnerable = self._view is not None and self._view.vulnerable
        return self._complete(_WITHHELD_UNDER_RISK if vulnerable else decision.template or _WITHHELD, decision)

    def _addition(self, decision: Decision, said: str) -> Composition | None:
        """What the reply still lacks, by the rules of either side."""
        for source in (decision, self._decision):
            template = source.append or (source.template if source.action is Action.APPEND else None)
            if template is not None:
                need = self._need(template, source, declining=False, reply=said)
                return self._room.composer.append(need, reply=said)
        return None

    # ---- the record

    def _spoken(self) -> Spoken:
        """What went out, as the session remembers it."""
        compositions = self._tally.compositions
        questions = [composition.question for composition in compositions if composition.question is not None]
        question = questions[-1] if questions else (asked(self._final_text) if self._final_text else None)
        reply = Message("assistant", self._final_text)
        return Spoken(
            at=self._now,
            question=question,
            variants=tuple(beat.variant for composition in compositions for beat in composition.beats),
            resources=tuple(use.id for composition in compositions for use in composition.resources),
            identity=any(composition.identity for composition in compositions),
            digest=follow(self._thread.digest, reply).hex() if self._final_text else "",
            ours=read([reply]).own[0].hex() if compositions and self._final_text else "",
            rules=self._tally.fired,
            bands=self._tally.bands,
        )

    def _apply(self, stored: Mapping[str, Any] | None) -> dict[str, Any]:
        if stored == self._stored and self._alone:
            state = self._state
        else:  # another turn of this session was stored meanwhile
            state = fold(sessions.from_json(stored), self._reading, self._scores)
        return sessions.to_json(sessions.speak(state, self._spoken()) if self._settled else state)

    async def _texts(self, seconds: float) -> tuple[TurnText, dict[str, Any]]:
        """What is stored of what was said, and where in it as it was said something stood that was taken out."""
        if not self._request.identity.store_text:
            return TurnText(), {}
        user = await self._redaction(self._words, seconds=seconds)
        reply = await self._redaction(self._final_text, seconds=seconds)
        ranges = {
            side: [[entity.start, entity.end, entity.type] for entity in redacted.entities]
            for side, redacted in (("user", user), ("reply", reply))
            if redacted.entities
        }
        return TurnText(user.text, reply.text), {"redacted": ranges} if ranges else {}

    async def _entry(self, delivered: Delivered, *, spoken: bool, seconds: float) -> TurnEntry:
        """A snapshot of the turn. ``seconds``: how long the search for what is personal in its texts may take."""
        text, redacted = await self._texts(seconds)
        claimed, request, tally = self._claimed.result(), self._request, self._tally
        shown = [use for composition in tally.compositions for use in composition.resources] if spoken else []
        session = claimed.session
        change = SessionChange(session.id, session.version, self._apply) if session is not None and self._scores else None
        severities = [escalation.severity for escalation in tally.escalations]
        case = None
        if severities:
            about = self._claim.session_key or (session.id.bytes if session is not None else claimed.key)
            worst = max(tally.escalations, key=lambda escalation: escalation.severity)
            case = CaseIntent(
                self._room.hashed(request.identity.tenant_id, "case", about),
                worst.severity,
                worst.to,
                tuple(tally.escalating),
                self._now,
            )
        return TurnEntry(
            identity=request.identity,
            turn_id=claimed.turn_id,
            at=claimed.at,
            attempt=claimed.attempt,
            key=claimed.key,
            protocol=request.protocol,
            status=self._status(),
            action=tally.action,
            severity=tally.severity,
            policy=self._policy.hash,
            vocabulary=VOCABULARY_VERSION,
            session_id=session.id if session is not None else None,
            session_key=self._claim.session_key,
            person=self._claim.person,
            ordinal=self._state.turns,
            streamed=request.stream,
            replayed=self._reading.replayed,
            branch=self._reading.branch,
            zone=request.who.timezone,
            unscored=tuple(dict.fromkeys(kind for message in request.messages for kind in message.unscored)),
            delivered=delivered,
            user=self._user,
            reply=tally.reply,
            rules=tuple(tally.rules.values()),
            session_signals=session_signals(self._view) if self._view is not None else {},
            spoken=(self._tally.spoken() if spoken else {}) | redacted,
            referral=Referral(
                classes=tuple(tally.refer) or ("crisis",),
                resources=tuple(dict.fromkeys(use.id for use in shown)),
                country=country_of(request.who, self._room.settings.country) or "ZZ",
                crisis=True,
            )
            if any(use.crisis for use in shown)
            else None,
            case=case,
            text=text,
            session=change,
        )

    async def _commit(self, delivered: Delivered, *, spoken: bool) -> None:
        try:
            entry = await self._entry(delivered, spoken=spoken, seconds=self._room.settings.score_seconds)
            case = await self._room.records.commit(entry)
        except JournalFull:
            self._room.records.alert("journal_full")
            return
        self._case_open = self._case_open or case is not None

    def _matters(self) -> bool:
        """Whether another process must see this turn before the person can answer it."""
        return bool(
            self._tally.severity >= 1
            or self._tally.compositions
            or not self._state.low_risk
            or (self._final_text and asked(self._final_text) is not None)
        )

    async def settle(self) -> None:
        """Waits until all that must be durable before the reply's last byte is durable."""
        await self.opening()
        self._settled = True
        self._pend(self._state_key())
        if self._tally.severity >= _RECORD_NOW or self._tally.escalations:
            await asyncio.shield(self._room.spawn(self._commit(Delivered.PART, spoken=True)))
        elif self._matters():
            entry = await self._entry(Delivered.PART, spoken=True, seconds=self._room.settings.score_seconds)
            stored = self._room.records.enqueue(entry)
            await asyncio.wait([stored], timeout=self._room.settings.database_seconds)

    def close(self, delivered: Delivered) -> None:
        """Hands the turn to the records, after its user's side has run to its end."""
        self._room.spawn(self._finish(delivered))

    async def _finish(self, delivered: Delivered) -> None:
        await asyncio.wait([self._user_task])
        if self._user_task.exception() is not None:
            return  # the opening's caller was told; there is nothing to record that was understood
        entry = await self._entry(delivered, spoken=self._settled, seconds=self._room.settings.redact_seconds)
        if entry.referral is not None:
            self._room.meters.referred(entry.referral.classes)
        self._count(entry.attempt)
        await asyncio.wait([self._room.records.enqueue(entry)])
        key = self._state_key()
        if key is not None:
            self._room.cache.landed(key, self._claimed.result().turn_id)

    def _count(self, attempt: int) -> None:
        """What was noticed counts once a turn, what was answered once an attempt."""
        meters, tally = self._room.meters, self._tally
        if attempt == 1:
            meters.noticed(noticed(self._user, tally.reply))
        for composition in tally.compositions if self._settled else ():
            meters.spoke(composition.template)
        outcome = refusal(tally.reply, tally.action)
        if outcome is not None:
            meters.refused(outcome, disclosed=self._disclosed())
