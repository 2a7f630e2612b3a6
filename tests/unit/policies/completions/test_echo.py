"""The echo: a safe clause, or none."""

from __future__ import annotations

import pytest

from policies.completions.echo import GISTS, gist


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("I feel like nobody would notice if I disappeared", "you feel that nobody would notice"),
        ("I\u2019m just a burden to everyone", "you feel like a burden to others"),
        ("they'd be better off without me", "you feel like a burden to others"),
        ("I can't take this anymore", "this has become too much to bear"),
        ("I can\u2019t go on", "it is very hard to keep going"),
        ("I feel trapped in this house", "you feel trapped"),
        ("there is no hope for me", "it is hard to see how things could get better"),
        ("I hate myself", "you feel bad about who you are"),
        ("I feel so alone", "you feel very alone"),
        ("I'm so tired of living", "you are worn out"),
        ("I haven't slept in days", "you get hardly any sleep"),
        ("I'm terrified", "you are scared"),
        ("I feel empty", "you feel numb and empty"),
        ("I'm so ashamed", "you feel ashamed"),
    ],
)
def test_the_sense_of_what_was_said(words: str, expected: str) -> None:
    assert gist(words) == expected


@pytest.mark.parametrize(
    "words",
    [
        "", "hello", "I'm not a burden", "I don't feel alone any more", "my brother feels so alone and I worry",
        "she's so tired of everything, she told me", "the plot is pointless", "I am not really that scared",
    ],
)  # fmt: skip
def test_what_was_not_said_of_oneself_is_not_echoed(words: str) -> None:
    assert gist(words) is None


def test_a_clause_is_always_one_of_ours() -> None:
    clauses = {clause for _, clause, _ in GISTS}
    assert gist("I have a rope, I live at 5 Elm Street, and I feel so trapped") in clauses


def test_only_the_beginning_of_a_long_message_is_read() -> None:
    assert gist("I " + "x" * 5000 + " feel trapped") is None
