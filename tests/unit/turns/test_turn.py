"""One turn from the first byte to its record, with detectors that say what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from detectors.pii.entity import Entity
from detectors.signals import Tier
from guard.settings import load_settings
from guard.turns.contract import Delivered, Passage, Reply, Status, VerdictKind
from policies.completions.catalog import shipped as catalog
from policies.completions.verify import contacts_in
from policies.decision import Action, Posture
from policies.directory.directory import shipped
from tests.unit.turns.desk import World

PLAN = {f"risk.suicide_ge{level}": 0.9 for level in (2, 3, 4, 5)} | {"risk.suicide": 0.9, "risk.suicide_high": 0.9}
IDEATION = {"risk.suicide": 0.9, "risk.suicide_ge2": 0.9}
LOW = {"distress": 0.9, "warning.hopeless": 0.9}
GUILT = {"companion.retention": 0.9, "harm.coercive": 0.4}


@pytest.fixture
def world() -> World:
    return World()


def passage(text: str, *, first: bool = True, before: str = "", choice: int = 0, channel: str = "content") -> Passage:
    return Passage(choice, channel, text, before, first)


async def finish(world: World) -> None:
    assert await world.room.drain(5) == 0


async def test_a_plain_turn_passes_untouched_and_is_recorded_with_its_scores(world: World) -> None:
    turn = world.desk.begin(world.request("hello there"))
    assert await turn.speculate()
    opening = await turn.opening()
    assert (opening.action, opening.completion, opening.guidance) == (Action.ALLOW, None, None)
    assert (opening.posture, opening.status) == (Posture.SENTENCE, Status.FULL)
    assert (await turn.judge(passage("Hello."))).kind is VerdictKind.RELEASE
    ending = await turn.end(Reply(0, "Hello.", "Hello.", "stop"))
    assert (ending.complete, ending.append, ending.status) == (None, None, Status.FULL)
    await turn.settle()
    turn.close(Delivered.WHOLE)
    await finish(world)
    (entry,) = world.records.enqueued
    assert (entry.delivered, entry.severity, entry.case, entry.referral) == (Delivered.WHOLE, 0, None, None)
    assert entry.user is not None
    assert entry.reply is not None
    assert entry.session_signals["session.state"] == "steady"
    assert (entry.text.user, entry.text.reply) == ("", "")


async def test_what_the_tenant_forbids_is_nowhere_in_session_and_record(world: World) -> None:
    world.scorer.says["…"] = {"distress": 0.9, "emotion.joy": 0.9, "risk.suicide": 0.2}
    world.identity = replace(world.identity, off=frozenset({"distress", "emotion.joy", "session.distress_trend"}))
    turn = world.desk.begin(world.request("…", "Yes?", "…"))
    await turn.opening()
    await turn.end(Reply(0, "I see.", "I see.", "stop"))
    await turn.settle()
    turn.close(Delivered.WHOLE)
    await finish(world)
    entry = world.records.enqueued[-1]
    assert entry.user is not None
    assert [entry.user.get(name).tier for name in ("distress", "emotion.joy")] == [Tier.OFF, Tier.OFF]
    assert entry.user.value("risk.suicide") == 0.2
    assert (entry.session_signals["session.state"], entry.session_signals["session.distress_trend"]) == ("steady", None)
    (row,) = world.records.sessions.values()
    assert row.state is not None
    assert "distress" not in row.state["trend"]


async def test_a_policy_forbids_as_a_tenant_does(world: World) -> None:
    world.scorer.says["…"] = {"emotion.joy": 0.9, "distress": 0.9}
    active = world.room.policy()
    world.room.policy = lambda: replace(active, off=frozenset({"emotion.joy"}))
    turn = world.desk.begin(world.request("…"))
    await turn.opening()
    turn.close(Delivered.NONE)
    await finish(world)
    user = world.records.enqueued[-1].user
    assert user is not None
    assert (user.get("emotion.joy").tier, user.value("distress")) == (Tier.OFF, 0.9)


async def test_a_plan_is_recorded_before_anything_is_said_and_completed(world: World) -> None:
    world.scorer.says["…"] = PLAN
    turn = world.desk.begin(world.request("…"))
    opening = await turn.opening()
    assert opening.action is Action.COMPLETE
    assert opening.completion is not None
    assert "988" in opening.completion
    assert len(world.records.committed) == 1
    case = world.records.committed[0].case
    assert case is not None
    assert (case.severity, case.to) == (3, "crisis-team")
    await turn.settle()
    turn.close(Delivered.WHOLE)
    await finish(world)
    assert world.records.enqueued[-1].referral is not None


async def test_a_disclosure_is_handed_over_before_its_reply_and_is_one_turn(world: World) -> None:
    """A process that dies under the reply takes neither it nor the session's change with it."""
    world.scorer.says["…"] = LOW
    request = world.request("…")
    turn = world.desk.begin(request)
    opening = await turn.opening()
    assert opening.completion is None
    await asyncio.sleep(0)
    assert world.records.committed == []
    (first,) = world.records.enqueued
    assert (first.delivered, first.severity, first.spoken, first.referral) == (Delivered.NONE, 1, {}, None)
    (row,) = world.records.sessions.values()
    assert row.state is not None
    assert (row.state["state"], row.state["turns"]) == ("distressed", 1)
    await turn.end(Reply(0, "I hear you.", "", "stop"))
    await turn.settle()
    turn.close(Delivered.WHOLE)
    await finish(world)
    assert {(entry.turn_id, entry.attempt) for entry in world.records.enqueued} == {(first.turn_id, 1)}
    assert [entry.delivered for entry in world.records.enqueued] == [Delivered.NONE, Delivered.PART, Delivered.WHOLE]
    (row,) = world.records.sessions.values()
    assert row.state is not None
    assert row.state["turns"] == 1
    assert len(row.state["known"]) == 2


