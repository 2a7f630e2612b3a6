"""Two models side by side: differences, verdicts, McNemar's counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.evaluation.comparison import Verdict, compare, overall
from detectors.evaluation.measures import Vector
from detectors.evaluation.rows import Row
from detectors.evaluation.study import ALL
from detectors.evaluation.table import Table, tabulate
from detectors.signals import Side

SIGNAL = "risk.suicide"
COUNT = 4000


def _tables(*scores: Vector, positives: int = 400) -> list[Table]:
    rows = [
        Row(str(at), Side.USER, "x", (), {SIGNAL: float(at < positives)}, f"c{at}", ("even",) if at % 2 else ("odd",))
        for at in range(COUNT)
    ]
    return [tabulate(rows, {SIGNAL: own}) for own in scores]


def _good(positives: int = 400, noise: float = 0.2) -> Vector:
    random = np.random.default_rng(7)
    return np.clip((np.arange(COUNT) < positives) * 0.5 + 0.2 + noise * random.standard_normal(COUNT), 0, 1)


def test_a_model_is_no_worse_than_itself() -> None:
    good, again = _tables(_good(), _good())
    found = compare(good, again, resampled=40)
    every = next(one for one in found if one.slice == ALL)
    assert every.verdict is Verdict.NO_WORSE
    assert every.differences["auroc"].high == 0.0
    assert overall(found) is Verdict.NO_WORSE
    assert {one.slice for one in found} == {ALL, "odd", "even"}
    assert all(point.found.exact == 1.0 for point in every.points)


def test_a_worse_model_is_seen_and_what_it_lost_is_named() -> None:
    good, poor = _tables(_good(noise=0.1), _good(noise=0.5))
    found = compare(poor, good, ({SIGNAL: 0.5}, {SIGNAL: 0.5}), resampled=60)
    every = next(one for one in found if one.slice == ALL)
    assert every.verdict is Verdict.WORSE
    assert every.verdicts["recall_at_1pct"] is Verdict.WORSE
    own, rate = every.points
    assert own.at == "each model's threshold"
    assert own.found.second_only > own.found.first_only
    assert own.found.mid < own.found.exact < 0.001
    assert 0 < len(own.lost) <= 50
    assert set(own.lost) <= {str(at) for at in range(400)}
    assert rate.thresholds[0] > rate.thresholds[1]
    better = compare(good, poor, resampled=60)
    assert overall(better) is Verdict.NO_WORSE


@pytest.mark.parametrize(("positives", "why"), [(20, "fewer than 50 positives"), (0, "no positives")])
def test_few_positives_pass_no_gate(positives: int, why: str) -> None:
    scores = _good(positives)
    first, second = _tables(scores, scores, positives=positives)
    every = next(one for one in compare(first, second, resampled=20) if one.slice == ALL)
    assert (every.verdict, every.why) == (Verdict.UNDECIDED, why)
    assert overall([every]) is Verdict.UNDECIDED


def test_few_positives_hold_up_others_only_where_they_are_required() -> None:
    many, _ = _tables(_good(), _good())
    enough = next(one for one in compare(many, many, resampled=20) if one.slice == ALL)
    few = replace(enough, signal="risk.mania", insufficient=True, verdict=Verdict.UNDECIDED)
    assert overall([enough, few]) is Verdict.NO_WORSE
    assert overall([enough, few], ["risk.mania"]) is Verdict.UNDECIDED
    assert overall([enough, replace(few, verdict=Verdict.WORSE)]) is Verdict.WORSE


@pytest.mark.parametrize(("alone", "why"), [(0, "all negatives"), (1, "all positives"), (None, "all positives")])
def test_one_conversation_passes_no_gate_and_fails_none(alone: int | None, why: str) -> None:
    rows = [
        Row(str(at), Side.USER, "x", (), {SIGNAL: float(at < 400)}, "c" if alone in (None, int(at < 400)) else f"c{at}", ())
        for at in range(COUNT)
    ]
    good, poor = (tabulate(rows, {SIGNAL: _good(noise=noise)}) for noise in (0.1, 0.5))
    for first, second in ((good, good), (good, poor), (poor, good)):
        (every,) = compare(first, second, resampled=20)
        assert (every.verdict, every.why) == (Verdict.UNDECIDED, f"{why} are of one conversation")
        assert overall([every]) is Verdict.UNDECIDED
        assert not np.isnan(every.differences["auroc"].value)
        assert np.isnan(every.differences["auroc"].low) == (alone is None)


def test_few_negatives_decide_no_low_rate() -> None:
    first, second = _tables(_good(3800), _good(3800), positives=3800)
    every = next(one for one in compare(first, second, resampled=20) if one.slice == ALL)
    assert set(every.verdicts) == {"auroc"}
    assert overall([every]) is Verdict.NO_WORSE


def test_only_rows_that_both_scored_are_compared() -> None:
    half = np.where(np.arange(COUNT) % 2 == 0, _good(), np.nan)
    first, second = _tables(_good(), half)
    every = next(one for one in compare(first, second, resampled=20) if one.slice == ALL)
    assert every.rows == COUNT // 2
    assert every.differences["auroc"].value == 0.0


@pytest.mark.parametrize("silent", [30, COUNT])
def test_silence_passes_no_gate(silent: int) -> None:
    good, poor = _tables(_good(), np.where(np.arange(COUNT) < silent, np.nan, _good()))
    every = next(one for one in compare(poor, good, resampled=20) if one.slice == ALL)
    assert every.verdict is Verdict.UNDECIDED
    assert f"{silent:,} rows have a score of the other alone" in every.why
    assert overall([every]) is Verdict.UNDECIDED
    if silent < COUNT:
        assert overall(compare(good, poor, resampled=20)) is Verdict.NO_WORSE


def test_nothing_to_compare_is_undecided() -> None:
    first, second = _tables(_good(), np.full(COUNT, np.nan))
    assert overall(compare(first, second, resampled=20)) is Verdict.UNDECIDED
