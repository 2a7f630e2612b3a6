"""What of a turn the demo shows."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from guard.demo.play import Gateway, GatewayAway, Scene, play
from guard.demo.script import Conversation, Step, load
from guard.demo.stage import PlainStage, Reading, TerminalStage

STEP = Step("i should log off", "That was fun. Please stay with me.", "Sleep well.")
TALK = Conversation("leaving", "A title", "What it shows.", "demo-companion", (STEP,))


def record(**more: Any) -> dict[str, Any]:
    """A record as the gateway gives it."""
    base: dict[str, Any] = {
        "action": "trim",
        "status": "degraded",
        "delivered": "whole",
        "case": None,
        "signals": {
            "companion.retention": {"value": 0.9, "tier": "lexicon", "span": [0, 4]},
            "companion.sycophancy": {"value": None, "tier": "missing", "span": None},
            "distress": {"value": 0.05, "tier": "lexicon", "span": None},
            "risk.suicide_level": {"value": 3.2, "tier": "lexicon", "span": None},
            "session.state": {"value": "elevated", "tier": "full", "span": None},
            "session.minutes": {"value": 0.5, "tier": "full", "span": None},
        },
        "rules": [
            {"id": "retention-any", "severity": 1, "outcome": "fired", "by": None},
            {"id": "long-evening", "severity": 0, "outcome": "suppressed", "by": "elevated"},
            {"id": "needs-model", "severity": 0, "outcome": "missing", "by": None},
        ],
        "referrals": [{"resources": ["us/one", "us/two"]}],
    }
    return {**base, **more}


def test_a_reading_has_the_highest_scores_the_state_and_the_rules() -> None:
    """No session numbers among the scores, nothing that is missing, nothing that is low, no level out of range."""
    read = Reading(record())
    assert read.signals == (("companion.retention", 0.9),)
    assert (read.state, read.action, read.severity) == ("elevated", "trim", 1)
    assert (read.fired, read.suppressed) == ((("retention-any", 1),), (("long-evening", "elevated"),))
    assert read.referrals == ("us/one", "us/two")


def test_an_empty_record_is_shown_as_unrecorded() -> None:
    """A turn whose record did not come in time does not break the play."""
    assert Reading({}).action == "unrecorded"


def test_a_scene_knows_what_was_held_back_and_what_was_added() -> None:
    """Sentence by sentence, whatever the quotes and spaces."""
    scene = Scene(STEP, "That  was fun.  Take care of yourself.", STEP.reply, {})
    assert scene.withheld == ("Please stay with me.",)
    assert scene.added == ("Take care of yourself.",)
    assert Scene(STEP, STEP.reply, STEP.reply, {}).withheld == ()


@pytest.mark.parametrize("stage", [PlainStage, TerminalStage])
def test_both_stages_show_person_reply_action_rules_and_what_was_held_back(stage: type[PlainStage | TerminalStage]) -> None:
    """On a terminal and in a log alike."""
    out = io.StringIO()
    shown = stage(Console(file=out, width=120, force_terminal=stage is TerminalStage, color_system=None))
    shown.opens(TALK)
    shown.says(STEP)
    shown.hears("That was fun.")
    shown.scene(Scene(STEP, "That was fun. Take care.", STEP.reply, record(case="7")))
    shown.closes(TALK)
    text = out.getvalue()
    for part in ("A title", "i should log off", "That was fun.", "Take care.", "Please stay with me.", "trim", "elevated"):
        assert part in text
    for part in ("retention-any", "companion.retention", "long-evening", "us/one", "case"):
        assert part in text


def test_a_gateway_that_is_not_there_is_a_sentence_with_what_to_do() -> None:
    """Nothing listens on port 9 of this machine."""
    stage = PlainStage(Console(file=io.StringIO()))
    with pytest.raises(GatewayAway, match="make up"):
        play(Gateway("http://127.0.0.1:9", "hr_none"), stage, "everyday")
    with pytest.raises(GatewayAway, match="there are: everyday, rising, disclosure, leaving, refusal"):
        play(Gateway("http://127.0.0.1:9", "hr_none"), stage, "nothing")


def test_the_five_conversations_are_there_and_each_line_is_said_once() -> None:
    """Two turns with the same words would get each other's answers."""
    talks = load().conversations
    assert [talk.id for talk in talks] == ["everyday", "rising", "disclosure", "leaving", "refusal"]
    assert [len(talk.steps) for talk in talks][1] == 10
    said = [(talk.model, step.say) for talk in talks for step in talk.steps]
    assert len(set(said)) == len(said)
