"""The chart: a still picture of numbers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from guard.review.chart import STATE_HEIGHTS, draw
from guard.review.timeline import Turn
from guard.turns import session


def turn(number: int, distress: float | None, risk: float | None, state: str, action: str = "allow") -> Turn:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Turn(uuid4(), now, number, 1, distress, risk, "", state, action, 0, "full", "whole", 0, (), False, True, ())


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("count", [0, 1, 40])
def test_it_is_an_svg_that_does_and_loads_nothing(count: int, dark: bool) -> None:
    turns = [turn(number, 0.2, None if number % 3 else 0.9, "crisis", "complete") for number in range(count)]
    tree = ET.fromstring(draw(turns, dark=dark))  # noqa: S314 - of our own making
    names = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert not names & {"script", "image", "foreignObject", "a", "use"}
    for element in tree.iter():
        assert not any(name.startswith("on") or name.endswith("href") for name in element.attrib)
    texts = " ".join(element.text or "" for element in tree.iter() if element.tag.endswith("text"))
    if count:
        assert "1 complete" in texts or count == 1
        for name in ("Distress", "Highest risk", "State of the session", "crisis"):
            assert name in texts


def test_every_state_of_a_session_has_its_height() -> None:
    known = {*session._STATES, "recovering"}
    assert set(STATE_HEIGHTS) == known
    assert len(set(STATE_HEIGHTS.values())) == len(known)


def test_a_state_or_value_that_is_not_known_leaves_a_gap() -> None:
    draw([turn(1, None, None, "unknown"), turn(2, 0.5, 0.5, "steady")])
