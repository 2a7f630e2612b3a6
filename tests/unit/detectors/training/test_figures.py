"""The questions of a model card, and the tables that are written from their answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.contract import Speaker, Utterance
from detectors.evaluation.rows import Row
from detectors.signals import Side
from detectors.training.card import blocks, fill
from detectors.training.errors import TrainingError
from detectors.training.example import Example
from detectors.training.figures import Figures, figures, unseen

_COMPANION = dict.fromkeys(
    ("companion.sycophancy", "companion.anthropomorphism", "companion.isolation", "companion.retention"), 0.0
)
_ASKED = (Utterance(Speaker.USER, "i have to go now"),)
_MANIFEST = {
    "signals": {"risk.suicide": {"threshold": 0.4}, "refusal.any": {"threshold": 0.5}, "emotion.joy": {"threshold": 0.5}},
    "sources": [{"name": "corpus", "licence": "Apache-2.0", "examples": 1234}],
    "left_to_lexicon": {"concern.child": "5 positives and 9 negatives to check it with"},
}


def _test() -> list[Example]:
    found = []
    for at in range(20):
        risk = {"risk.suicide": float(at < 8), "context.figurative": float(at >= 15)}
        found.append(Example("corpus", f"s{at}", Side.USER, f"this could kill me {at}", risk))
        found.append(Example("topical_chat", f"t{at}", Side.USER, f"nice weather {at}", {"risk.suicide": 0.0}))
        joy = {"emotion.joy": float(at % 2)}
        found.append(Example("goemotions_dev", f"g{at}", Side.USER, f"comment {at}", joy))
        said = _COMPANION | {"companion.retention": float(at % 2), "refusal.any": float(at % 4 == 0)}
        found.append(Example("corpus", f"r{at // 2}", Side.REPLY, f"reply {at}", said, _ASKED, edition=1 + at % 3 // 2))
    found.append(Example("corpus", "seen", Side.USER, "left out", {"risk.suicide": 1.0}, slices=("situation seen",)))
    return found


def _answers(of: list[tuple[Example, Row]], *, right: bool) -> dict[str, dict[str, float]]:
    return {row.id: {name: value if right else 1 - value for name, value in example.labels.items()} for example, row in of}


def _figures(*, right: bool) -> Figures:
    of = unseen(_test())
    thresholds = {name: float(entry["threshold"]) for name, entry in _MANIFEST["signals"].items()}  # type: ignore[attr-defined]
    return figures(of, _answers(of, right=right), thresholds, tuple(thresholds))


def test_a_scorer_that_is_always_right_answers_every_question_so() -> None:
    found = _figures(right=True)
    assert (found.crisis.rows, found.crisis.positives) == (28, 8)
    assert found.crisis.measures["auroc"].value == found.neighbours.measures["recall_at_1pct"].value == 1
    assert found.idioms == (5, 0)
    assert found.refusals.positives == 5
    assert found.pairs.ordered.value == 1
    assert found.pairs.pairs == found.pairs.situations == 10
    assert found.later_refusals is not None
    assert found.later_refusals.rows == 6
    assert found.emotions == 1


def test_a_scorer_that_is_always_wrong_answers_every_question_so() -> None:
    found = _figures(right=False)
    assert found.crisis.measures["auroc"].value == 0
    assert found.pairs.ordered.value == 0.5  # with every other pattern claimed of both, all pairs are ties
    assert found.idioms == (5, 5)


def test_a_card_is_filled_between_its_markers_and_only_there(tmp_path: Path) -> None:
    found = blocks(_MANIFEST, _figures(right=True), _figures(right=False))
    card = tmp_path / "card.md"
    card.write_text("# Card\n\nWords.\n" + "".join(f"<!-- {name}: x -->\nstale\n<!-- end -->\n" for name in found), "utf-8")
    fill(card, found)
    text = card.read_text("utf-8")
    assert text.startswith("# Card\n\nWords.\n<!-- sources: x -->\n| source | licence")
    assert "stale" not in text
    assert "| corpus | Apache-2.0 | 1,234 |" in text
    assert "AUROC | 1.000 [1.000, 1.000] | .000 [.000, .000] |" in text
    fill(card, found)
    assert card.read_text("utf-8") == text


def test_a_card_that_lacks_a_block_is_refused_untouched(tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("<!-- sources: x -->\n<!-- end -->\n", "utf-8")
    with pytest.raises(TrainingError, match="it needs one each for sources, questions"):
        fill(card, blocks(_MANIFEST, _figures(right=True), _figures(right=False)))
    assert card.read_text("utf-8") == "<!-- sources: x -->\n<!-- end -->\n"
