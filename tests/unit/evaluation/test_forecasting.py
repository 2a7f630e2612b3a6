"""What is fitted, and what the corpus's talks come to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from detectors.contract import Item, Speaker
from detectors.corpus.labels import labels_of, marks_of, spoken_of
from detectors.corpus.scenes import Scene, SceneTurn
from detectors.scorer.tiers import Tiered
from detectors.signals import Scores, Side, Tier
from guard.evaluation.forecasting import Moment, fit, moments
from guard.turns.forecast import FEATURES


class _Asked:
    """Says .5 of everything, and remembers what it was asked."""

    model = "test@1"

    def __init__(self) -> None:
        self.items: list[Item] = []

    def score(self, batch: Sequence[Item]) -> list[Tiered]:
        self.items += batch
        scores = Scores.of(Side.USER, self.model, {"distress": 0.5, "risk.suicide": 0.5}, tier=Tier.FULL)
        return [Tiered(scores, settled=True) for _ in batch]


def _scene(*marks: str) -> Scene:
    spoken = spoken_of(Side.USER, ("risk.*",))
    turns: list[SceneTurn] = []
    for at, own in enumerate(marks):
        turns.append(SceneTurn(Speaker.USER, f"said {at}", labels_of(marks_of(own, Side.USER), Side.USER, spoken), at))
        turns.append(SceneTurn(Speaker.ASSISTANT, "I see.", None, at))
    return Scene("one", "voice", "manner", ("slow",), tuple(turns[:-1]), "file", 1)


@pytest.mark.parametrize(
    ("marks", "worse"),
    [
        (["distress=.2"] * 5, [False, False]),
        (["distress=.2", "distress=.2", "distress=.4", "distress=.9"], [False]),  # distress alone
        (["distress=.2"] * 4 + ["distress=.2, level=2"], [False, True]),  # three turns, and no more
        (["distress=.9, level=4"] * 4, [True]),  # as grave as before
        (["distress=.9, level=4", "distress=.8", "distress=.3", "distress=.2"], [False]),  # it eases
        (["distress=.9", "distress=.9", "distress=.9, level=1", "distress=.9"], [False]),  # a wish alone calls for less
        (["distress=.9, level=4"] * 3, []),  # three turns do not follow
    ],
)
def test_what_counts_as_worse(marks: list[str], worse: list[bool]) -> None:
    assert [one.worse for one in moments([_scene(*marks)], _Asked())] == worse


def test_a_turn_is_read_with_what_came_before_it() -> None:
    asked = _Asked()
    list(moments([_scene("distress=.2", "distress=.2")], asked))  # read, though too little follows for a moment
    assert [(item.text, [turn.text for turn in item.context]) for item in asked.items] == [
        ("said 0", []),
        ("said 1", ["said 0", "I see."]),
    ]


def test_the_regression_finds_the_odds_that_made_its_data() -> None:
    random = np.random.default_rng(3)
    known = random.random((6_000, len(FEATURES)))
    truth = np.linspace(-2, 2, len(FEATURES))
    worse = random.random(len(known)) < 1 / (1 + np.exp(-(known @ truth - 0.5)))
    of = [
        Moment(f"{at // 6}", tuple(row), 0.0, bool(is_worse))
        for at, (row, is_worse) in enumerate(zip(known, worse, strict=True))
    ]
    fitted = fit(of)
    assert np.abs(fitted.weights - truth).max() < 0.5
    assert abs(fitted(known).mean() - worse.mean()) < 0.01
