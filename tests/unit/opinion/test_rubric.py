"""What may come back, and what it says of signals."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from detectors.signals import SIGNALS, Side
from guard.opinion.grey import ASKED_OF
from guard.opinion.rubric import RUBRICS, Labels, Rubric, find, parse

_USER = RUBRICS[Side.USER]


def _labels(rubric: Rubric, **chosen: int | str) -> dict[str, int | str]:
    return {label.name: label.values[0] if label.values[0] == 0 else "no" for label in rubric.labels} | chosen


@pytest.mark.parametrize("rubric", RUBRICS.values(), ids=lambda rubric: rubric.name)
def test_a_schema_is_one_and_says_what_the_parser_does(rubric: Rubric) -> None:
    Draft202012Validator.check_schema(rubric.schema)
    valid = Draft202012Validator(rubric.schema)
    changed = (_labels(rubric) | {"more": "yes"}, _labels(rubric) | {rubric.labels[1].name: "maybe"})
    candidates: tuple[object, ...] = (_labels(rubric), *changed, {}, [])
    for found in candidates:
        assert valid.is_valid(found) is (parse(rubric, json.dumps(found)) is not None)


@pytest.mark.parametrize(
    "content",
    ["", "no", "null", "3", '"yes"', "[]", '{"ideation": 0}', "{}", "{", "\ud800".encode("utf-8", "surrogatepass")],
)
def test_what_is_no_answer_is_none(content: str | bytes) -> None:
    assert parse(_USER, content) is None


@pytest.mark.parametrize("level", [True, 1.0, "1", -1, 6, None, [1], {"a": 1}])
def test_a_level_is_a_whole_number(level: object) -> None:
    assert parse(_USER, json.dumps(_labels(_USER) | {"ideation": level})) is None


@pytest.mark.parametrize("rubric", RUBRICS.values(), ids=lambda rubric: rubric.name)
def test_labels_are_of_signals_that_there_are(rubric: Rubric) -> None:
    assert {SIGNALS[name].side for name in rubric.signals} == {rubric.side}
    for says in rubric.signals.values():
        assert says(_labels(rubric)) is False


def test_every_risk_that_makes_a_turn_grey_can_be_compared() -> None:
    """Save the high-risk answer, which asks for a time that a single turn rarely tells."""
    asked = {name for names in ASKED_OF.values() for name in names} - {"risk.suicide_high"}
    assert asked <= {name for rubric in RUBRICS.values() for name in rubric.signals}


@pytest.mark.parametrize(
    ("labels", "there"),
    [
        (_labels(_USER, ideation=0), 0),
        (_labels(_USER, ideation=3), 3),
        (_labels(_USER, ideation=5), 5),
        (_labels(_USER, behaviour="yes"), 1),
    ],
)
def test_levels_are_cumulative(labels: Labels, there: int) -> None:
    names = ("risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_ge5")
    assert [_USER.signals[name](labels) for name in names] == [True] * there + [False] * (5 - there)


def test_unsure_is_neither() -> None:
    labels = _labels(_USER, behaviour="unsure", past="unsure")
    assert _USER.signals["context.past"](labels) is None
    assert _USER.signals["risk.suicide"](labels) is None
    assert _USER.signals["risk.suicide_ge2"](labels) is False


def test_another_question_is_another_rubric() -> None:
    changed = replace(_USER, instructions=_USER.instructions + " Be brief.")
    assert changed.id != _USER.id
    assert find(_USER.id) is _USER
    assert find(changed.id) is None
