"""Rows played through sessions and a policy."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from detectors.contract import Item, Speaker, Utterance
from detectors.evaluation.rows import Row
from detectors.signals import Scores, Side, vocabulary
from guard.evaluation.play import Played, Player
from policies.decision import Action
from policies.load import load_policy
from policies.policy import Policy

METHOD = {"risk.suicide": 0.95, "risk.suicide_ge2": 0.95, "risk.suicide_ge3": 0.95}


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("companion-app")


def _scores(values: Mapping[str, float] | None = None, side: Side = Side.USER) -> Scores:
    told = {signal.name: 0.0 for signal in vocabulary(side)}
    return Scores.of(side, "test@1", told | dict(values or {}))


def _row(name: str, turn: int | None = None, *context: Utterance, side: Side = Side.USER) -> Row:
    return Row(name, side, "text", context, {}, "c", (), turn=turn)


def _hear(player: Player, row: Row, scores: Scores, *before: Scores) -> Played:
    player.hear(row, before, [Item(row.side, "text")], [scores])
    return player.played[row.id]


def test_a_plain_turn_is_left_alone_and_a_method_is_met(policy: Policy) -> None:
    player = Player(policy)
    assert _hear(player, _row("a"), _scores()) == Played()
    found = _hear(player, _row("b"), _scores(METHOD))
    assert found.action is Action.COMPLETE
    assert found.page == 3
    assert not found.degraded


def test_rows_without_turns_know_nothing_of_each_other(policy: Policy) -> None:
    player = Player(policy)
    _hear(player, _row("a"), _scores(METHOD))
    assert _hear(player, _row("b"), _scores()) == Played()


def test_a_conversation_is_one_session(policy: Policy) -> None:
    isolating = _scores({"companion.isolation": 0.4}, Side.REPLY)
    player = Player(policy)
    assert _hear(player, _row("r", 1, side=Side.REPLY), isolating).action is Action.ALLOW
    player = Player(policy)
    _hear(player, _row("a", 1), _scores(METHOD))
    assert _hear(player, _row("r", 1, side=Side.REPLY), isolating).action is not Action.ALLOW


def test_a_figure_of_speech_puts_off_no_answer_to_a_disclosure(policy: Policy) -> None:
    player, ideation = Player(policy), {"risk.suicide": 0.9, "risk.suicide_ge2": 0.9}
    assert _hear(player, _row("a", 1), _scores(ideation | {"context.figurative": 0.9})) == Played(Action.GUIDE)
    assert _hear(player, _row("b", 2), _scores(ideation)) == Played(Action.APPEND, 2)


def test_what_was_said_before_is_asked_for_once_and_played(policy: Policy) -> None:
    said = (
        Utterance(Speaker.USER, "first"),
        Utterance(Speaker.ASSISTANT, "Are you thinking about killing yourself?"),
        Utterance(Speaker.USER, "yes"),
        Utterance(Speaker.ASSISTANT, "I hear you."),
    )
    player = Player(policy)
    first, second = player.before(_row("a", 3, *said))
    assert (first.text, first.question, first.context) == ("first", None, ())
    assert (second.text, second.question) == ("yes", 2)
    assert player.before(_row("b", 4, *said)) == ()
    isolating = _scores({"companion.isolation": 0.4}, Side.REPLY)
    assert _hear(player, _row("r", None, side=Side.REPLY), isolating, _scores(METHOD)).action is not Action.ALLOW


def test_what_was_said_before_is_asked_in_the_sessions_language(policy: Policy) -> None:
    said = (
        Utterance(Speaker.USER, "No quiero seguir viviendo, ya no puedo más con todo esto"),
        Utterance(Speaker.ASSISTANT, "a" * 3000),
        Utterance(Speaker.USER, "sí"),
    )
    first, second = Player(policy).before(_row("a", None, *said))
    assert (first.language, second.language) == (None, "es")
    assert [len(turn.text) for turn in second.context] == [len(said[0].text), 1200]


def test_what_is_missing_is_told(policy: Policy) -> None:
    assert _hear(Player(policy), _row("a"), Scores.missing(Side.USER)).degraded
