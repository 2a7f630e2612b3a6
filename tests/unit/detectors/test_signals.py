"""The vocabulary is permanent: what is released never changes its name, id or place."""

from __future__ import annotations

import hashlib
import math

import pytest

from detectors.signals import (
    BY_ID,
    SIGNALS,
    VOCABULARY_VERSION,
    Kind,
    Score,
    Scores,
    Side,
    Tier,
    position,
    vocabulary,
)


def test_version_1_is_frozen() -> None:
    rows = "\n".join(f"{signal.id} {signal.name} {signal.side} {signal.kind}" for signal in BY_ID.values())
    assert VOCABULARY_VERSION == 1
    assert hashlib.sha256(rows.encode()).hexdigest() == "219c5f07dbe373cfecab0167df116d2a35c79af6f25dbad9f02adfbf94a1da7c"


def test_ids_and_names_are_one_to_one() -> None:
    assert len(BY_ID) == len(SIGNALS)
    assert list(BY_ID) == sorted(BY_ID)


def test_no_name_is_a_prefix_of_another() -> None:
    for name in SIGNALS:
        assert not any(other.startswith(name + ".") for other in SIGNALS)


def test_only_the_level_is_no_probability_on_the_user_side() -> None:
    odd = [signal.name for signal in vocabulary(Side.USER) if signal.kind is not Kind.PROBABILITY]
    assert odd == ["risk.suicide_level"]


@pytest.mark.parametrize("side", list(Side))
def test_positions_follow_the_vocabulary(side: Side) -> None:
    for at, signal in enumerate(vocabulary(side)):
        assert position(side)[signal.name] == at


def test_missing_is_not_zero() -> None:
    scores = Scores.of(Side.USER, "test@1", {"risk.suicide": 0.0})
    assert scores.value("risk.suicide") == 0.0
    assert scores.value("risk.self_harm") is None
    assert scores.get("risk.self_harm") == Score(None, Tier.MISSING)
    assert math.isnan(scores.values[position(Side.USER)["risk.self_harm"]])
    assert dict(scores.answered()) == {"risk.suicide": 0.0}


def test_what_is_off_leaves_nothing_behind() -> None:
    spans, tags = {"risk.suicide": (0, 3), "distress": (4, 9)}, {"distress": "much"}
    scores = Scores.of(Side.USER, "test@1", {"risk.suicide": 0.2, "distress": 0.7}, spans=spans, tags=tags)
    without = scores.without({"distress", "refusal.any", "emotion.joy"})
    assert without.get("distress") == without.get("emotion.joy") == Score(None, Tier.OFF)
    assert math.isnan(without.values[position(Side.USER)["distress"]])
    assert (without.spans, without.tags) == ({"risk.suicide": (0, 3)}, {})
    assert without.get("risk.suicide") == scores.get("risk.suicide")
    assert scores.without(()) is scores.without({"refusal.any"}) is scores


def test_scores_say_where_they_rest() -> None:
    scores = Scores.of(
        Side.USER,
        "test@1",
        {"risk.suicide_behaviour": 0.9},
        spans={"risk.suicide_behaviour": (3, 9)},
        tags={"risk.suicide_behaviour": "month"},
    )
    assert scores.get("risk.suicide_behaviour") == Score(0.9, Tier.LEXICON, (3, 9), "month")


def test_a_name_of_the_other_side_is_refused() -> None:
    with pytest.raises(KeyError):
        Scores.of(Side.REPLY, "test@1", {"risk.suicide": 0.5})
    assert Scores.missing(Side.REPLY).get("risk.suicide").tier is Tier.MISSING


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="need 126 values"):
        Scores(Side.USER, "test@1", (0.0,), b"\x02")
