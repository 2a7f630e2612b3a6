"""Properties of the session: nothing that is repeated counts twice, nothing careful is forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from guard.turns.session import SessionState, Spoken, UserTurn, advance, from_json, merge, speak, to_json
from tests.unit.turns.scores import START, user

NAMES = (
    "distress", "risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_high",
    "risk.self_harm", "context.figurative", "answer.affirm", "answer.deny", "answer.declines", "context.minor",
)  # fmt: skip
RANK = {"steady": 0, "distressed": 1, "recovering": 1, "elevated": 2, "crisis": 3}

values = st.dictionaries(st.sampled_from(NAMES), st.floats(0, 1), max_size=5)
steps = st.lists(st.tuples(values, st.one_of(st.none(), st.integers(0, 6)), st.integers(0, 3000)), max_size=12)


def run(history: list[tuple[dict[str, float], int | None, int]]) -> tuple[SessionState, datetime]:
    state, at = SessionState(), START
    for number, (scores, question, minutes) in enumerate(history):
        at += timedelta(minutes=minutes)
        state = advance(state, UserTurn(user(scores), at, key=f"{number:x}", digest=f"{number:032x}"))
        state = speak(state, Spoken(at, question=question, rules=("r", "s"), said=("s",)))
    return state, at


@given(steps)
@settings(max_examples=150, deadline=None)
def test_the_json_form_is_the_state(history: list[tuple[dict[str, float], int | None, int]]) -> None:
    once = from_json(to_json(run(history)[0]))
    assert from_json(to_json(once)) == once


@given(steps, values)
@settings(max_examples=150, deadline=None)
def test_a_change_that_is_applied_again_changes_nothing(
    history: list[tuple[dict[str, float], int | None, int]], scores: dict[str, float]
) -> None:
    state, at = run(history)
    turn, spoken = UserTurn(user(scores), at, key="last", digest="ff"), Spoken(at, question=2, rules=("q",), ours="aa")
    once = speak(advance(state, turn), spoken)
    assert speak(advance(once, turn), spoken) == once


@given(steps, values)
@settings(max_examples=150, deadline=None)
def test_a_state_never_falls_by_two_steps_and_a_crisis_never_by_one_turn_of_alarm(
    history: list[tuple[dict[str, float], int | None, int]], scores: dict[str, float]
) -> None:
    state, at = run(history)
    after = advance(state, UserTurn(user(scores), at, key="last"))
    if state.state == "crisis":
        assert after.state in ("crisis", "recovering")
    if state.state == "elevated":
        assert RANK[after.state] >= 1
    if scores.get("risk.suicide_high", 0) >= 0.5:
        assert after.state == "crisis"


@given(steps, values)
@settings(max_examples=150, deadline=None)
def test_a_peak_is_never_below_this_turn_nor_below_what_is_left_of_before(
    history: list[tuple[dict[str, float], int | None, int]], scores: dict[str, float]
) -> None:
    state, at = run(history)
    after = advance(state, UserTurn(user(scores), at, key="last"))
    for name, value in after.peaks_before.items():
        assert after.peaks[name].now(at) >= value - 1e-9
    if scores.get("risk.suicide", 0) >= 0.1:
        assert after.peaks["suicide"].now(at) >= scores["risk.suicide"] - 1e-9


@given(steps, steps)
@settings(max_examples=100, deadline=None)
def test_merging_is_never_less_careful_than_either(
    left: list[tuple[dict[str, float], int | None, int]], right: list[tuple[dict[str, float], int | None, int]]
) -> None:
    first, second = run(left)[0], run(right)[0]
    merged = from_json(merge(to_json(first), to_json(second)))
    assert RANK[merged.state] == max(RANK[first.state], RANK[second.state])
    assert merged.turns == max(first.turns, second.turns)
    for state in (first, second):
        for name, peak in state.peaks.items():
            assert merged.peaks[name].value >= round(peak.value, 4) - 1e-4
