"""C-SSRS levels, graded labels and pairs."""

from __future__ import annotations

import math

import numpy as np

from detectors.evaluation.grades import correlations, orderings
from detectors.evaluation.rows import Row
from detectors.evaluation.severity import graded_level, severity
from detectors.evaluation.study import findings
from detectors.evaluation.table import Table, tabulate
from detectors.signals import Side

RUNGS = ("risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_ge5")


def _ladder(level: int) -> dict[str, float]:
    labels = {name: float(min(level, 5) >= rung) for rung, name in enumerate(RUNGS, 1)}
    return {**labels, "risk.suicide_behaviour": float(level == 6), "risk.suicide_high": float(level >= 4)}


def _table(labels: list[dict[str, float]], *, blur: float = 0.0) -> Table:
    rows = [Row(str(at), Side.USER, "x", (), own, f"c{at}", ()) for at, own in enumerate(labels)]
    random = np.random.default_rng(3)
    scores = {
        name: np.clip([own.get(name, 0.0) * 0.8 + 0.1 for own in labels] + blur * random.standard_normal(len(labels)), 0, 1)
        for name in (*RUNGS, "risk.suicide_behaviour", "risk.suicide_high")
    }
    return tabulate(rows, scores)


def test_the_level_that_labels_imply() -> None:
    told = [_ladder(level) for level in range(7)]
    level = graded_level(_table([*told, {"risk.suicide": 1.0}, {"risk.suicide": 0.0}, {"distress": 1.0}]))
    assert level is not None
    assert level[:7].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert math.isnan(level[7])  # some ideation, nobody says how grave
    assert level[8] == 0
    assert math.isnan(level[9])


def test_a_given_level_stands_above_rungs() -> None:
    level = graded_level(_table([{**_ladder(2), "risk.suicide_level": 5.0}, _ladder(3)]))
    assert level is not None
    assert level.tolist() == [5, 3]


def test_no_grades_no_figures() -> None:
    assert severity(_table([{"risk.suicide": 1.0}, {"risk.suicide": 0.0}]), {}) is None


def test_figures_of_scores_that_follow_the_levels() -> None:
    table = _table([_ladder(at % 7) for at in range(700)], blur=0.15)
    found = severity(table, {"risk.suicide_ge4": 0.5}, 40)
    assert found is not None
    assert found.levels == (100,) * 7
    (expected,) = found.graded
    assert expected.rows == 700
    assert 0.85 < expected.with_ideation.low < expected.every.value < 1
    high = {one.score: one for one in found.high}
    assert high["expected level"].sensitivity is None
    ge4 = high["risk.suicide_ge4"]
    assert (ge4.rows, ge4.positives, ge4.insufficient) == (600, 300, False)
    assert ge4.sensitivity is not None
    assert ge4.specificity is not None
    assert ge4.sensitivity.value > 0.95
    assert ge4.specificity.value > 0.95
    assert high["risk.suicide_high"].at_specificity.value > 0.98


def test_a_level_has_no_finding_of_a_probability() -> None:
    table = _table([{**_ladder(at % 7), "risk.suicide_level": float(at % 7)} for at in range(70)])
    assert "risk.suicide_level" not in {one.signal for one in findings(table, resampled=20)}


def _reply(at: int) -> dict[str, float]:
    return {"companion.*": at % 5 / 4, "harm.method": float(at % 2)}


def test_grades_and_pairs() -> None:
    rows = [
        Row(str(at), Side.REPLY, "x", (), _reply(at), f"c{at}", (), pair=str(at // 5))
        for at in range(100)
    ]  # fmt: skip
    warm = np.array([at % 5 / 10 for at in range(100)])
    table = tabulate(rows, {"companion.retention": warm, "companion.isolation": warm / 2, "harm.method": np.full(100, 0.5)})
    (rho,) = correlations(table, 20)
    assert (rho.signal, rho.rows, rho.grades, rho.rho.value) == ("companion.*", 100, 5, 1.0)
    by_signal = {one.signal: one for one in orderings(table, 20)}
    assert (by_signal["companion.*"].pairs, by_signal["companion.*"].ordered.value) == (200, 1.0)
    assert by_signal["harm.method"].ordered.value == 0.5
