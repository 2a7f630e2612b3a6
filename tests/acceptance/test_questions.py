"""A safety question and its answers: streamed or not, each turn on another gateway worker than the one before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.house import House
from tests.acceptance.test_turns import ask, name

OPENING = "lately I keep thinking about killing myself"
QUESTION = "That sounds heavy, and I'm glad you said it. Are you thinking of killing yourself?"


def answered(record: dict[str, Any]) -> dict[str, bool]:
    """Which of the four ways of answering the turn's scores speak for."""
    return {
        way: (record["signals"][f"answer.{way}"]["value"] or 0.0) >= 0.5 for way in ("affirm", "deny", "unclear", "declines")
    }


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("answer", "way", "rung"),
    [("yeah", "affirm", "affirmed"), ("no", "deny", "denied"), ("idk", "unclear", "asked"), ("", "unclear", "asked"),
     ("i don't want to talk about that", "declines", "declined")],
)  # fmt: skip
def test_each_answer_is_understood_on_another_worker_than_the_one_that_asked(
    house: House, stream: bool, answer: str, way: str, rung: str
) -> None:
    """Nothing of the question is in the answer; what it means comes from the session alone."""
    session = name()
    with house.only(0), house.client(session=session) as client:
        said, first = ask(client, OPENING, stream=stream)
    assert "?" in said
    asked = house.record(first)
    assert asked["signals"]["session.state"]["value"] in ("elevated", "crisis")
    with house.only(1), house.client(session=session) as client:
        replied, second = ask(client, OPENING, said, answer, model="plain", stream=stream)
    record = house.record(second)
    assert asked["session"] == record["session"]
    assert record["signals"]["session.question_open"]["value"] is True
    assert answered(record)[way], answered(record)
    assert [other for other, there in answered(record).items() if there] == [way]
    assert record["action"] == "complete", record["rules"]
    assert "library" not in replied
    if way == "affirm":
        assert record["case"] is not None
    ladder = {name: record["signals"][f"session.ladder.{name}"]["value"] for name in ("wish", "thoughts", "method")}
    assert rung in ladder.values(), ladder


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("answer", "way"), [("yeah", "affirm"), ("no", "deny"), ("idk", "unclear"), ("", "unclear")])
def test_a_question_that_the_chatbot_asked_is_answered_too_without_a_session(
    house: House, stream: bool, answer: str, way: str
) -> None:
    """Sessionless: the question is read off the history that was sent."""
    with house.client() as client:
        replied, turn = ask(client, "i feel so low", QUESTION, answer, model="plain", stream=stream)
    record = house.record(turn)
    assert answered(record)[way], answered(record)
    assert record["session"] is None
    if way == "affirm":
        assert record["action"] == "complete"
        assert "library" not in replied
        assert "988" in replied
    else:
        assert record["case"] is None


def test_a_yes_to_intent_pages_people(house: House) -> None:
    """The same word means more on a higher rung."""
    with house.client(session=name()) as client:
        _, turn = ask(
            client, OPENING, "Thank you for telling me. Do you think you might act on these thoughts?", "yes", model="plain"
        )
    record = house.record(turn)
    assert "intent-or-plan" in [rule["id"] for rule in record["rules"] if rule["outcome"] == "fired"]
    (case,) = house.rows("select severity, assigned_to from cases where id = %s", record["case"])
    assert (case["severity"], case["assigned_to"]) == (3, "crisis-team")
