"""What the sidecar tells of a reply, with real turns and the shipped policy: only detectors and records are a test's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import httpx
import pytest

from guard.gateway.api import create_api
from guard.gateway.meters import NoMeters
from guard.records.terms import Identity
from guard.settings import load_settings
from tests.unit.turns.desk import World

KIND, BLAME, CALL = "I hear you. That sounds heavy.", " It is your fault.", " Call 988 any time."
IDEATION = {"risk.suicide": 0.9, "risk.suicide_ge2": 0.9}
PLAN = IDEATION | {"risk.suicide_ge3": 0.9, "risk.suicide_ge4": 0.9, "risk.suicide_ge5": 0.9, "risk.suicide_high": 0.9}


class _Records:
    """One tenant, whose turns are found at once."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def authenticate(self, key: str) -> Identity:
        return self._identity

    async def turn(self, tenant_id: UUID, turn_id: UUID) -> dict[str, Any]:
        return {"id": str(turn_id)}


class _Counted(NoMeters):
    def __init__(self) -> None:
        self.turns: list[tuple[str, str, str]] = []

    def turn(self, action: str, status: str, protocol: str) -> None:
        self.turns.append((action, status, protocol))


@pytest.fixture
def world() -> World:
    world = World()
    world.identity = replace(world.identity, store_text=True)
    return world


async def _ask(world: World, *messages: str, reply: str | None = None, meters: NoMeters | None = None) -> dict[str, Any]:
    """What is told of ``reply``, after the turn has been recorded. Messages alternate and begin with the person's."""

    def page() -> tuple[bytes, str]:
        return b"", "text/plain"

    def health() -> tuple[int, dict[str, Any]]:
        return 200, {}

    records = cast(Any, _Records(world.identity))
    counted = meters or NoMeters()
    api = create_api(world.desk, records, load_settings({}), counted, live=health, ready=health, metrics=page)
    said = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(messages)]
    body: dict[str, Any] = {"messages": said, "session": "s"}
    if reply is not None:
        body["reply"] = reply
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://x") as client:
        answer = await client.post("/v1/turns", json=body, headers={"authorization": "Bearer hr_x"})
    assert answer.status_code == 200, answer.text
    assert await world.room.drain(5) == 0
    told: dict[str, Any] = answer.json()["reply"]
    return told


def _words(text: str) -> list[str]:
    return text.split()


async def test_a_trim_takes_a_sentence_and_leaves_the_reply(world: World) -> None:
    world.scorer.says[BLAME] = {"harm.victim_blame": 0.9}
    told = await _ask(world, "hello", reply=KIND + BLAME + CALL)
    assert told["action"] == "trim"
    assert _words(told["text"]) == _words(KIND + CALL)
    assert world.records.enqueued[-1].text.reply == told["text"]


async def test_a_bridge_stands_where_the_sentence_stood(world: World) -> None:
    world.scorer.says[" Don't leave me."] = {"companion.retention": 0.9}
    told = await _ask(world, "bye", reply=KIND + " Don't leave me." + " Sleep well.")
    assert told["action"] == "trim"
    assert told["text"].startswith(KIND)
    assert told["text"].endswith(" Sleep well.")
    assert "Don't leave me" not in told["text"]
    assert len(told["text"]) > len(KIND + " Sleep well.")


async def test_where_every_sentence_is_withheld_something_is_said_instead(world: World) -> None:
    world.scorer.says["It is your fault."] = {"harm.victim_blame": 0.9}
    told = await _ask(world, "hello", reply="It is your fault.")
    assert told["action"] == "complete"
    assert told["text"]
    assert "your fault" not in told["text"]


async def test_a_completion_stands_behind_what_was_cleared(world: World) -> None:
    world.scorer.says[" You should just do it."] = {"harm.encouragement": 0.9}
    told = await _ask(world, "hm", reply=KIND + " You should just do it." + CALL)
    assert told["action"] == "complete"
    assert told["text"].startswith(KIND)
    assert "just do it" not in told["text"]
    assert CALL not in told["text"]


async def test_what_the_person_s_side_calls_for_is_told_as_an_addition(world: World) -> None:
    world.scorer.says["…"] = IDEATION
    told = await _ask(world, "…", reply=KIND)
    assert told["action"] == "append"
    assert "988" in told["text"]
    assert KIND.strip() not in told["text"]
    assert told["text"] == told["text"].strip()


async def test_an_addition_beside_a_trim_is_part_of_the_reply_that_takes_its_place(world: World) -> None:
    world.scorer.says |= {"…": IDEATION, " You have a depression.": {"harm.diagnosis": 0.9}}
    told = await _ask(world, "…", reply=KIND + " You have a depression." + CALL)
    assert told["action"] == "trim"
    assert told["text"].startswith(KIND)
    assert "?" in told["text"].rpartition(CALL)[2]  # the question that the reply did not ask
    assert "depression" not in told["text"]


async def test_rules_on_the_whole_reply_are_asked(world: World) -> None:
    world.scorer.says |= {"…": {"risk.suicide": 0.6}, KIND: {"harm.missed_cue": 0.9}}
    told = await _ask(world, "…", reply=KIND)
    assert told["action"] == "append"
    assert "reply-misses-cue" in {rule.id for rule in world.records.enqueued[-1].rules if rule.outcome.value == "fired"}


async def test_an_abrupt_refusal_after_a_disclosure_is_held_and_completed(world: World) -> None:
    refusal = "I can't help with that."
    world.scorer.says |= {"…": {"risk.suicide": 0.9}, refusal: {"refusal.any": 0.9}, refusal + CALL: {"refusal.abrupt": 0.9}}
    told = await _ask(world, "…", reply=refusal + CALL)
    assert told["action"] == "complete"
    assert "I can't help" not in told["text"]


async def test_a_completion_by_the_person_s_side_is_recorded_as_what_was_said(world: World) -> None:
    world.scorer.says["…"] = PLAN
    told = await _ask(world, "…", reply=KIND)
    assert told["action"] == "complete"
    entry = world.records.enqueued[-1]
    assert entry.text.reply == told["text"].replace("988lifeline.org", "<URL>")  # stored as redacted
    assert not [item for item in world.scorer.asked if item.text == KIND]


async def test_what_was_said_is_known_again_in_history(world: World) -> None:
    world.scorer.says["…"] = PLAN
    await _ask(world, "…")
    (row,) = world.records.sessions.values()
    assert row.state is not None
    assert len(row.state["ours"]) == 1
    assert len(row.state["known"]) == 2  # the person's message and the conversation behind the completion


@pytest.mark.parametrize("reply", [None, "", "  \n", KIND, "Hello.\n\n\n"])
async def test_what_needs_nothing_is_told_so(world: World, reply: str | None) -> None:
    assert await _ask(world, "hello", reply=reply) == {"action": "allow", "text": None}


async def test_a_turn_counts_once_with_what_became_of_it(world: World) -> None:
    world.scorer.says[BLAME] = {"harm.victim_blame": 0.9}
    counted = _Counted()
    await _ask(world, "hello", reply=KIND + BLAME, meters=counted)
    assert counted.turns == [("trim", "full", "sidecar")]
    world.scorer.away = True
    await _ask(world, "hello", "yes", "and", reply=KIND, meters=counted)
    assert counted.turns[1][1:] == ("degraded", "sidecar")
