"""Measures of an evaluation against what they mean, worked out slowly."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.evaluation.measures import (
    Bins,
    Ranking,
    area_under_precision_recall,
    area_under_roc,
    best_f1_threshold,
    expected_calibration_error,
    f1,
    false_positives_at_recall,
    flagged_shares,
    recall_at_false_positives,
    threshold_at_false_positives,
)

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5, 0.75, 0.9, 1.0]), st.integers(0, 3)),
    min_size=1,
    max_size=25,
)
Rows = list[tuple[int, float, int]]


def _arrays(rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, scores, weights = zip(*rows, strict=True)
    return np.array(labels, dtype=float), np.array(scores), np.array(weights, dtype=float)


def _repeated(rows: Rows) -> list[tuple[int, float]]:
    return [(label, score) for label, score, times in rows for _ in range(times)]


def _same(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, abs_tol=1e-9)


@given(ROWS)
def test_auroc_is_the_share_of_pairs_in_order(rows: Rows) -> None:
    labels, scores, weights = _arrays(rows)
    plain = _repeated(rows)
    pairs = [(p, n) for y, p in plain if y for z, n in plain if not z]
    slow = sum(1.0 if p > n else 0.5 if p == n else 0.0 for p, n in pairs) / len(pairs) if pairs else math.nan
    assert _same(area_under_roc(Ranking(labels, scores).curve(weights)), slow)


@given(ROWS)
def test_weights_count_as_repetition(rows: Rows) -> None:
    labels, scores, weights = _arrays(rows)
    plain = _repeated(rows)
    if not plain:
        return
    again = Ranking(np.array([float(y) for y, _ in plain]), np.array([s for _, s in plain])).curve()
    weighed = Ranking(labels, scores).curve(weights)
    for measure in (
        area_under_roc,
        area_under_precision_recall,
        lambda curve: recall_at_false_positives(curve, 0.2),
        lambda curve: false_positives_at_recall(curve, 0.9),
    ):
        assert _same(measure(weighed), measure(again))


@given(ROWS, st.sampled_from([0.0, 0.01, 0.1, 0.5]))
def test_a_threshold_keeps_its_promise(rows: Rows, rate: float) -> None:
    labels, scores, _ = _arrays(rows)
    threshold = threshold_at_false_positives(Ranking(labels, scores).curve(), rate)
    negatives = scores[labels == 0]
    if not len(negatives):
        assert math.isnan(threshold)
        return
    assert np.mean(negatives >= threshold) <= rate
    lower = sorted({float(s) for s in scores if s < threshold}, reverse=True)
    if lower:
        assert np.mean(negatives >= lower[0]) > rate


@given(ROWS)
def test_no_threshold_has_a_higher_f1(rows: Rows) -> None:
    labels, scores, _ = _arrays(rows)
    best = best_f1_threshold(Ranking(labels, scores).curve())
    if not labels.any():
        assert math.isnan(best)
        return
    found = f1(labels, scores >= best)
    assert all(found >= f1(labels, scores >= other) - 1e-12 for other in scores)


@given(ROWS, st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.5]))
def test_flagged_shares_are_counts(rows: Rows, threshold: float) -> None:
    labels, scores, _ = _arrays(rows)
    found = flagged_shares(Ranking(labels, scores).curve(), threshold)
    for share, own in zip(found, (scores[labels == 1], scores[labels == 0]), strict=True):
        assert _same(share, float(np.mean(own >= threshold)) if len(own) else math.nan)


@given(ROWS)
def test_recall_and_false_positives_agree(rows: Rows) -> None:
    labels, scores, _ = _arrays(rows)
    curve = Ranking(labels, scores).curve()
    if not curve.told:
        return
    rate = false_positives_at_recall(curve, 0.9)
    assert recall_at_false_positives(curve, rate) >= 0.9 - 1e-12


def test_average_precision_by_hand() -> None:
    curve = Ranking(np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.8, 0.7])).curve()
    assert math.isclose(area_under_precision_recall(curve), (1 / 1 + 2 / 3) / 2)


def test_calibration_error_by_hand() -> None:
    labels, scores = np.array([1.0, 0.0, 0.0, 1.0]), np.array([0.9, 0.9, 0.1, 0.1])
    assert math.isclose(expected_calibration_error(Bins(labels, scores)), 0.4)
    assert expected_calibration_error(Bins(np.array([1.0, 0.0]), np.array([1.0, 0.0]))) == 0.0
