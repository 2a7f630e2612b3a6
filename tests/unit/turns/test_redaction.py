"""What a turn stores of what was said: redacted, always, and with names as soon as they can be found."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from detectors.errors import ScorerUnavailable
from detectors.pii.entity import Entity
from guard.records.contract import TurnEntry
from guard.settings import load_settings
from guard.turns.contract import Delivered, Reply
from guard.turns.redaction import Redaction
from tests.unit.turns.desk import World
from tests.unit.turns.test_turn import PLAN

SAID = "I am Ann, ann@x.org"
SHOWN = [[5, 8, "PERSON"], [10, 19, "EMAIL_ADDRESS"]]


class Ann:
    """Finds Ann and her address after ``wait`` seconds. ``away``: not at all."""

    def __init__(self) -> None:
        self.wait = 0.0
        self.away = False
        self.asked: list[str] = []

    async def entities(self, texts: Sequence[str], *, deadline: float) -> list[tuple[Entity, ...]]:
        self.asked += texts
        await asyncio.sleep(self.wait)
        if self.away:
            raise ScorerUnavailable("refused")
        whole = (Entity(5, 8, "PERSON"), Entity(10, 19, "EMAIL_ADDRESS"))
        return [whole if text == SAID else () for text in texts]


@pytest.fixture
def world() -> World:
    made = World()
    made.identity = replace(made.identity, store_text=True)
    return made


async def _turn(world: World, reply: str = SAID) -> list[TurnEntry]:
    turn = world.desk.begin(world.request(SAID))
    await turn.opening()
    await turn.end(Reply(0, reply, reply, "stop"))
    await turn.settle()
    turn.close(Delivered.WHOLE)
    assert await world.room.drain(5) == 0
    return world.records.committed + world.records.enqueued


async def test_what_is_stored_has_placeholders_and_says_where(world: World) -> None:
    finder = world.room.finder = Ann()
    *_, entry = await _turn(world)
    assert (entry.text.user, entry.text.reply) == ("I am <PERSON>, <EMAIL_ADDRESS>",) * 2
    assert entry.spoken["redacted"] == {"user": SHOWN, "reply": SHOWN}
    assert finder.asked == [SAID]  # once, however many snapshots there were


async def test_a_case_waits_for_names_no_longer_than_for_scores_and_gets_them_later(world: World) -> None:
    finder = world.room.finder = Ann()
    finder.wait = 0.3
    world.room.settings = load_settings({"score_seconds": 0.01})
    world.scorer.says[SAID] = PLAN
    first, *_, last = await _turn(world)
    assert first.case is not None
    assert first.text.user == "I am Ann, <EMAIL_ADDRESS>"
    assert last.text.user == "I am <PERSON>, <EMAIL_ADDRESS>"
    assert finder.asked.count(SAID) == 1


async def test_without_the_search_what_has_a_form_is_taken_out(world: World) -> None:
    finder = world.room.finder = Ann()
    finder.away = True
    for entry in await _turn(world):
        assert "ann@x.org" not in entry.text.user + entry.text.reply


async def test_who_stores_no_text_has_none_searched(world: World) -> None:
    finder = world.room.finder = Ann()
    world.identity = replace(world.identity, store_text=False)
    *_, entry = await _turn(world)
    assert (entry.text.user, entry.text.reply, finder.asked) == ("", "", [])
    assert "redacted" not in entry.spoken


async def test_a_search_that_failed_is_tried_again() -> None:
    finder = Ann()
    redaction = Redaction(finder, longest=1)
    finder.away = True
    assert (await redaction(SAID, seconds=1)).text == "I am Ann, <EMAIL_ADDRESS>"
    finder.away = False
    assert (await redaction(SAID, seconds=1)).text == "I am <PERSON>, <EMAIL_ADDRESS>"
    assert (await redaction("", seconds=1)).text == ""
