"""How far two readers agree: against worked examples, and where nothing can be said."""

from __future__ import annotations

import math
from collections import Counter
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.signals import Scores, Side, Tier
from guard.opinion.agreement import ENOUGH, Agreement, Pair, agreement, kappa, pairs
from guard.opinion.rubric import RUBRICS
from guard.telemetry.metrics import OPINION_AGREEMENTS

_USER = RUBRICS[Side.USER]


def _pairs(both: int, scored_only: int, second_only: int, neither: int, unsure: int = 0) -> list[Pair]:
    cells = [(True, True, both), (True, False, scored_only), (False, True, second_only), (False, False, neither)]
    rows = [(a, b) for a, b, count in cells for _ in range(count)]
    found = [Pair("risk.suicide", a, b, UUID(int=at)) for at, (a, b) in enumerate(rows)]
    return found + [Pair("risk.suicide", True, None, UUID(int=9999 + at)) for at in range(unsure)]


def _one(found: list[Pair]) -> Agreement:
    (row,) = agreement(found)
    return row


def test_kappa_as_in_the_textbook() -> None:
    """50 of which 20 both yes, 5 and 10 one of both, 15 both no: 0.4 (Cohen 1960)."""
    row = _one(_pairs(20, 5, 10, 15, unsure=3))
    assert (row.n, row.unsure, row.share) == (50, 3, 0.7)
    assert row.kappa is not None
    assert row.kappa.value == pytest.approx(0.4)
    assert row.kappa.low < 0.4 < row.kappa.high
    assert row.kappa.low > 0, "an interval of fifty turns"


def test_a_pair_has_the_word_under_which_it_is_counted() -> None:
    cells = {"both": 1, "scored_only": 2, "second_only": 3, "neither": 4, "unsure": 5}
    found = _pairs(**cells)
    assert Counter(pair.word for pair in found) == cells
    row = _one(found)
    assert {word: getattr(row, word) for word in cells} == cells
    assert set(cells) == set(OPINION_AGREEMENTS)


def test_few_turns_and_one_sided_answers_have_no_kappa() -> None:
    assert _one(_pairs(5, 2, 2, ENOUGH - 10)).kappa is None
    assert _one(_pairs(0, 0, 0, 100)).kappa is None
    assert _one(_pairs(0, 0, 20, 80)).kappa is None


def test_unsure_alone_is_nothing() -> None:
    row = _one(_pairs(0, 0, 0, 0, unsure=30))
    assert (row.n, row.unsure, row.kappa) == (0, 30, None)
    assert math.isnan(row.share)


def test_turns_of_one_conversation_are_drawn_together() -> None:
    apart = _pairs(20, 5, 10, 15)
    together = [Pair(row.signal, row.scored, row.second, UUID(int=at // 10)) for at, row in enumerate(apart)]
    wide, narrow = _one(together).kappa, _one(apart).kappa
    assert wide is not None
    assert narrow is not None
    assert wide.value == narrow.value
    assert wide.high - wide.low > narrow.high - narrow.low


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_kappa_is_symmetrical_and_at_most_one(rows: list[tuple[bool, bool]]) -> None:
    a, b = np.array(rows, dtype=np.float64).T
    found = kappa(a, b)
    assert math.isnan(found) or -1 - 1e-9 <= found <= 1 + 1e-9
    assert found == pytest.approx(kappa(b, a), nan_ok=True)
    if (a == b).all() and 0 < a.sum() < len(a):
        assert found == pytest.approx(1.0)


def test_pairs_are_of_what_both_answered() -> None:
    labels = {label.name: 0 if label.values[0] == 0 else "no" for label in _USER.labels} | {"ideation": 2, "past": "unsure"}
    scores = Scores.of(
        Side.USER, "m@1", {"risk.suicide": 0.2, "risk.suicide_ge2": 0.05, "context.past": 0.9, "risk.self_harm": 0.3}
    )
    full = Scores.of(Side.USER, "m@1", {"risk.suicide": 0.2, "risk.suicide_ge2": 0.05}, tier=Tier.FULL)
    found = {pair.signal: (pair.scored, pair.second) for pair in pairs(_USER, labels, scores, {}, UUID(int=1))}
    assert found == {
        "risk.suicide": (False, True),
        "risk.suicide_ge2": (False, True),
        "context.past": (True, None),
        "risk.self_harm": (False, False),
    }
    thresholds = {"risk.suicide": 0.1}
    found = {pair.signal: (pair.scored, pair.second) for pair in pairs(_USER, labels, full, thresholds, UUID(int=1))}
    assert found == {"risk.suicide": (True, True)}, "what has no threshold of this model is left out"
