"""Labelled rows played through sessions and a policy: what would have been done, turn by turn.

Nobody answers in between: a conversation goes on as it was recorded, whatever the policy would have said in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from detectors.contract import Item, Speaker, context_of
from detectors.evaluation.rows import Row
from detectors.language import identify
from detectors.signals import Scores, Side
from guard.turns import session as sessions
from guard.turns.questions import asked
from guard.turns.session import SessionState, Spoken, UserTurn
from policies.decide import decide
from policies.decision import Action, Decision, Facts, Moment, Person, SessionView, Tenant
from policies.policy import Policy
from policies.replies import judged

__all__ = ["Played", "Player"]

_START: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
_PACE: Final = timedelta(seconds=30)  # from one of a person's turns to the next
_REPLAYED: Final = 16  # of a person's earlier turns that a session is told of


@dataclass(frozen=True, slots=True)
class Played:
    """What a row came to. ``action``: the strongest of its moments. ``page``: the severity of the case that it opens or
    raises, 0 where it does not. ``degraded``: a value that the policy needs from severity 3 on was missing."""

    action: Action = Action.ALLOW
    page: int = 0
    degraded: bool = False


@dataclass(slots=True)
class _Session:
    state: SessionState = field(default_factory=SessionState)
    at: datetime = _START
    view: SessionView = field(default_factory=SessionView)
    user: Scores | None = None


class Player:
    """Implements :class:`detectors.evaluation.answers.Listener`: one session a conversation whose rows have turns, a fresh
    one for every other row, with the person's turns in its context played first."""

    def __init__(self, policy: Policy, *, people: str = "always") -> None:
        """``people``: what the tenant declares, see :class:`policies.decision.Tenant`."""
        self._policy = policy
        self._tenant = Tenant("", "", people)
        self._begun: str | None = None  # the conversation whose earlier turns were asked for
        self._current: str | None = None
        self._session = _Session()
        self.played: dict[str, Played] = {}

    def before(self, row: Row) -> Sequence[Item]:
        """The person's turns before a row that begins its session."""
        if row.turn is not None and row.conversation == self._begun:
            return ()
        self._begun = None if row.turn is None else row.conversation
        items = []
        language: str | None = None
        for at, one in enumerate(row.context):
            if one.speaker is Speaker.USER and one.text.strip():
                earlier = row.context[:at]
                question = asked(earlier[-1].text) if earlier and earlier[-1].speaker is Speaker.ASSISTANT else None
                items.append(Item(Side.USER, one.text, context_of(earlier), question, language=language))
                language = identify(one.text, language) or language
        return items[-_REPLAYED:]

    def hear(self, row: Row, before: Sequence[Scores], items: Sequence[Item], scores: Sequence[Scores]) -> None:
        """Plays the row."""
        if row.turn is None or row.conversation != self._current:
            self._session = _Session()
            self._current = None if row.turn is None else row.conversation
            for earlier in before:
                self._turn(earlier, None)
        if row.side is Side.USER:
            decisions = [self._turn(scores[0], row.question)]
        else:
            passages = [own for item, own in zip(items, scores, strict=True) if not item.whole]
            decisions = list(judged(passages, scores[-1] if items and items[-1].whole else None, self._decide))
        self.played[row.id] = Played(
            max((one.action for one in decisions), default=Action.ALLOW),
            max((case.severity for one in decisions for case in one.escalate), default=0),
            any(one.degraded for one in decisions),
        )

    def _turn(self, scores: Scores, question: int | None) -> Decision:
        own = self._session
        own.at += _PACE
        before = question if question is not None else own.state.question
        own.state = sessions.advance(own.state, UserTurn(scores, own.at, question=before, asked=True))
        own.view, own.user = sessions.view(own.state, own.at, question_before=before), scores
        decision = self._decide(Moment.USER_TURN, None)
        spoken = Spoken(own.at, rules=decision.fired, said=decision.said, bands=decision.bands)
        own.state = sessions.speak(own.state, spoken)
        return decision

    def _decide(self, moment: Moment, reply: Scores | None) -> Decision:
        own = self._session
        return decide(self._policy, Facts(moment, own.at, own.view, own.user, reply, Person(), self._tenant))
