"""A turn that is decided without proxying: the reply comes with the request, and the answer says what to send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from guard.gateway.gate import Edited, Gate, Piece, Speak
from guard.gateway.judging import TOGETHER, judge
from guard.gateway.openai_frames import decode_strings
from guard.turns.contract import Opening, OpenTurn, Reply, Status
from policies.decision import Action, Posture

__all__ = ["PROTOCOL", "Advice", "advise"]

PROTOCOL: Final = "sidecar"


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about a reply. ``text``: with :attr:`Action.APPEND` it goes behind the reply, after a blank line; with a
    stronger action it takes the reply's place, whole; ``None`` where the reply may go as it is."""

    action: Action
    status: Status
    text: str | None = None


async def advise(turn: OpenTurn, opening: Opening, reply: str | None) -> Advice:
    """What follows for ``reply``, judged as the proxy judges a whole reply of one choice: by sentences, then at its end.
    ``None``: the chatbot has said nothing yet, so that only a completion by the user's side is told."""
    if opening.completion is not None:
        ending = await turn.end(Reply(0, opening.completion, "", "stop", given=reply))
        return Advice(max(opening.action, ending.action), ending.status, opening.completion)
    if reply is None:
        return Advice(opening.action, opening.status)
    gate = Gate(whole=opening.posture is Posture.WHOLE, decode=decode_strings, most=len(reply))
    gate.push(b"", pieces=[Piece(0, "content", reply)] if reply else (), finishes=[(0, "stop")])
    gate.close()
    action, status = await _judge(turn, gate, opening)
    outs = gate.release()
    if not gate.touched:
        return Advice(action, status)
    kept = "".join(text for out in outs if isinstance(out, Edited) for text in out.texts)
    ours = "".join(out.text for out in outs if isinstance(out, Speak))
    if action <= Action.APPEND and kept == reply:
        return Advice(action, status, ours.lstrip("\n"))
    return Advice(action, status, kept + ours)


async def _judge(turn: OpenTurn, gate: Gate, opening: Opening) -> tuple[Action, Status]:
    """The verdicts on all that the gate holds, which is the whole reply."""
    action, status = opening.action, opening.status
    tickets = gate.passages()
    for at in range(0, len(tickets), TOGETHER):
        await judge(turn, gate, tickets[at : at + TOGETHER])
    for said in gate.endings():
        ending = await turn.end(said)
        action, status = max(action, ending.action), ending.status
        gate.ended(said.choice, ending)
    return action, status
