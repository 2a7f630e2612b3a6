"""What follows from an attempt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.escalation.schedule import STANDARD, Answer, Schedule, Verdict, retry_after_seconds, settle

_NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_the_standard_schedule_is_the_specifications() -> None:
    minute, hour = 60, 3600
    assert STANDARD.waits == (
        0, 5, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour,
    )  # fmt: skip


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_delivered(status: int) -> None:
    assert settle(Answer(status=status), 1, STANDARD).verdict is Verdict.DELIVERED


def test_gone_disables_the_channel() -> None:
    outcome = settle(Answer(status=410), 1, STANDARD)
    assert (outcome.verdict, outcome.disable, outcome.wait) == (Verdict.FAILED, True, None)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 408, 422, 500, 502])
def test_other_answers_follow_the_schedule(status: int) -> None:
    waits = []
    for attempt in range(1, len(STANDARD.waits)):
        outcome = settle(Answer(status=status), attempt, STANDARD)
        assert outcome.verdict is Verdict.PENDING
        waits.append(outcome.wait)
    assert tuple(waits) == STANDARD.waits[1:]
    assert settle(Answer(status=status), len(STANDARD.waits), STANDARD).verdict is Verdict.DEAD


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retry_after_is_honoured_within_bounds(status: int) -> None:
    def wait(seconds: float) -> float | None:
        return settle(Answer(status=status, retry_after=seconds), 1, STANDARD).wait

    assert wait(60) == 60
    assert wait(0) == 5  # never sooner than the schedule
    assert wait(10**9) == 3600  # never longer than an hour
    assert settle(Answer(status=500, retry_after=60), 1, STANDARD).wait == 5


def test_what_cannot_get_better_is_given_up_at_once() -> None:
    assert settle(Answer(error="address_invalid", final=True), 1, STANDARD).verdict is Verdict.FAILED


@given(
    status=st.none() | st.integers(100, 599),
    attempt=st.integers(1, 30),
    jitter=st.floats(0, 1, exclude_max=True),
    after=st.none() | st.floats(0, 1e9),
)
@settings(max_examples=150)
def test_every_answer_has_one_consequence(status: int | None, attempt: int, jitter: float, after: float | None) -> None:
    outcome = settle(
        Answer(status=status, error=None if status else "timeout", retry_after=after), attempt, STANDARD, jitter
    )
    assert (outcome.wait is not None) is (outcome.verdict is Verdict.PENDING)
    if outcome.wait is not None:
        planned = STANDARD.waits[attempt]
        assert planned <= outcome.wait <= max(planned * 1.1, 3600)
    if outcome.verdict is not Verdict.DELIVERED:
        assert outcome.error
    assert outcome.disable is (status == 410)


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after_seconds("120", _NOW) == 120
    assert retry_after_seconds(format_datetime(_NOW + timedelta(seconds=90), usegmt=True), _NOW) == 90
    assert retry_after_seconds(format_datetime(_NOW - timedelta(days=1), usegmt=True), _NOW) == 0
    assert retry_after_seconds(None, _NOW) is None


@given(st.text(max_size=80) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d( [-+]\d{4}| GMT)?"))
@settings(max_examples=200)
def test_no_header_can_break_it(value: str) -> None:
    found = retry_after_seconds(value, _NOW)
    assert found is None or found >= 0


@pytest.mark.parametrize("waits", [(), (-1.0,)])
def test_a_schedule_needs_sense(waits: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="wait"):
        Schedule(waits)
