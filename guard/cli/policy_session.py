"""What `handrail policy test` gives to the tests: the session of turns, and the detectors that read texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from detectors.contract import Item, Speaker, Utterance
from detectors.signals import Scores, Side
from guard.turns import session as sessions
from guard.turns.session import SessionState, Spoken, UserTurn
from policies.decision import Band, SessionView
from policies.test import TextScorer

__all__ = ["RealSession", "text_scorer"]


class RealSession:
    """Implements :class:`policies.test.SessionStep` with the session that turns use."""

    def __init__(self) -> None:
        self._state = SessionState()

    def user(self, scores: Scores, at: datetime, asked: int | None) -> SessionView:
        """The session after a user's turn."""
        question = asked if asked is not None else self._state.question
        self._state = sessions.advance(self._state, UserTurn(scores, at, question=question, asked=True))
        return sessions.view(self._state, at, question_before=question)

    def spoke(self, at: datetime, rules: tuple[str, ...], bands: Mapping[str, Band]) -> None:
        """The turn is over."""
        self._state = sessions.speak(self._state, Spoken(at, rules=rules, bands=bands))


def text_scorer() -> TextScorer:
    """Reads texts with the detectors that a scorer on a CPU would use."""
    from detectors.scorer.process import stack_for

    stack = stack_for("cpu")

    def score(side: Side, text: str, *, before: Sequence[tuple[str, str]], question: int | None, whole: bool) -> Scores:
        context = tuple(Utterance(Speaker(who), said) for who, said in before[-4:] if said)
        (found,) = stack.score([Item(side, text, context, question, whole)])
        return found.told(side)

    return score
