"""Scores for tests of the turns: what a detector would have said, in one line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from detectors.signals import Scores, Side
from guard.turns.session import SessionState, UserTurn, advance

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def user(values: dict[str, float] | None = None, *, recency: str | None = None) -> Scores:
    """A user's turn in which the named signals have these values and distress is low unless it is named."""
    tags = {"risk.suicide_behaviour": recency} if recency else None
    return Scores.of(Side.USER, "test@1", {"distress": 0.1, "risk.suicide_ge2": 0.02, **(values or {})}, tags=tags)


def play(*turns: dict[str, float], state: SessionState | None = None, minutes: float = 1.0) -> SessionState:
    """A session after these turns, one every ``minutes``."""
    state = state or SessionState()
    start = state.last_at + timedelta(minutes=minutes) if state.last_at else START
    for number, values in enumerate(turns):
        at = start + timedelta(minutes=minutes * number)
        state = advance(state, UserTurn(user(values), at, key=f"{state.turns:02x}", digest=f"{state.turns:032x}"))
    return state
