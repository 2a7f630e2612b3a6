"""What is read of one turn, and what the policy decides on it.

The user's side is judged once; of the reply each passage, and the whole at its end. What is said on it is
:mod:`guard.turns.speech`'s, what is kept of it :mod:`guard.turns.record`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from detectors.contract import Item, Speaker, Utterance
from detectors.errors import ScorerUnavailable
from detectors.signals import SIGNALS, Scores, Side, Signal, Tier, position
from guard.records.alerts import DETECTORS_UNAVAILABLE
from guard.records.contract import Claimed
from guard.turns import session as sessions
from guard.turns.contract import Status, TurnRequest
from guard.turns.conversation import read
from guard.turns.need import need_of
from guard.turns.reading import Reading, fold, read_turn
from guard.turns.room import Room
from guard.turns.session import SessionState
from guard.turns.tally import Tally
from policies.completions.contract import Need
from policies.decision import Decision, Facts, Moment, Posture, SessionView, Tenant

__all__ = ["DISCLOSED", "Judgement"]

DISCLOSED: Final = 1
_RECORD_NOW: Final = 3  # severity from which a record is durable before the reply's last byte, in its own transaction
_IDENTITY: Final = "This is the safety part of this service."
_CONTEXT_CHARACTERS: Final = 1200


class Judgement:
    """One turn as it is understood so far. ``claimed``: the turn's claim, done before anything is judged."""

    def __init__(self, room: Room, request: TurnRequest, claimed: asyncio.Future[Claimed]) -> None:
        self.room = room
        self.request = request
        self.claimed = claimed
        self.policy = room.policy()
        self.off = request.identity.off | self.policy.off
        self.now = room.clock()
        self.thread = read(request.messages)
        self.words = self.thread.messages[self.thread.turn].text if self.thread.turn is not None else ""
        self.state = SessionState()
        self.view: SessionView | None = None
        self.reading = Reading((), (), None, 0, branch=False)
        self.scores: tuple[Scores, ...] = ()
        self.user: Scores | None = None
        self.decision = Decision(Moment.USER_TURN)
        self.tally = Tally()
        self.case_open = False
        self._reply_read = True  # whether the model answered what the policy reads of the reply so far

    # ---- the user's side

    async def hear_user(self, state: SessionState, *, keeps_state: bool) -> Decision:
        """Scores the user's side and decides on it. ``state``: the session before; ``keeps_state``: it is stored."""
        room, loop = self.room, asyncio.get_running_loop()
        self.state = state
        self.reading = read_turn(
            self.thread, state, key=self.claimed.result().key.hex(), now=self.now, keeps_state=keeps_state
        )
        started = loop.time()
        self.scores = tuple(await self._score(self.reading.items))
        room.meters.stage("score_user", loop.time() - started)
        self.user = self.scores[-1] if self.scores else None
        self.state = fold(state, self.reading, self.scores)
        started = loop.time()
        self.decision = self.decide(Moment.USER_TURN, None)
        room.meters.stage("decide_user", loop.time() - started)
        return self.decision

    async def _score(self, items: Sequence[Item]) -> list[Scores]:
        """What tenant or policy forbid is taken out here, before session, policy or record know of it."""
        if not items:
            return []
        try:
            found = await self.room.scorer.score(items, deadline=self.room.settings.score_seconds)
        except ScorerUnavailable:
            self.room.records.alert(DETECTORS_UNAVAILABLE)
            found = [Scores.missing(item.side) for item in items]
        return [scores.without(self.off) for scores in found] if self.off else found

    # ---- the reply's side

    async def hear_reply(self, text: str, before: str, *, whole: bool) -> Scores:
        """The scores of a passage of the reply, or of the ``whole``, for the caller to add to the tally."""
        [scores] = await self._score([self._item(text, before, whole=whole)])
        self._reply_read = self._reply_read and self._is_read(scores, lambda signal: signal.whole == whole)
        return scores

    def _item(self, text: str, before: str, *, whole: bool) -> Item:
        context: tuple[Utterance, ...] = ()
        if self.words:
            context = (Utterance(Speaker.USER, self.words[-_CONTEXT_CHARACTERS:]),)
        if before:
            context = (*context, Utterance(Speaker.ASSISTANT, before[-_CONTEXT_CHARACTERS:]))
        return Item(Side.REPLY, text, context, whole=whole, language=self.state.language)

    # ---- what follows

    def decide(self, moment: Moment, reply: Scores | None) -> Decision:
        """The policy's decision; it counts towards the turn."""
        request = self.request
        if self.view is None:
            self.view = sessions.view(self.state, self.now, question_before=self.reading.question)
        facts = Facts(
            moment=moment,
            now=self.now,
            session=self.view,
            user=self.user,
            reply=reply,
            person=request.who,
            tenant=Tenant(request.identity.name, request.identity.tag, request.identity.people),
            off=self.off,
        )
        decision = self.policy.decide(facts)
        self.tally.decide(decision)
        self.room.meters.decided(decision)
        return decision

    @property
    def posture(self) -> Posture:
        """How the reply is held."""
        held = self.reading.question is not None or self.decision.severity >= _RECORD_NOW or self.state.strict(self.now)
        return Posture.WHOLE if held else self.decision.posture

    @property
    def status(self) -> Status:
        """Full where the model answered every signal that the policy reads, wherever it is judged."""
        answers = self.reading.question is not None
        read = self.user is None or self._is_read(self.user, lambda signal: answers or not signal.name.startswith("answer."))
        return Status.FULL if read and self._reply_read and not self.tally.degraded else Status.DEGRADED

    @property
    def vulnerable(self) -> bool:
        """Whether the session is elevated, in crisis, or recovering from one."""
        return self.view is not None and self.view.vulnerable

    @property
    def disclosed(self) -> bool:
        """Whether something was disclosed, in this turn or lately."""
        return self.decision.severity >= DISCLOSED or self.state.strict(self.now)

    @property
    def record_now(self) -> bool:
        """Whether the record is to be durable before the reply's last byte, in its own transaction."""
        return self.tally.severity >= _RECORD_NOW or bool(self.tally.escalations)

    def _is_read(self, scores: Scores, judged: Callable[[Signal], bool]) -> bool:
        """Whether the model answered all that the policy reads of what is ``judged`` here, or was told not to."""
        at = position(scores.side)
        return scores.covered and all(
            scores.tiers[at[name]] in (Tier.FULL, Tier.OFF)
            for name in self.policy.reads
            if name in at and judged(SIGNALS[name])
        )

    def _before(self) -> str:
        """What the chatbot's side said right before the person wrote."""
        turn = self.thread.turn
        before = self.thread.messages[turn - 1] if turn else None
        return before.text if before is not None and before.role == "assistant" else ""

    def need(self, template: str, decision: Decision, *, declining: bool, reply: str = "") -> Need:
        """What a composition of ``template`` needs to know."""
        request = self.request
        history = [message.text for message in self.thread.messages if message.role == "assistant"]
        return need_of(
            template,
            replace(decision, severity=max(decision.severity, self.tally.severity)),
            self.state,
            now=self.now,
            identity=request.identity,
            person=request.who,
            default_country=self.room.settings.country,
            seed=self.claimed.result().key,
            words=self.words,
            before=self._before(),
            case_open=self.case_open,
            identity_spoken=any(_IDENTITY in text for text in history),
            asked_last=self.reading.question is not None,
            declining=declining,
            reply_asks="?" in reply,
        )
