"""The session's signals by name."""

from __future__ import annotations

from datetime import UTC, datetime

from detectors.signals import SIGNALS, Side, vocabulary
from guard.turns.session import SessionState, view
from guard.turns.signals import session_signals
from policies.decision import SessionView

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_every_session_signal_of_the_vocabulary_is_there_and_no_other() -> None:
    shown = session_signals(view(SessionState(), NOW))
    assert set(shown) == {signal.name for signal in vocabulary(Side.SESSION)}
    assert set(shown) <= set(SIGNALS)
    assert shown["session.state"] == "steady"
    assert shown["session.ladder.wish"] == "not_asked"
    assert shown["session.forecast"] is None


def test_values_are_those_of_the_view() -> None:
    shown = session_signals(
        SessionView(state="crisis", question_open=2, ladder={"thoughts": "asked"}, peaks={"suicide": 0.91239}, turns=3)
    )
    assert shown["session.question_open"] is True
    assert shown["session.ladder.thoughts"] == "asked"
    assert shown["session.peak.suicide"] == 0.9124
    assert shown["session.turns"] == 3.0
