"""What a message says to the safety question that is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from detectors.contract import Item
from detectors.lexicon.answers import hastens, inherited, read_answer, recency
from detectors.lexicon.foreign import _tables
from detectors.lexicon.scorer import LexiconScorer
from detectors.signals import Side, position

NAMES = ("answer.affirm", "answer.deny", "answer.unclear", "answer.declines")


def cases() -> list[Any]:
    groups = YAML(typ="safe").load(Path(__file__).with_name("answers.yaml").read_text("utf-8"))
    return [
        pytest.param(rung, text, group.get("language"), group["say"], id=f"{rung}-{group['say']}-{text}")
        for group in groups
        for rung in group["q"]
        for text in group["texts"]
    ]


CASES = cases()


def test_there_are_enough_cases() -> None:
    assert len({(case.values[0], case.values[1]) for case in CASES}) >= 600


@pytest.mark.parametrize(("question", "text", "language", "say"), CASES)
def test_reads(question: int, text: str, language: str | None, say: str) -> None:
    found = read_answer(text, question, language)
    high = {name.removeprefix("answer.") for name in NAMES if found[name] >= 0.5}
    assert high == {say}, found


TEXTS = st.lists(
    st.sampled_from([str(case.values[1]) for case in CASES] + ["but", ",", ".", "?", "\n", "💀", "because"]), max_size=5
).map(" ".join) | st.text(max_size=60)


@given(TEXTS, st.integers(0, 6), st.sampled_from([None, "en", "es", "de", "ja", "zh", "pl", "xx"]))
@settings(max_examples=500, deadline=None)
def test_values_are_sound_whatever_was_said(text: str, question: int, language: str | None) -> None:
    found = read_answer(text, question, language)
    assert tuple(found) == NAMES
    assert all(0.0 <= value <= 1.0 for value in found.values())
    assert min(found["answer.affirm"], found["answer.deny"]) < 0.5
    assert max(found.values()) >= 0.5
    implied = inherited(question, found)
    assert all(0.5 <= value <= 1.0 for value in implied.values())


EVASIVE = [str(case.values[1]) for case in CASES if case.values[3] in ("unclear", "declines") and case.values[2] is None]


@given(st.sampled_from(EVASIVE), st.integers(0, 6), st.text(st.sampled_from(" \n.…💀\u200b"), max_size=6))
def test_what_evades_is_never_a_no(text: str, question: int, around: str) -> None:
    asked = [case.values[0] for case in CASES if case.values[1] == text and case.values[3] in ("unclear", "declines")]
    if question not in asked:
        question = int(str(asked[0]))
    assert read_answer(around + text + around, question, None)["answer.deny"] < 0.5


@given(st.text(st.characters(categories=["P", "S", "Z", "C"], codec=None), max_size=40), st.integers(0, 6))
def test_silence_is_never_an_answer(text: str, question: int) -> None:
    found = read_answer(text, question, "en")
    assert found["answer.unclear"] >= 0.5
    assert max(found["answer.affirm"], found["answer.deny"], found["answer.declines"]) < 0.5


def test_a_very_long_text_is_read_at_both_ends() -> None:
    middle = "the train was late and it rained. " * 20_000
    assert read_answer("yes. " + middle, 2, "en")["answer.affirm"] >= 0.5
    assert read_answer(middle + "So no, I'm not suicidal.", 2, "en")["answer.deny"] >= 0.5


def test_a_yes_inherits_the_rung_that_was_asked() -> None:
    yes = {"answer.affirm": 0.9, "answer.deny": 0.1}
    ladder = ["risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_ge5"]
    for rung in range(1, 6):
        implied = inherited(rung, yes)
        assert set(implied) - {"risk.suicide_high"} == set(ladder[:rung])
        assert ("risk.suicide_high" in implied) == (rung >= 4)
        assert set(implied.values()) == {0.9}
    assert inherited(6, yes) == {"risk.suicide_behaviour": 0.9}
    assert inherited(0, yes) == {}


def test_a_no_to_being_safe_is_imminent_and_no_other_no_implies_anything() -> None:
    no = {"answer.affirm": 0.1, "answer.deny": 0.7}
    assert inherited(0, no) == {"risk.suicide_imminent": 0.7}
    for rung in range(1, 7):
        assert inherited(rung, no) == {}


def test_what_is_less_than_likely_implies_nothing() -> None:
    for rung in range(7):
        assert inherited(rung, {"answer.affirm": 0.45, "answer.deny": 0.45}) == {}
        assert inherited(rung, {}) == {}


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("just now", "now"), ("10 minutes ago", "now"), ("last night", "24h"), ("yes, this morning", "24h"),
        ("yesterday", "24h"),
        ("3 days ago", "month"), ("last week", "month"), ("two weeks ago", "month"), ("last month", "3months"),
        ("years ago", "earlier"), ("when i was 15", "earlier"), ("last year", "earlier"), ("yes", None), ("", None),
        ("yes, last night and when i was 12", "24h"),
    ],
)  # fmt: skip
def test_recency(text: str, tag: str | None) -> None:
    assert recency(text) == tag


@pytest.mark.parametrize(
    ("text", "soon"),
    [
        ("yes, tonight", True), ("tonight after work", True), ("yes. tomorrow", True), ("not tonight", False),
        ("I thought about it today", False), ("I'm safe tonight", False), ("yes", False), ("", False),
        ("yes, one day, when the kids are grown up and gone and I can finally rest, but maybe tonight or never", False),
    ],
)  # fmt: skip
def test_a_short_answer_may_say_that_it_is_for_the_next_day(text: str, soon: bool) -> None:
    assert hastens(text) is soon


@pytest.mark.parametrize(
    ("text", "question", "signal", "said"),
    [
        ("yes, I have a plan", 2, "risk.suicide_ge5", True),
        ("yes, I have a plan", 0, "risk.suicide_ge5", False),
        ("yes, tonight", 4, "risk.suicide_imminent", True),
        ("not tonight", 4, "risk.suicide_imminent", False),
        ("yes, tonight", 1, "risk.suicide_imminent", False),
        ("no, he is outside the door", 0, "risk.suicide_imminent", True),
        ("no, he is outside the door", 0, "risk.suicide", False),
        ("no. I'm going to kill myself", 0, "risk.suicide_ge4", True),
    ],
)  # fmt: skip
def test_what_an_answer_means_depends_on_what_was_asked(text: str, question: int, signal: str, said: bool) -> None:
    scores = LexiconScorer().score_one(Item(Side.USER, text, question=question, language="en"))
    assert (scores.values[position(Side.USER)[signal]] >= 0.5) is said


def test_every_language_has_a_yes_a_no_and_a_refusal() -> None:
    for language, table in _tables().items():
        kinds = {kind for kind, _ in table.phrases.values()}
        assert kinds == {"affirm", "deny", "unclear", "declines"}, language
