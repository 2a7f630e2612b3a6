"""One turn, from the first byte to the record.

The user's side (claim, scores, session, decision, and from severity 3 on the record and the case) runs in a task of the
room's: a client that goes away cancels the upstream call and nothing else. Below severity 3 a first snapshot is handed over
beside it where the next turn needs one.
"""

from __future__ import annotations

import asyncio

from guard.records.contract import Claimed
from guard.turns.claim import claim_of
from guard.turns.contract import Attempt, Delivered, Ending, Opening, Passage, Reply, TurnRequest, Verdict
from guard.turns.judgement import Judgement
from guard.turns.questions import asked
from guard.turns.record import Record
from guard.turns.room import Room
from guard.turns.speech import Speech

__all__ = ["Turn"]


class Turn:
    """Implements :class:`guard.turns.contract.OpenTurn`."""

    def __init__(self, room: Room, request: TurnRequest) -> None:
        self._room = room
        self._request = request
        self._claimed: asyncio.Future[Claimed] = asyncio.get_running_loop().create_future()
        self._judgement = Judgement(room, request, self._claimed)
        self._claim = claim_of(request, self._judgement.thread, room.hashed, at=self._judgement.now, proposed=room.new_id())
        self._speech = Speech(self._judgement)
        self._record = Record(self._claim, self._judgement, self._speech)
        self._user_task = room.spawn(self._judge_user())

    async def speculate(self) -> bool:
        """Whether the upstream may be called before the user's turn is judged."""
        if self._request.effects:
            return False
        key = self._claim.session_key
        if key is None:
            # Nothing is known of a sessionless request but its words.
            history = [message for message in self._judgement.thread.messages if message.role == "assistant"]
            return not history or asked(history[-1].text) is None
        state = self._room.cache.peek(key)
        if state is None:
            claimed = await asyncio.shield(self._claimed)
            state = self._room.cache.current(key, claimed.session.state if claimed.session is not None else None)
        return state.low_risk and not state.strict(self._judgement.now)

    # ---- the user's side

    async def _find(self) -> Claimed:
        claimed = await self._room.records.claim(self._claim)
        self._claimed.set_result(claimed)
        return claimed

    async def _judge_user(self) -> Opening:
        room, loop, judgement, record = self._room, asyncio.get_running_loop(), self._judgement, self._record
        started = loop.time()
        try:
            claimed = await self._find()
        except BaseException as error:
            if not self._claimed.done():
                self._claimed.set_exception(error)
                self._claimed.exception()  # whoever awaits the opening sees it there
            raise
        room.meters.stage("claim", loop.time() - started)
        record.begin()  # beside the scores
        decision = await judgement.hear_user(record.stored_state(claimed), keeps_state=record.state_key is not None)
        # What a completion says of people rests on the case that this turn opens, so it is recorded first.
        if judgement.record_now:
            started = loop.time()
            await record.commit(Delivered.NONE, spoken=False)
            room.meters.stage("record", loop.time() - started)
        else:
            record.keep()
        completion = self._speech.open()
        record.pend()
        return Opening(
            attempt=Attempt(claimed.turn_id, claimed.attempt),
            action=judgement.tally.action,
            status=judgement.status,
            policy=judgement.policy.hash,
            posture=judgement.posture,
            guidance="\n\n".join(decision.guidance) or None,
            completion=completion,
        )

    async def opening(self) -> Opening:
        """What follows from the user's turn; the task goes on when the caller is cancelled."""
        return await asyncio.shield(self._user_task)

    async def rescue(self) -> str | None:
        """What is said where the chatbot cannot answer at all: nobody in distress is left with an error."""
        await self.opening()
        return self._speech.rescue()

    # ---- the reply's side

    async def judge(self, passage: Passage) -> Verdict:
        """The verdict on one passage of the reply."""
        await self.opening()
        return await self._speech.judge(passage)

    async def end(self, reply: Reply) -> Ending:
        """The verdict on one choice's reply at its end."""
        await self.opening()
        return await self._speech.end(reply)

    # ---- the record

    async def settle(self) -> None:
        """Waits until all that must be durable before the reply's last byte is durable."""
        await self.opening()
        await self._record.settle()

    def close(self, delivered: Delivered) -> None:
        """Hands the turn to the records, after its user's side has run to its end."""
        self._room.spawn(self._finish(delivered))

    async def _finish(self, delivered: Delivered) -> None:
        await asyncio.wait([self._user_task])
        if self._user_task.exception() is not None:
            return  # the opening's caller was told; there is nothing to record that was understood
        await self._record.finish(delivered)
