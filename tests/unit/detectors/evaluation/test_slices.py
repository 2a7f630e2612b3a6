"""Slices that a row's form gives it."""

from __future__ import annotations

import pytest

from detectors.contract import Speaker, Utterance
from detectors.evaluation.rows import Row
from detectors.evaluation.slices import derived, with_derived
from detectors.signals import Side


def _row(text: str, *, side: Side = Side.USER, turns: int = 0, question: int | None = None, turn: int | None = None) -> Row:
    context = tuple(Utterance(who, "so") for _ in range(turns) for who in (Speaker.USER, Speaker.ASSISTANT))
    return Row("a", side, text, context, {}, "c", ("mine",), question, turn=turn)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("yeah", "length: 1 to 4 words"),
        ("I can't do this any more.", "length: 5 to 19 words"),
        ("so " * 20, "length: 20 to 79 words"),
        ("so " * 80, "length: 80 words or more"),
        ("i hate mondays", "person: first"),
        ("my friend says she wants to die and I am scared", "person: third beside first"),
        ("he jumped", "person: third"),
        ("what is a haiku?", "person: none named"),
        ("cant sleep again and nobody is up", "style: no punctuation"),
        ("so tired 😭", "style: emoji"),
        ("so tired :(", "style: emoji"),
        ("might unalive myself", "style: algospeak"),
        ("i want to k1ll it", "style: algospeak"),
        ("s u i c i d e", "style: algospeak"),
        ("LEAVE ME ALONE", "style: all capitals"),
    ],
)
def test_a_slice(text: str, name: str) -> None:
    assert name in derived(_row(text))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A lovely day, really it was.", "style: no punctuation"),
        ("The list: apples; pears (two)", "style: emoji"),
        ("I killed the lights and had skill", "style: algospeak"),
        ("OK", "style: all capitals"),
        ("Ok fine, whatever you say", "style: all capitals"),
    ],
)
def test_no_slice(text: str, name: str) -> None:
    assert name not in derived(_row(text))


def test_positions_and_bare_answers() -> None:
    assert "position: first turn" in derived(_row("hi"))
    assert "position: turns 2 and 3" in derived(_row("hi", turns=2))
    assert "position: turns 4 to 10" in derived(_row("hi", turns=2, turn=5))
    assert "position: turn 11 or later" in derived(_row("hi", turns=12))
    assert "bare answer to a question" in derived(_row("yeah", question=3))
    assert "bare answer to a question" not in derived(_row("yeah"))
    assert not any(name.startswith("person") for name in derived(_row("I am here", side=Side.REPLY)))


def test_a_rows_own_slices_come_first() -> None:
    (row,) = with_derived([_row("hi")])
    assert row.slices[0] == "mine"
    assert len(row.slices) == 4
