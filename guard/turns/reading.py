"""Reading the user's side of a turn: which texts to score, and the session that follows from their scores. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from detectors.contract import Item, Speaker, Utterance, context_of
from detectors.signals import Scores, Side
from guard.turns.conversation import Thread
from guard.turns.history import Unseen, unseen
from guard.turns.questions import asked
from guard.turns.session import SessionState, UserTurn, advance

__all__ = ["Reading", "fold", "read_turn"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be scored for one turn, oldest first, the turn itself last.

    ``items`` and ``turns`` run side by side; each of ``turns`` still lacks its scores. ``question``: the safety question
    that was open when the person wrote. ``replayed``: how many of them stood in unseen history.
    """

    items: tuple[Item, ...]
    turns: tuple[UserTurn, ...]
    question: int | None
    replayed: int
    branch: bool


def _context(thread: Thread, at: int) -> tuple[Utterance, ...]:
    spoken = [message for message in thread.messages[:at] if message.role in ("user", "assistant") and message.text]
    return context_of([Utterance(Speaker(message.role), message.text) for message in spoken])


def _asked_before(thread: Thread, at: int) -> int | None:
    for message in reversed(thread.messages[:at]):
        if message.role == "assistant":
            return asked(message.text)
        if message.role == "user":
            return None
    return None


def read_turn(thread: Thread, state: SessionState, *, key: str, now: datetime, keeps_state: bool) -> Reading:
    """What to score for this turn.

    ``keeps_state`` is false for a sessionless request: then its state is a fold over the messages that were sent.
    A question is the session's own where the request goes on from where the session was; in history and in branches it is
    what the message before asked, as its words show.
    """
    if thread.turn is None:
        return Reading((), (), state.question, 0, branch=False)
    again = key in state.recent
    gap = Unseen((), branch=False, cut=False) if again else unseen(thread, [bytes.fromhex(d) for d in state.known])
    before = state.before if again and key == state.last_key and state.before is not None else state
    items: list[Item] = []
    turns: list[UserTurn] = []
    language = before.language
    for at in gap.indexes:
        message = thread.messages[at]
        if message.role != "user":
            continue
        question = _asked_before(thread, at)
        items.append(Item(Side.USER, message.text, _context(thread, at), question, language=language))
        turns.append(
            UserTurn(
                Scores.missing(Side.USER),
                now,
                digest=thread.digests[at].hex(),
                replayed=True,
                question=question,
                asked=True,
            )
        )
    from_words = not keeps_state or bool(gap.indexes) or (gap.branch and thread.turn > 0)
    question = before.question
    if from_words:
        in_words = _asked_before(thread, thread.turn)
        question = in_words if in_words is not None or gap.branch else before.question
    message = thread.messages[thread.turn]
    items.append(Item(Side.USER, message.text, _context(thread, thread.turn), question, language=language))
    turns.append(
        UserTurn(
            Scores.missing(Side.USER),
            now,
            key=key,
            digest=thread.digest.hex(),
            question=question,
            asked=from_words,
        )
    )
    return Reading(tuple(items), tuple(turns), question, len(turns) - 1, gap.branch)


def fold(state: SessionState, reading: Reading, scores: Sequence[Scores]) -> SessionState:
    """The session after the reading, given its scores in the order of ``reading.items``.

    Where the stored session already has this turn (another attempt, or the same change stored once before), its history
    is not read again.
    """
    for turn, score in zip(reading.turns, scores, strict=True):
        if turn.replayed and turn.digest in state.known:
            continue
        state = advance(state, replace(turn, scores=score))
    return state
