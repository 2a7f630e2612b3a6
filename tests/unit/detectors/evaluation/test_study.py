"""Findings by signal and slice, and intervals."""

from __future__ import annotations

import math

import pytest

from detectors.evaluation.intervals import resamples
from detectors.evaluation.macro import cross_fitted_macro_f1
from detectors.evaluation.rates import among_a_million
from detectors.evaluation.rows import Row
from detectors.evaluation.study import ALL, study
from detectors.signals import Side

SIGNAL = "risk.suicide"


def _rows(count: int, *, per: int = 1) -> list[Row]:
    return [
        Row(str(at), Side.USER, "text", (), {SIGNAL: float(at % 2)}, f"c{at // per}", ("odd" if at % 2 else "even",))
        for at in range(count)
    ]


def test_findings_by_slice() -> None:
    rows = _rows(200)
    scores = {row.id: {SIGNAL: 0.8 if row.labels[SIGNAL] else 0.2} for row in rows[:-4]}
    every, *slices = study(rows, scores, {SIGNAL: 0.5})
    assert every.slice == ALL
    assert (every.rows, every.positives, every.missing) == (196, 98, 4)
    assert not every.insufficient
    assert every.measures["auroc"].value == 1.0
    assert every.recall is not None
    assert every.recall.value == 1.0
    assert every.false_positives is not None
    assert every.false_positives.value == 0.0
    assert 3 / 98 < every.false_positives.high < 4 / 98  # none of 98
    assert {found.slice for found in slices} == {"odd", "even"}
    assert all(math.isnan(found.measures["auroc"].value) for found in slices)


def test_few_positives_are_insufficient() -> None:
    rows = _rows(20)
    (found, *_) = study(rows, {row.id: {SIGNAL: 0.5} for row in rows})
    assert found.insufficient
    assert found.measures["auroc"].value == 0.5


def test_conversations_are_drawn_whole() -> None:
    rows = _rows(40, per=4)
    for weights in resamples([row.conversation for row in rows], 20):
        assert all(len(set(weights[at : at + 4])) == 1 for at in range(0, 40, 4))
        assert weights.sum() == 40


def test_clusters_widen_the_interval() -> None:
    def width(per: int) -> float:
        rows = [Row(str(at), Side.USER, "x", (), {SIGNAL: float((at // 10) % 2)}, f"c{at // per}", ()) for at in range(400)]
        scores = {str(at): {SIGNAL: ((at // 10) * 37 % 40) / 40} for at in range(400)}
        found = study(rows, scores)[0].measures["auroc"]
        return found.high - found.low

    assert width(10) > width(1)


def test_one_conversation_has_no_interval() -> None:
    rows = _rows(200, per=200)
    found, *_ = study(rows, {row.id: {SIGNAL: 0.8 if row.labels[SIGNAL] else 0.2} for row in rows}, {SIGNAL: 0.5})
    assert found.recall is not None
    assert found.false_positives is not None
    for one in (found.measures["auroc"], found.recall, found.false_positives):
        assert one.value in (0.0, 1.0)
        assert math.isnan(one.low)
        assert math.isnan(one.high)


def test_a_million_turns() -> None:
    rates = among_a_million(0.001, 0.8, 0.01)
    assert rates.there == pytest.approx(1000)
    assert rates.found == pytest.approx(800)
    assert rates.false_alerts == pytest.approx(9990)
    assert rates.precision == pytest.approx(800 / 10790)
    with pytest.raises(ValueError, match="no share"):
        among_a_million(2, 0.5, 0.5)


def test_macro_f1_of_perfect_and_of_blind_scores() -> None:
    rows = _rows(100)
    assert cross_fitted_macro_f1(rows, {row.id: {SIGNAL: row.labels[SIGNAL]} for row in rows}, [SIGNAL])[0] == 1.0
    blind, each = cross_fitted_macro_f1(rows, {row.id: {SIGNAL: 0.5} for row in rows}, [SIGNAL])
    assert blind == each[SIGNAL] < 0.7
