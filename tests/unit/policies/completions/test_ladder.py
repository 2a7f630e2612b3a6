"""The ladder of questions: fixed wordings, and which comes next."""

from __future__ import annotations

import pytest

from policies.completions.ladder import QUESTIONS, known_level, next_question


def test_the_wordings_are_the_approved_ones() -> None:
    assert QUESTIONS == {
        0: "Are you safe right now?",
        1: "Do you wish you weren't alive, or could sleep and not wake up?",
        2: "Are you having thoughts of killing yourself?",
        3: "Have you thought about how? You don't need to give details.",
        4: "Do you think you might act on these thoughts?",
        5: "Have you worked out a time or place?",
        6: "Have you done anything to hurt yourself or to get ready to? Was it recent?",
    }


@pytest.mark.parametrize(
    ("ladder", "known", "expected"),
    [
        ({}, 0, 1),
        ({}, 1, 2),
        ({}, 2, 3),
        ({}, 3, 4),
        ({}, 4, 5),
        ({}, 5, 6),
        ({}, 6, 2),  # behaviour says nothing of today's thoughts
        ({"wish": "affirmed"}, 0, 2),
        ({"wish": "denied"}, 0, 2),
        ({"thoughts": "affirmed"}, 0, 3),
        ({"thoughts": "denied"}, 0, 6),
        ({"thoughts": "denied", "behaviour": "denied"}, 0, None),
        ({"thoughts": "denied"}, 3, 4),  # a method was named all the same
        ({"thoughts": "declined"}, 0, 6),
        ({"method": "affirmed"}, 0, 4),  # never below what is known
        ({"method": "denied"}, 0, 4),
        ({"intent": "denied"}, 0, 5),
        ({"intent": "affirmed"}, 0, 5),
        ({"plan": "denied"}, 0, 6),
        ({"plan": "affirmed", "behaviour": "declined"}, 0, None),
        ({"wish": "asked"}, 0, 1),
        ({"thoughts": "not_asked", "wish": "not_asked"}, 0, 1),
        ({"behaviour": "affirmed"}, 0, 1),
    ],
)
def test_the_lowest_unanswered_rung_at_or_above_what_is_known(
    ladder: dict[str, str], known: int, expected: int | None
) -> None:
    assert next_question(ladder, known=known) == expected


def test_safety_comes_first_where_acting_soon_is_suspected() -> None:
    assert next_question({}, known=4, imminent=True) == 0
    assert next_question({}, known=4, imminent=True, safe_asked=True) == 5
    assert next_question({}, known=4, imminent=True, answered="affirm", answered_rung=0) == 5
    assert next_question({}, known=4, answered="deny", answered_rung=0) is None  # help now, no further question


def test_a_declined_question_is_respected() -> None:
    assert next_question({"thoughts": "declined"}, answered="declines", answered_rung=2) is None
    assert next_question({}, known=4, answered="declines", answered_rung=0, imminent=True) is None


def test_an_unclear_answer_is_asked_about_once() -> None:
    assert next_question({"thoughts": "asked"}, answered="unclear", answered_rung=2) == 2
    assert next_question({"thoughts": "asked"}, answered="unclear", answered_rung=2, pressed=True) == 0
    assert next_question({"thoughts": "asked"}, answered="unclear", answered_rung=2, pressed=True, safe_asked=True) is None
    assert next_question({}, answered="unclear", answered_rung=0, pressed=True) is None


def test_never_two_questions_in_a_row_without_help_between() -> None:
    assert next_question({}, known=1, asked_last=True, supported=False) is None
    assert next_question({}, known=1, asked_last=True, supported=True) == 2


def test_a_rung_that_was_asked_means_that_the_one_below_is_known() -> None:
    assert known_level({"method": "denied"}) == 2
    assert known_level({"intent": "declined"}) == 3
    assert known_level({"behaviour": "affirmed"}) == 0
    assert known_level({"behaviour": "affirmed"}, 6) == 1
