"""Which turns are in the grey zone, how they are drawn, and how long an endpoint is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.signals import Scores, Side, Tier
from guard.opinion.breaker import pause
from guard.opinion.client import LONGEST, quotation
from guard.opinion.grey import ASKED_OF, Why, allowance, draw, grey

_AT = {"risk.suicide": 0.1, "companion.retention": 0.4}


def _scores(value: float, name: str = "risk.suicide", tier: Tier = Tier.FULL) -> Scores:
    side = Side.USER if name.startswith("risk.") else Side.REPLY
    return Scores.of(side, "m@1", {name: value}, tier=tier)


@pytest.mark.parametrize(("value", "why"), [(0.1, Why.NEAR), (0.17, Why.NEAR), (0.06, Why.NEAR), (0.3, None), (0.02, None)])
def test_near_is_measured_in_odds(value: float, why: Why | None) -> None:
    assert grey(_scores(value), _AT) is why


@pytest.mark.parametrize(
    ("value", "said", "why"),
    [(0.95, 0.0, Why.TIERS), (0.95, 0.3, None), (0.95, 0.9, None), (0.001, 0.9, Why.TIERS), (0.001, 0.0, None)],
)
def test_tiers_disagree_where_one_sees_what_the_other_does_not(value: float, said: float, why: Why | None) -> None:
    assert grey(_scores(value), _AT, {"risk.suicide": said}) is why


def test_a_lexicons_value_has_the_lexicons_threshold() -> None:
    assert grey(_scores(0.5, tier=Tier.LEXICON), _AT) is Why.NEAR
    assert grey(_scores(0.1, tier=Tier.LEXICON), _AT, {}) is None


def test_missing_and_off_and_unknown_are_in_no_zone() -> None:
    assert grey(Scores.missing(Side.USER), _AT, {"risk.suicide": 0.9}) is None
    assert grey(_scores(0.1), {}) is None, "another model's thresholds say nothing of this one"
    assert grey(_scores(0.1, "risk.violence"), {"risk.violence": 0.1}) is None, "no rubric asks for it"


def test_a_reply_is_grey_by_its_own_signals() -> None:
    assert grey(_scores(0.4, "companion.retention"), _AT) is Why.NEAR


@given(st.sampled_from(ASKED_OF[Side.USER]), st.floats(0, 1), st.floats(0.001, 0.999), st.floats(0, 1))
def test_a_value_at_its_threshold_is_always_near(name: str, value: float, threshold: float, said: float) -> None:
    assert grey(Scores.of(Side.USER, "m@1", {name: threshold}, tier=Tier.FULL), {name: threshold}, {name: said}) is Why.NEAR
    assert grey(Scores.of(Side.USER, "m@1", {name: value}, tier=Tier.FULL), {name: threshold}, {name: said}) in (*Why, None)


@given(st.binary(min_size=32, max_size=32))
def test_a_draw_is_the_keys(key: bytes) -> None:
    assert 0 <= draw(key) < 1
    assert draw(key) == draw(key)


def test_draws_are_spread_evenly() -> None:
    drawn = [draw(number.to_bytes(32)) for number in range(2000)]
    tenths = [sum(at / 10 <= one < (at + 1) / 10 for one in drawn) for at in range(10)]
    assert min(tenths) > 140
    assert max(tenths) < 260


@given(st.integers(1, 10_000), st.integers(0, 20_000), st.integers(0, 86_399))
def test_a_day_never_exceeds_its_number(daily: int, taken: int, second: int) -> None:
    now = datetime(2026, 3, 29, tzinfo=UTC) + timedelta(seconds=second)
    more = allowance(daily, taken, now)
    assert 0 <= more <= max(0, daily - taken)
    assert more <= daily * second / 86_400 + 1


def test_a_day_ends_with_its_number_used() -> None:
    taken = 0
    for minute in range(0, 1440, 5):
        taken += allowance(100, taken, datetime(2026, 3, 29, tzinfo=UTC) + timedelta(minutes=minute))
    assert taken == 100


@given(st.integers(1, 10_000), st.none() | st.floats(0, 1e9), st.floats(0, 0.999))
def test_a_pause_is_bounded_and_heeds_the_endpoint(failures: int, asked: float | None, jitter: float) -> None:
    wait = pause(failures, asked, jitter)
    assert 10 <= wait <= 3600
    assert wait >= min(asked or 0, 3600)
    assert pause(failures + 1, asked, jitter) >= wait or wait == pytest.approx(pause(failures + 1, asked, jitter))


@given(st.text(st.characters(codec=None)), st.integers(0, 3))
def test_a_quotation_is_bounded_and_valid(text: str, times: int) -> None:
    sent, cut = quotation(text * 10**times)
    assert len(sent) <= LONGEST
    sent.encode()  # what is sent can be written as UTF-8
    assert cut is (len(text) * 10**times > LONGEST)