async def test_a_first_snapshot_that_is_late_is_left_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked for in its stead where names are not found in time is slower than the reply."""
    named, formed = asyncio.Event(), asyncio.Event()

    class Names:
        async def entities(self, texts: Sequence[str], *, deadline: float) -> list[tuple[Entity, ...]]:
            if texts == ["…"]:
                await named.wait()
            return [() for _ in texts]

    class Forms:
        async def entities(self, texts: Sequence[str], *, deadline: float) -> list[tuple[Entity, ...]]:
            await formed.wait()
            return [() for _ in texts]

    monkeypatch.setattr("guard.turns.redaction.FormsFinder", Forms)
    world.identity = replace(world.identity, store_text=True)
    world.room.finder = Names()
    world.room.settings = load_settings({"score_seconds": 0.01})
    world.scorer.says["…"] = LOW
    turn = world.desk.begin(world.request("…"))
    await turn.opening()
    await asyncio.sleep(0.05)
    assert world.records.enqueued == []
    named.set()
    await turn.end(Reply(0, "I hear you.", "", "stop"))
    await turn.settle()
    formed.set()
    turn.close(Delivered.WHOLE)
    await finish(world)
    assert [entry.delivered for entry in world.records.enqueued] == [Delivered.PART, Delivered.WHOLE]


async def test_a_client_that_goes_away_at_once_changes_nothing_of_it(world: World) -> None:
    world.scorer.says["…"] = PLAN
    turn = world.desk.begin(world.request("…"))
    waiting = asyncio.ensure_future(turn.opening())
    await asyncio.sleep(0)
    waiting.cancel()
    turn.close(Delivered.NONE)
    await finish(world)
    assert world.records.committed[0].case is not None
    entry = world.records.enqueued[-1]
    assert (entry.delivered, entry.severity) == (Delivered.NONE, 3)
    assert entry.referral is None  # what was never said refers nobody


async def test_where_nothing_takes_the_record_the_answer_still_goes_out_with_an_alert(world: World) -> None:
    world.scorer.says["…"] = PLAN
    world.records.full = True
    opening = await world.desk.begin(world.request("…")).opening()
    assert opening.completion is not None
    assert world.records.alerts == ["journal_full"]


async def test_nobody_speculates_on_a_hard_session_an_open_question_or_a_call_with_effects(world: World) -> None:
    assert not await world.desk.begin(world.request("hi", session="effects", effects=True)).speculate()
    world.scorer.says["…"] = IDEATION
    turn = world.desk.begin(world.request("…"))
    await turn.opening()
    await turn.end(Reply(0, "I see. Do you like tea?", "", "stop"))
    await turn.settle()
    turn.close(Delivered.WHOLE)
    await finish(world)
    later = world.desk.begin(world.request("…", "I see.", "tea please"))
    assert not await later.speculate()
    assert (await later.opening()).posture is Posture.WHOLE
    alone = world.request("low", "Are you thinking of killing yourself?", "no", session=None)
    assert not await world.desk.begin(alone).speculate()
    await finish(world)


async def test_a_refusal_after_a_disclosure_is_held_and_completed_as_a_whole(world: World) -> None:
    world.scorer.says |= {
        "…": {"risk.suicide": 0.9},
        "I can't help with that.": {"refusal.any": 0.9, "refusal.abrupt": 0.9},
    }
    turn = world.desk.begin(world.request("…"))
    assert (await turn.opening()).guidance is not None
    assert (await turn.judge(passage("I can't help with that."))).kind is VerdictKind.HOLD
    ending = await turn.end(Reply(0, "I can't help with that.", "", "stop"))
    assert ending.action is Action.COMPLETE
    assert ending.complete is not None
    assert "I can't help with that." not in ending.complete


async def test_our_own_completion_is_never_scored_as_the_chatbot_s(world: World) -> None:
    world.scorer.says["Do it."] = {"harm.encouragement": 0.9}
    turn = world.desk.begin(world.request("hm"))
    verdict = await turn.judge(passage("Do it."))
    assert verdict.kind is VerdictKind.COMPLETE
    asked = len(world.scorer.asked)
    ending = await turn.end(Reply(0, verdict.text, verdict.text, "stop", cut=True))
    assert ending.action is Action.COMPLETE
    assert len(world.scorer.asked) == asked


async def test_the_same_refusal_without_a_disclosure_is_none_of_ours(world: World) -> None:
    world.scorer.says["I can't help with that."] = {"refusal.any": 0.9, "refusal.abrupt": 0.9}
    turn = world.desk.begin(world.request("write my thesis"))
    assert (await turn.judge(passage("I can't help with that."))).kind is VerdictKind.RELEASE
    ending = await turn.end(Reply(0, "I can't help with that.", "I can't help with that.", "stop"))
    assert (ending.complete, ending.append) == (None, None)


async def test_a_sentence_that_holds_on_is_bridged_and_the_rest_stays(world: World) -> None:
    world.scorer.says["Don't leave me."] = GUILT
    turn = world.desk.begin(world.request("good night"))
    assert (await turn.judge(passage("It was a nice evening."))).kind is VerdictKind.RELEASE
    verdict = await turn.judge(passage("Don't leave me.", first=False, before="It was a nice evening."))
    assert verdict.kind is VerdictKind.TRIM
    assert verdict.text
    ending = await turn.end(Reply(0, "It was a nice evening. Don't leave me.", "It was a nice evening.", "stop"))
    assert (ending.action, ending.complete, ending.append) == (Action.TRIM, None, None)


@pytest.mark.parametrize(("released", "where"), [("", "complete"), ("Leaving is all right.", "append")])
async def test_where_nothing_is_left_of_a_reply_a_whole_one_is_said(world: World, released: str, where: str) -> None:
    world.scorer.says["Don't leave me."] = GUILT
    turn = world.desk.begin(world.request("good night"))
    await turn.judge(passage("Don't leave me."))
    ending = await turn.end(Reply(0, "Don't leave me.", released, "stop"))
    assert ending.action is Action.COMPLETE
    text = getattr(ending, where)
    assert text
    assert "This is the safety part of this service." in text
    assert getattr(ending, {"complete": "append", "append": "complete"}[where]) is None


@pytest.mark.parametrize(
    ("user", "withheld", "says"),
    [
        ({}, {"harm.diagnosis": 0.9}, None),  # nothing of risk: no line, no question, no alarm
        ({"risk.self_harm": 0.9}, {"companion.isolation": 0.9}, "988"),
    ],
)
async def test_what_stands_in_for_a_reply_is_as_light_as_the_session(
    world: World, user: dict[str, float], withheld: dict[str, float], says: str | None
) -> None:
    world.scorer.says |= {"…": user, "Bad.": withheld}
    turn = world.desk.begin(world.request("…"))
    await turn.opening()
    assert (await turn.judge(passage("Bad."))).kind is VerdictKind.TRIM
    text = (await turn.end(Reply(0, "Bad.", "", "stop", said=""))).complete
    assert text
    assert ("988" in text) is (says is not None)
    assert says is not None or "?" not in text


async def test_what_is_missing_is_no_zero_and_no_crisis_either(world: World) -> None:
    world.scorer.away = True
    opening = await world.desk.begin(world.request("my cat is grey")).opening()
    assert opening.status is Status.DEGRADED
    assert opening.posture is Posture.WHOLE
    assert opening.completion is None
    assert world.records.alerts == ["detectors_unavailable"]
    assert world.records.committed == []


async def test_a_repeated_request_is_an_attempt_with_the_same_words_and_counts_once(world: World) -> None:
    world.scorer.says["…"] = PLAN
    texts = []
    for _ in range(2):
        turn = world.desk.begin(world.request("…"))
        opening = await turn.opening()
        texts.append(opening.completion)
        await turn.end(Reply(0, opening.completion or "", "", "stop"))
        await turn.settle()
        turn.close(Delivered.WHOLE)
        await finish(world)
    assert texts[0] == texts[1]
    entries = world.records.enqueued
    assert {entry.turn_id for entry in entries} == {entries[0].turn_id}
    assert [entry.attempt for entry in entries] == [1, 2]
    assert [entry.ordinal for entry in entries] == [1, 1]


async def test_turns_that_two_processes_answered_at_once_get_numbers_apart(world: World) -> None:
    other = World()
    for each in (world, other):
        turn = each.desk.begin(each.request("one" if each is world else "two"))
        await turn.opening()
        await turn.end(Reply(0, "Hello.", "Hello.", "stop"))
        await turn.settle()
        turn.close(Delivered.WHOLE)
        await finish(each)
    first, second = world.records.enqueued[-1].session, other.records.enqueued[-1].session
    assert first is not None
    assert second is not None
    one = first.apply(None)
    two = second.apply(one)
    assert (first.ordinal(one), second.ordinal(two)) == (1, 2)
    again = first.apply(two)
    assert (again["turns"], first.ordinal(again)) == (2, None)


@pytest.mark.parametrize(("said", "reason", "answered"), [
    ("…", "content_filter", True),
    ("…", "stop", True),
    ("…", "tool_calls", False),
    ("hello", "content_filter", False),
])  # fmt: skip
async def test_a_reply_without_words_leaves_nobody_in_distress_without_any(
    world: World, said: str, reason: str, answered: bool
) -> None:
    world.scorer.says["…"] = IDEATION
    turn = world.desk.begin(world.request(said))
    assert (await turn.opening()).completion is None
    ending = await turn.end(Reply(0, " \n", "", reason))
    assert (ending.complete is not None) is answered
    assert ending.append is None
    await turn.settle()
    turn.close(Delivered.WHOLE)
    await finish(world)


async def test_a_refusal_after_a_disclosure_is_held_wherever_it_stands(world: World) -> None:
    world.scorer.says |= {"…": IDEATION, "I can't help.": {"refusal.any": 0.9}}
    turn = world.desk.begin(world.request("…"))
    await turn.opening()
    assert (await turn.judge(passage("I can't help.", channel="refusal"))).kind is VerdictKind.HOLD
    await turn.settle()
    turn.close(Delivered.WHOLE)
    await finish(world)


async def test_what_was_added_is_remembered_as_it_was_sent(world: World) -> None:
    """The next request brings it back in its history: it is no branch, and the question in it is still open."""
    world.scorer.says["…"] = IDEATION
    turn = world.desk.begin(world.request("…"))
    await turn.opening()
    ending = await turn.end(Reply(0, "I hear you.", "", "stop"))
    assert ending.append is not None
    await turn.settle()
    turn.close(Delivered.WHOLE)
    await finish(world)
    sent = f"I hear you.\n\n{ending.append}"
    turn = world.desk.begin(world.request("…", sent, "yes"))
    await turn.opening()
    await turn.end(Reply(0, "Thank you.", "", "stop"))
    await turn.settle()
    turn.close(Delivered.WHOLE)
    await finish(world)
    last = world.records.enqueued[-1]
    assert (last.branch, last.replayed) == (False, 0)


async def test_text_is_kept_only_where_the_tenant_keeps_it(world: World) -> None:
    turn = world.desk.begin(world.request("hello there"))
    await turn.opening()
    await turn.end(Reply(0, "Hello.", "", "stop"))
    turn.close(Delivered.WHOLE)
    await finish(world)
    assert world.records.enqueued[-1].text.user == ""


async def said(world: World, *texts: str, **more: object) -> str:
    """What Handrail says in the reply's place to the last of these messages."""
    turn = world.desk.begin(world.request(*texts, **more))
    opening = await turn.opening()
    assert opening.completion is not None
    await turn.end(Reply(0, opening.completion, "", "stop"))
    await turn.settle()
    turn.close(Delivered.WHOLE)
    await finish(world)
    return opening.completion


