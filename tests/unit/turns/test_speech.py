"""What a person reads where the chatbot's words are withheld, after words of their own that were hard."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from guard.turns.contract import Delivered, Passage, Reply, VerdictKind
from tests.unit.turns.desk import World

WISH = {"risk.suicide": 0.9}
FAINT = {"risk.suicide": 0.35}
STAY = {"companion.retention": 0.9}
GUILT = {"companion.retention": 0.9, "harm.coercive": 0.4}
PREFERS = WISH | {"intima.preference_over_people": 0.9}
ALONE = {"companion.isolation": 0.9}
LEAVING = re.compile(
    r"\bleav(?!\w+ out|\w+ that part)|\bgo\b(?! on| side)|\bstop\b|\bstopping\b|come back|your time|your plans",
    re.IGNORECASE,
)
PLAN = {f"risk.suicide_ge{level}": 0.9 for level in (2, 3, 4, 5)} | {"risk.suicide": 0.9}
LINE, QUESTION = "988", "?"


async def completed(world: World, *texts: str) -> str:
    """What takes the reply's place."""
    turn = world.desk.begin(world.request(*texts))
    text = (await turn.opening()).completion
    assert text is not None
    await turn.end(Reply(0, text, text, "stop"))
    await turn.settle()
    turn.close(Delivered.WHOLE)
    assert await world.room.drain(5) == 0
    return text


async def answered(world: World, reply: str, *sentences: str, streamed: bool = False) -> str:
    """What the person reads of a reply of these sentences."""
    turn = world.desk.begin(world.request("…"))
    assert (await turn.opening()).completion is None
    kept: list[str] = []
    for at, sentence in enumerate(sentences):
        verdict = await turn.judge(Passage(0, "content", sentence, " ".join(kept), first=at == 0))
        if verdict.kind is VerdictKind.COMPLETE:
            await turn.end(Reply(0, verdict.text, verdict.text, "stop"))
            kept.append(verdict.text)
            break
        kept += [verdict.text] if verdict.kind is VerdictKind.TRIM else [sentence]
    else:
        said = " ".join(filter(None, kept))
        released = said if streamed else ""
        ending = await turn.end(Reply(0, reply, released, "stop", said=said))
        kept = [ending.complete] if ending.complete else [*kept, ending.append or ""]
    await turn.settle()
    turn.close(Delivered.WHOLE)
    assert await world.room.drain(5) == 0
    return " ".join(filter(None, kept))


@pytest.mark.parametrize("withheld", [STAY, GUILT])
@pytest.mark.parametrize("session", [f"s{at}" for at in range(4)])
async def test_a_wish_to_be_dead_is_never_told_that_it_is_fine_to_go(withheld: dict[str, float], session: str) -> None:
    world = World()
    world.scorer.says |= {"…": WISH, "Stay.": withheld}
    text = await answered(world, f"I hear you, {session}. Stay.", f"I hear you, {session}.", "Stay.", streamed=True)
    assert not LEAVING.search(text), text
    assert LINE in text and text.count(QUESTION) == 1


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("withheld", [STAY, GUILT, {"harm.diagnosis": 0.9}])
async def test_where_all_is_withheld_the_question_and_the_line_are_still_said(
    withheld: dict[str, float], streamed: bool
) -> None:
    world = World()
    world.scorer.says |= {"…": WISH, "Stay.": withheld}
    text = await answered(world, "Stay.", "Stay.", streamed=streamed)
    assert not LEAVING.search(text), text
    assert LINE in text and text.count(QUESTION) == 1
    assert "This is the safety part of this service." in text


async def test_a_completion_about_companionship_does_not_stand_in_for_them() -> None:
    world = World()
    world.scorer.says |= {"…": PREFERS, "Only me.": ALONE}
    text = await answered(world, "Only me.", "Only me.")
    assert not LEAVING.search(text), text
    assert LINE in text and text.count(QUESTION) == 1
    (entry,) = [entry for entry in world.records.enqueued if entry.delivered is Delivered.WHOLE]
    assert entry.referral is not None  # what was shown is counted, whatever it was added to
    state = world.room.cache.current(entry.session_key or b"", entry.session.apply(None) if entry.session else None)
    assert state.question is not None


async def test_a_faint_sign_brings_no_alarm_and_no_word_of_leaving() -> None:
    world = World()
    world.scorer.says |= {"…": FAINT, "Stay.": STAY}
    text = await answered(world, "Stay.", "Stay.")
    assert not LEAVING.search(text), text
    assert LINE not in text and QUESTION not in text


async def test_what_was_asked_already_is_not_asked_again() -> None:
    world = World()
    world.scorer.says |= {"…": PREFERS, "Only me.": ALONE}
    text = await answered(world, "", "Are you thinking of killing yourself?", "Only me.")
    assert LINE in text and text.count(QUESTION) == 1


async def test_a_case_that_is_open_is_spoken_of_each_time() -> None:
    world = World(people="always")
    world.scorer.says |= {"…": PLAN, "again": PLAN}
    first = await completed(world, "…")
    world.now += timedelta(minutes=1)
    second = await completed(world, "…", first, "again")
    assert "someone on this service's safety team may read this chat" in first
    assert world.records.committed[-1].case is not None
    assert "Nobody is watching" not in second


async def test_where_a_case_may_be_open_nobody_is_told_that_there_is_nobody() -> None:
    world = World(people="always")
    world.scorer.says |= {"…": {"risk.self_harm": 0.9}, "Do it.": {"harm.encouragement": 0.9}}
    said = await answered(world, "I see.", "I see.")
    world.now += timedelta(minutes=1)
    turn = world.desk.begin(world.request("…", said, "hm"))
    assert (await turn.opening()).completion is None
    text = (await turn.judge(Passage(0, "content", "Do it.", first=True))).text
    assert "This is the safety part of this service." in text
    assert "watching" not in text and "safety team" not in text


@pytest.mark.parametrize("people", ["always", "hours", "none"])
async def test_where_no_case_was_opened_nobody_watches(people: str) -> None:
    world = World(people=people)
    world.scorer.says["Do it."] = {"harm.encouragement": 0.9}
    turn = world.desk.begin(world.request("hm"))
    assert "Nobody is watching this chat." in (await turn.judge(Passage(0, "content", "Do it.", first=True))).text
