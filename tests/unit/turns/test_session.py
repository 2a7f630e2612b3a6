"""The session state machine: up on one turn, down slowly, and never by a retry."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from guard.turns.session import (
    Answer,
    SessionState,
    Spoken,
    UserTurn,
    advance,
    dispose,
    from_json,
    merge,
    read_answer,
    speak,
    to_json,
    view,
)
from tests.unit.turns.scores import START, play, user


def test_what_is_off_from_now_on_leaves_the_session() -> None:
    state = play(*[{"distress": 0.8, "attachment.relationship": 0.7}] * 3)
    assert (state.state, len(state.trend["distress"])) == ("distressed", 3)
    assert state.slope is not None
    scores = user({"risk.suicide": 0.1}).without({"distress", "attachment.relationship"})
    after = advance(state, UserTurn(scores, START + timedelta(hours=1), key="ff"))
    assert after.state == "steady"
    assert after.trend.keys() == {"risk.suicide"}
    assert (after.smooth, after.slope, after.forecast) == (None, None, None)


CALM: dict[str, float] = {}


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, "steady"),
        ({"distress": 0.7}, "distressed"),
        ({"risk.suicide": 0.4}, "distressed"),
        ({"risk.suicide_ge2": 0.7}, "elevated"),
        ({"risk.self_harm": 0.7}, "elevated"),
        ({"risk.suicide_ge2": 0.7, "context.figurative": 0.9}, "steady"),
        ({"risk.suicide_ge3": 0.7, "context.figurative": 0.9}, "elevated"),
        ({"risk.suicide_ge4": 0.6}, "crisis"),
        ({"risk.suicide_imminent": 0.6}, "crisis"),
        ({"risk.emergency_now": 0.9, "context.figurative": 0.9}, "crisis"),
    ],
)
def test_one_turn_is_enough_to_go_up(values: dict[str, float], state: str) -> None:
    assert play(values).state == state


@pytest.mark.parametrize(("recency", "state"), [("now", "crisis"), ("unknown", "crisis"), ("earlier", "elevated")])
def test_behaviour_counts_by_recency(recency: str, state: str) -> None:
    turn = UserTurn(user({"risk.suicide_behaviour": 0.9}, recency=recency), START, key="a")
    assert advance(SessionState(), turn).state == state


def test_distress_passes() -> None:
    assert play({"distress": 0.8}, CALM, CALM).state == "steady"


def test_elevated_goes_down_only_after_turns_and_time() -> None:
    alarm = {"risk.suicide_ge2": 0.8}
    assert play(alarm, *[CALM] * 10, minutes=1).state == "elevated"
    assert play(alarm, *[CALM] * 4, minutes=20).state == "elevated"
    assert play(alarm, *[CALM] * 5, minutes=20).state == "distressed"


def test_crisis_ends_by_ten_turns_thirty_minutes_and_a_denied_intent_only() -> None:
    crisis = play({"risk.suicide_high": 0.9})
    assert play(*[CALM] * 30, state=crisis, minutes=10).state == "crisis"
    denied = replace(crisis, ladder={"intent": "denied"})
    assert play(*[CALM] * 9, state=denied, minutes=10).state == "crisis"
    assert play(*[CALM] * 10, state=denied, minutes=1).state == "crisis"
    assert play(*[CALM] * 10, state=denied, minutes=10).state == "recovering"


def test_crisis_does_not_end_while_a_question_is_open_again_and_again() -> None:
    state = replace(play({"risk.suicide_high": 0.9}), ladder={"intent": "denied"})
    for number in range(20):
        at = START + timedelta(minutes=10 * (number + 1))
        state = speak(advance(state, UserTurn(user(), at, key=f"k{number}")), Spoken(at, question=2))
    assert state.state == "recovering"  # each question was answered by the next turn, none stood open at the end of it


def test_a_person_ends_a_crisis_and_the_hold_stays_for_a_day() -> None:
    crisis = play({"risk.suicide_high": 0.9})
    calmer = dispose(crisis, START)
    assert calmer.state == "recovering"
    assert calmer.strict(START + timedelta(hours=23))
    assert not calmer.strict(START + timedelta(hours=25))
    assert dispose(SessionState(), START) == SessionState()


def test_recovering_rises_again_at_once_and_ends_after_a_day() -> None:
    calmer = dispose(play({"risk.suicide_high": 0.9}), START)
    assert play({"risk.suicide_ge4": 0.9}, state=calmer).state == "crisis"
    assert play(CALM, state=calmer, minutes=60).state == "recovering"
    assert play(CALM, state=calmer, minutes=60 * 25).state == "steady"
    assert play({"distress": 0.9}, state=calmer, minutes=60 * 25).state == "distressed"


@pytest.mark.parametrize(
    ("signal", "word"),
    [("answer.affirm", "affirm"), ("answer.deny", "deny"), ("answer.declines", "declines"), ("distress", "unclear")],
)
def test_answers(signal: str, word: str) -> None:
    assert read_answer(user({signal: 0.9}), 2) == Answer(2, word)


@pytest.mark.parametrize(
    ("rung", "word", "state", "ladder"),
    [
        (1, "affirm", "elevated", ("wish", "affirmed")),
        (2, "affirm", "elevated", ("thoughts", "affirmed")),
        (4, "affirm", "crisis", ("intent", "affirmed")),
        (2, "deny", "steady", ("thoughts", "denied")),
        (2, "declines", "steady", ("thoughts", "declined")),
        (2, "unclear", "steady", ("thoughts", "asked")),
        (0, "deny", "crisis", ("wish", "not_asked")),
        (0, "affirm", "steady", ("wish", "not_asked")),
    ],
)
def test_a_bare_answer_inherits_the_rung_that_was_asked(rung: int, word: str, state: str, ladder: tuple[str, str]) -> None:
    before = speak(play(CALM), Spoken(START, question=rung))
    values = {} if word == "unclear" else {f"answer.{word}": 0.9}
    after = play(values, state=before)
    assert after.state == state
    assert after.answer == Answer(rung, word)
    assert after.question is None
    assert view(after, START).ladder[ladder[0]] == ladder[1]
    if word == "affirm" and rung == 4:
        assert after.peaks["suicide_ge4"].value >= 0.9


def test_a_retry_counts_once_and_an_older_turn_changes_nothing() -> None:
    first = play({"risk.suicide_ge2": 0.8})
    again = UserTurn(user({"risk.suicide_ge2": 0.8}), START, key="00", digest="00")
    retried = advance(first, again)
    assert (retried.turns, retried.state, retried.trend) == (first.turns, first.state, first.trend)
    later = play(CALM, state=first)
    assert advance(later, again) == later


def test_a_retry_sees_the_question_that_was_open_before_it() -> None:
    asked = speak(play(CALM), Spoken(START, question=2))
    yes = UserTurn(user({"answer.affirm": 0.9}), START, key="yes")
    once = speak(advance(asked, yes), Spoken(START, question=3))
    assert advance(once, yes).answer == Answer(2, "affirm")


def test_peaks_hold_for_a_day_and_then_halve_every_week() -> None:
    state = play({"risk.suicide": 0.8})
    peak = state.peaks["suicide"]
    assert peak.now(START + timedelta(hours=24)) == pytest.approx(0.8)
    assert peak.now(START + timedelta(days=8)) == pytest.approx(0.4)
    assert play(CALM, state=state).peaks["suicide"].value == 0.8
    assert play({"risk.suicide": 0.1}, state=state).peaks_before["suicide"] == pytest.approx(0.8)


def test_a_session_stays_small() -> None:
    state = SessionState()
    for number in range(500):
        at = START + timedelta(minutes=number)
        turn = UserTurn(user({"distress": 0.5}), at, key=f"{number:064x}", digest=f"{number:032x}")
        state = speak(
            advance(state, turn),
            Spoken(
                at, variants=(f"v{number}",), resources=(f"r{number}",), rules=(f"rule-{number}",), ours=f"{number:032x}"
            ),
        )
    assert len(json.dumps(to_json(state))) < 40_000
    assert state.turns == 500


def test_merging_two_histories_keeps_the_more_careful_of_each() -> None:
    calm, alarm = play(CALM, CALM, CALM), play({"risk.suicide_ge4": 0.9})
    for left, right in ((calm, alarm), (alarm, calm)):
        merged = from_json(merge(to_json(left), to_json(right)))
        assert merged.state == "crisis"
        assert merged.turns == 3
        assert merged.peaks["suicide_ge4"].value == 0.9
    assert merge(None, to_json(alarm)) == to_json(alarm)


def test_of_two_histories_that_end_with_one_turn_the_one_with_its_reply_goes_on() -> None:
    turn = play({"risk.suicide_ge2": 0.8})
    spoken = Spoken(turn.last_at or START, question=2, rules=("asks",), said=("asks",), digest=f"{99:032x}")
    replied = to_json(speak(turn, spoken))
    for left, right in ((replied, to_json(turn)), (to_json(turn), replied)):
        assert merge(left, right) == replied
    later = play(CALM, state=from_json(replied))
    for left, right in ((to_json(later), replied), (replied, to_json(later))):
        assert merge(left, right)["turns"] == 2


def test_unknown_fields_of_a_newer_version_are_left_out() -> None:
    assert from_json({"state": "elevated", "telepathy": 1}).state == "elevated"


def test_what_a_rule_said_is_remembered_apart_from_what_fired() -> None:
    spoken = Spoken(START, rules=("lowered", "loud"), said=("loud",))
    state = speak(SessionState(), spoken)
    assert set(state.fired) == {"lowered", "loud"}
    assert view(state, START).said == {"loud": START}
    assert from_json(to_json(state)).said == state.said
    later = START + timedelta(minutes=1)
    assert speak(state, Spoken(later, rules=("loud",), said=())).said == {"loud": START}
    assert speak(state, Spoken(later, rules=("lowered",))).said == {"loud": START, "lowered": later}  # of old, all count
    many = tuple(f"r{number}" for number in range(99))
    assert tuple(speak(state, Spoken(later, rules=many, said=many)).said) == many[-64:]
