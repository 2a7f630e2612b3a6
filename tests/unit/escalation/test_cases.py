"""The case clock: its numbers, and what holds whatever happens to a case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.escalation.cases import (
    TRANSITIONS,
    CaseState,
    Deadlines,
    check_transition,
    deadlines,
    overdue,
    raised,
    terms,
)
from guard.escalation.errors import TransitionRefused
from guard.records import deadlines as recorded

_AT = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
_SEVERITIES = st.integers(0, 4)
_INSTANTS = st.integers(1_577_836_800, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@pytest.mark.parametrize(
    ("severity", "live", "acknowledge", "act"),
    [
        (4, True, timedelta(minutes=5), timedelta(minutes=10)),
        (4, False, timedelta(minutes=5), timedelta(minutes=10)),
        (3, True, timedelta(minutes=15), timedelta(hours=2)),
        (3, False, timedelta(minutes=60), timedelta(hours=2)),
        (2, True, timedelta(hours=24), timedelta(hours=24)),
        (1, False, timedelta(days=7), timedelta(days=7)),
        (0, True, timedelta(days=7), timedelta(days=7)),
    ],
)
def test_deadlines_are_the_floors(severity: int, live: bool, acknowledge: timedelta, act: timedelta) -> None:
    assert deadlines(severity, _AT, live=live) == Deadlines(_AT + acknowledge, _AT + act)


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("severity", range(5))
def test_the_records_write_the_same_deadlines(severity: int, live: bool) -> None:
    stored = recorded.deadlines(severity, _AT, live=live)
    mine = deadlines(severity, _AT, live=live)
    assert (stored.acknowledge_by, stored.act_by) == (mine.acknowledge_by, mine.act_by)


@pytest.mark.parametrize("severity", [-1, 5])
def test_other_severities_do_not_exist(severity: int) -> None:
    with pytest.raises(ValueError, match="0 to 4"):
        terms(severity, live=True)


def test_an_instant_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        deadlines(3, _AT.replace(tzinfo=None), live=True)


@given(low=_SEVERITIES, high=_SEVERITIES, at=_INSTANTS, live=st.booleans())
@settings(max_examples=60)
def test_a_higher_severity_never_waits_longer(low: int, high: int, at: datetime, live: bool) -> None:
    low, high = sorted((low, high))
    slower, faster = deadlines(low, at, live=live), deadlines(high, at, live=live)
    assert faster.acknowledge_by <= slower.acknowledge_by
    assert faster.act_by <= slower.act_by
    assert at < faster.acknowledge_by <= faster.act_by


@given(first=_SEVERITIES, later=_SEVERITIES, at=_INSTANTS, after=st.integers(0, 10**6), live=st.booleans())
@settings(max_examples=60)
def test_new_evidence_never_gives_more_time(first: int, later: int, at: datetime, after: int, live: bool) -> None:
    before = deadlines(first, at, live=live)
    now = raised(before, later, at + timedelta(seconds=after), live=live)
    assert now.acknowledge_by <= before.acknowledge_by
    assert now.act_by <= before.act_by


@given(severity=_SEVERITIES, at=_INSTANTS, seconds=st.integers(0, 10**6))
@settings(max_examples=60)
def test_a_broken_promise_stays_broken_until_a_person_acts(severity: int, at: datetime, seconds: int) -> None:
    due = deadlines(severity, at, live=True)
    now = at + timedelta(seconds=seconds)
    for state in (CaseState.OPEN, CaseState.NOTIFIED):
        assert overdue(state, due, now) is (now > due.acknowledge_by)
    for state in (CaseState.ACKNOWLEDGED, CaseState.HANDED_OFF):
        assert overdue(state, due, now) is (now > due.act_by)
    assert not overdue(CaseState.CLOSED, due, now)


@given(before=st.sampled_from(CaseState), after=st.sampled_from(CaseState), severity=_SEVERITIES, person=st.booleans())
@settings(max_examples=200)
def test_what_matters_is_never_done_by_a_machine(before: CaseState, after: CaseState, severity: int, person: bool) -> None:
    try:
        check_transition(before, after, severity=severity, by_person=person)
    except TransitionRefused as error:
        assert after not in TRANSITIONS[before] or not person
        assert str(before) in str(error)
        return
    assert after in TRANSITIONS[before]
    if not person:
        assert after is CaseState.NOTIFIED or (after is CaseState.CLOSED and severity < 2)


def test_every_case_can_be_closed_by_a_person_and_none_comes_back() -> None:
    for state in CaseState:
        assert (CaseState.CLOSED in TRANSITIONS[state]) is (state is not CaseState.CLOSED)
    assert not TRANSITIONS[CaseState.CLOSED]
