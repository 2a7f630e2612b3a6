"""Who is told when nobody answers: the table's numbers, and what holds at every instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.escalation.ladder import HIGHEST, Rung, next_look, rung_due

_AT = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
_SECONDS = st.integers(0, 4 * 24 * 3600)


def _minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@pytest.mark.parametrize(
    ("severity", "live", "minutes", "number", "everybody", "offset"),
    [
        (4, True, 2.9, 1, False, None), (4, True, 3, 2, False, 3), (4, True, 6, 3, False, 6), (4, True, 8, 3, True, 8),
        (4, False, 9, 4, True, 9), (4, True, 61, 9, True, 60), (4, True, 125, 9, True, 120),
        (3, True, 14, 1, False, None), (3, True, 15, 2, False, 15), (3, False, 15, 1, False, None),
        (3, False, 60, 2, False, 60), (3, True, 120, 9, True, 120), (3, False, 119, 2, False, 60),
        (3, False, 60 * 72 + 1, 9, True, 60 * 72),
        (2, True, 60 * 24 - 1, 1, False, None), (2, True, 60 * 24, 2, False, 60 * 24), (2, True, 60 * 90, 4, False, 60 * 24),
        (1, True, 60 * 24 * 30, 1, False, None), (0, False, 60 * 24 * 30, 1, False, None),
    ],
)  # fmt: skip
def test_the_floors_table(
    severity: int, live: bool, minutes: float, number: int, everybody: bool, offset: float | None
) -> None:
    due = rung_due(severity, _AT, _AT + _minutes(minutes), live=live)
    assert due == Rung(number, everybody, None if offset is None else _minutes(offset))


def test_a_shift_at_severity_4_is_told_this_often() -> None:
    """Every 3 minutes and at 8 for an hour, then every hour, after a day every day."""
    at, looks = _AT, []
    while at < _AT + timedelta(days=4):
        following = next_look(4, _AT, at)
        assert following is not None
        at = following
        looks.append(at - _AT)
    assert looks[:4] == [_minutes(3), _minutes(6), _minutes(8), _minutes(9)]
    assert [look for look in looks if _minutes(60) < look <= _minutes(240)] == [_minutes(120), _minutes(180), _minutes(240)]
    assert looks[-3:] == [timedelta(days=2), timedelta(days=3), timedelta(days=4)]
    assert len(looks) == 21 + 23 + 3


@given(severity=st.integers(0, 4), seconds=_SECONDS, more=_SECONDS, live=st.booleans())
@settings(max_examples=150, deadline=None)
def test_it_only_goes_up(severity: int, seconds: int, more: int, live: bool) -> None:
    now = _AT + timedelta(seconds=seconds)
    before, after = (rung_due(severity, _AT, at, live=live) for at in (now, now + timedelta(seconds=more)))
    assert 1 <= before.number <= after.number <= HIGHEST
    assert before.everybody <= after.everybody
    assert (before.offset or timedelta(0)) <= (after.offset or timedelta(0))
    assert before.offset is None or before.offset <= now - _AT


@given(severity=st.integers(2, 4), seconds=_SECONDS, live=st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_step_is_slept_through(severity: int, seconds: int, live: bool) -> None:
    """Between now and the next look nothing becomes due, whether or not the person comes back."""
    now = _AT + timedelta(seconds=seconds)
    following = next_look(severity, _AT, now)
    if following is None:
        assert severity == 2
        assert seconds >= 24 * 3600
        return
    assert following > now
    just_before = following - timedelta(microseconds=1)
    assert rung_due(severity, _AT, just_before, live=live).offset == rung_due(severity, _AT, now, live=live).offset


def test_an_instant_before_the_case_is_the_first_rung() -> None:
    assert rung_due(4, _AT, _AT - _minutes(9), live=True) == Rung(1, False, None)