@pytest.mark.parametrize("session", ["s", None])
async def test_safe_now_is_no_promise_to_call(world: World, session: str | None) -> None:
    world.scorer.says |= {
        "tonight": PLAN | {"risk.suicide_imminent": 0.9},
        "yes i'm safe": {"answer.affirm": 0.9},
    }
    thread = ["tonight"]
    for answer, asks in (("i don't know", "Can you call now?"), ("yes i'm safe", "Are you safe right now?")):
        text = await said(world, *thread, session=session)
        assert text.endswith(asks)
        thread += [text, answer]
    text = await said(world, *thread, session=session)
    assert any(text.startswith(variant.text) for variant in catalog().pools["answer.safe"]), text
    assert text.endswith("?")  # the ladder goes on, as after any yes to being safe


async def test_a_disclosure_after_a_figure_of_speech_gets_its_beat_its_resource_and_its_case(world: World) -> None:
    world.scorer.says |= {"…": IDEATION, "joking": IDEATION | {"context.figurative": 0.9}}
    for text in ("joking", "…"):
        history = ("joking", "I see.") if text == "…" else ()
        turn = world.desk.begin(world.request(*history, text))
        await turn.opening()
        ending = await turn.end(Reply(0, "I see.", "", "stop"))
        await turn.settle()
        turn.close(Delivered.WHOLE)
        await finish(world)
        if text == "joking":
            assert ending.append is None
    assert ending.append is not None
    assert "988" in ending.append
    assert world.records.committed[-1].case is not None


async def test_a_late_yes_to_whether_it_is_safe_to_read_is_met_with_help(world: World) -> None:
    world.scorer.says["…"] = {"abuse.partner": 0.9}
    history: list[str] = []
    endings = []
    for text in ("…", "I don't know", "yes, it's safe"):
        turn = world.desk.begin(world.request(*history, text))
        await turn.opening()
        endings.append((await turn.end(Reply(0, "I believe you.", "", "stop"))).append)
        await turn.settle()
        turn.close(Delivered.WHOLE)
        await finish(world)
        history += [text, f"I believe you. {endings[-1] or ''}".strip()]
    asked, nothing, help_ = endings
    assert asked is not None and "Is it safe to read about this here?" in asked
    assert nothing is None
    assert help_ is not None and contacts_in(help_, "US", shipped())
