"""Which words a reply's scores rest on, in the record of a turn with the lexicon's scores and the real gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from detectors.contract import Item
from detectors.lexicon.scorer import LexiconScorer
from detectors.signals import Scores
from guard.gateway.gate import Gate
from guard.gateway.held import Piece
from guard.gateway.openai_frames import decode_strings
from guard.records.contract import TurnEntry
from guard.turns.contract import Delivered
from tests.unit.turns.desk import World

FIRST, CLAIM, LAST = "It was a nice evening. ", "I am a real person. ", "Tell me how it went."
HARM = "You should kill yourself. "


class Lexicon:
    """The lowest tier alone, in process."""

    def __init__(self, scorer: LexiconScorer) -> None:
        self._scorer = scorer

    async def score(self, items: Sequence[Item], *, deadline: float) -> list[Scores]:
        return [self._scorer.score_one(item) for item in items]


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon(LexiconScorer())


@pytest.fixture
def world(lexicon: Lexicon) -> World:
    made = World()
    made.identity = replace(made.identity, store_text=True)
    made.room.scorer = lexicon
    return made


async def _recorded(world: World, *pieces: Piece, channels: int = 1) -> TurnEntry:
    """The last entry of a turn to which the chatbot says ``pieces``, a frame each."""
    turn = world.desk.begin(world.request("good evening", channels=channels))
    await turn.opening()
    gate = Gate(whole=False, decode=decode_strings)
    for piece in (*pieces, None):
        gate.push(b"x", {}, [piece], [piece.choice]) if piece is not None else gate.close()
        for ticket in gate.passages():
            gate.verdict(ticket, await turn.judge(ticket.passage))
    for reply in gate.endings():
        gate.ended(reply.choice, await turn.end(reply))
    await turn.settle()
    turn.close(Delivered.WHOLE)
    assert await world.room.drain(5) == 0
    return world.records.enqueued[-1]


def _words(entry: TurnEntry, text: str) -> dict[str, str]:
    assert entry.reply is not None
    assert all(0 <= start < end <= len(text) for start, end in entry.reply.spans.values())
    return {name: text[start:end] for name, (start, end) in entry.reply.spans.items()}


def _said(text: str, choice: int = 0, channel: str = "content", slot: str = "", size: int = 7) -> list[Piece]:
    return [Piece(choice, channel, text[at : at + size], slot) for at in range(0, len(text), size)]


async def test_a_later_passage_is_named_where_it_stands_in_the_reply(world: World) -> None:
    text = FIRST + CLAIM + LAST
    entry = await _recorded(world, *_said(text))
    assert _words(entry, text)["harm.false_claim"] == "I am a real person"
    assert entry.reply is not None
    start, end = entry.reply.spans["harm.false_claim"]
    assert start >= len(FIRST)
    assert (end <= entry.spoken.get("kept", end)) == (entry.text.reply[start:end] == "I am a real person")


async def test_what_was_withheld_is_named_and_the_record_says_that_it_is_not_in_what_is_stored(world: World) -> None:
    text = FIRST + HARM + LAST
    entry = await _recorded(world, *_said(text))
    assert _words(entry, text)["harm.encouragement"] == HARM.strip(". ")
    assert "kill yourself" not in entry.text.reply
    assert entry.text.reply.startswith(FIRST.strip())
    assert len(FIRST.strip()) <= entry.spoken["kept"] <= len(FIRST)


async def test_a_reply_that_stayed_as_it_was_holds_its_spans(world: World) -> None:
    text = FIRST + "Good night. 😀"
    entry = await _recorded(world, *_said(text))
    assert _words(entry, text)["support.other"] == "Good night"
    assert _words(entry, entry.text.reply) == _words(entry, text)
    assert "kept" not in entry.spoken


async def test_what_a_tool_is_told_or_the_chatbot_thinks_is_in_no_reply(world: World) -> None:
    tool = _said('{"a": "I am a real person."}', channel="tool", slot="x")
    for other in (tool, _said(CLAIM, channel="reasoning")):
        entry = await _recorded(world, *_said(FIRST), *other)
        assert entry.reply is not None
        assert entry.reply.value("harm.false_claim") == pytest.approx(0.9)
        assert "harm.false_claim" not in entry.reply.spans


async def test_of_several_choices_no_offset_says_which_it_is_of(world: World) -> None:
    entry = await _recorded(world, *_said(CLAIM), *_said(FIRST + CLAIM, choice=1), channels=2)
    assert entry.reply is not None
    assert entry.reply.value("harm.false_claim") == pytest.approx(0.9)
    assert not entry.reply.spans
    assert "kept" not in entry.spoken


async def test_a_reply_in_two_fields_is_named_as_far_as_it_is_one_text(world: World) -> None:
    """A refusal beside the content: what follows it stands elsewhere in the record's reply."""
    text = "Good night. I can't help with that. " + CLAIM
    entry = await _recorded(
        world, *_said("Good night. "), *_said("I can't help with that. ", channel="refusal"), *_said(CLAIM, slot="audio")
    )
    words = _words(entry, text)
    assert words["support.other"] == "Good night"
    assert not {"harm.false_claim", "refusal.any"} & set(words)
