"""What `handrail policy test` gives to the tests: the session of turns, and the detectors that read texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Self

from detectors.contract import Item, Speaker, Utterance
from detectors.passages import reply_items
from detectors.signals import Scores, Side
from guard.turns import session as sessions
from guard.turns.session import SessionState, Spoken, UserTurn
from policies.decision import Band, SessionView

if TYPE_CHECKING:
    from detectors.scorer.tiers import Stack
    from guard.settings import Settings

__all__ = ["Reader", "RealSession"]


class RealSession:
    """Implements :class:`policies.test.SessionStep` with the session that turns use."""

    def __init__(self) -> None:
        self._state = SessionState()

    def user(self, scores: Scores, at: datetime, asked: int | None) -> SessionView:
        """The session after a user's turn."""
        question = asked if asked is not None else self._state.question
        self._state = sessions.advance(self._state, UserTurn(scores, at, question=question, asked=True))
        return sessions.view(self._state, at, question_before=question)

    def spoke(
        self, at: datetime, rules: tuple[str, ...], bands: Mapping[str, Band], said: tuple[str, ...] | None = None
    ) -> None:
        """The turn is over."""
        self._state = sessions.speak(self._state, Spoken(at, rules=rules, said=said, bands=bands))


class Reader:
    """Implements :class:`policies.test.TextScorer` with the tiers that an installation's scorer would have on a CPU."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As ``settings`` have it: the shipped model unless it is off, and other people's models where packs are set.

        Raises :class:`~detectors.external.errors.PackUnfit` and :class:`~detectors.encoder.errors.ModelUnfit`: a policy's
        tests that were read by less than what serves would say little of it.
        """
        from detectors.scorer.process import stack_for

        return cls(stack_for("cpu", model=settings.model, packs=settings.packs, downloads=settings.allow_downloads))

    @property
    def names(self) -> tuple[str, ...]:
        """Who reads, the highest first."""
        return tuple(self._stack.failures)

    @property
    def failures(self) -> dict[str, int]:
        """How many texts whoever failed at any could not read, by name."""
        return {name: failures for name, failures in self._stack.failures.items() if failures}

    def user(self, text: str, *, before: Sequence[tuple[str, str]], question: int | None) -> Scores:
        """See :class:`policies.test.TextScorer`."""
        (found,) = self._stack.score([Item(Side.USER, text, _context(before)[-4:], question)])
        return found.told(Side.USER)

    def reply(self, text: str, *, before: Sequence[tuple[str, str]]) -> Sequence[Scores]:
        """See :class:`policies.test.TextScorer`."""
        return [found.told(Side.REPLY) for found in self._stack.score(reply_items(text, _context(before)))]


def _context(before: Sequence[tuple[str, str]]) -> tuple[Utterance, ...]:
    return tuple(Utterance(Speaker(who), said) for who, said in before if said)
