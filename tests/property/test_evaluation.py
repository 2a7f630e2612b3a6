"""Bounds, tests, ranks, pairs and delays of an evaluation against what they mean, worked out slowly."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from detectors.evaluation.comparison import MARGINS, Verdict, compare, overall
from detectors.evaluation.delay import WITHIN, delays
from detectors.evaluation.intervals import resamples
from detectors.evaluation.mcnemar import discordance
from detectors.evaluation.measures import Ranking, area_under_roc
from detectors.evaluation.proportions import Demonstrated, against_target, binomial_cdf, lower_bound, upper_bound
from detectors.evaluation.ranks import Ranks, ordered_pairs
from detectors.evaluation.rows import Row
from detectors.evaluation.severity import expected_level
from detectors.evaluation.table import tabulate
from detectors.signals import Side

SIGNAL = "risk.suicide"
SHARES = st.floats(0.001, 0.999)


def _cdf(count: int, rows: int, share: float) -> float:
    return sum(math.comb(rows, k) * share**k * (1 - share) ** (rows - k) for k in range(count + 1))


@given(st.integers(0, 60), st.integers(0, 60), SHARES)
def test_the_binomial_distribution(count: int, rows: int, share: float) -> None:
    assume(count <= rows)
    assert math.isclose(binomial_cdf(count, rows, share), _cdf(count, rows, share), rel_tol=1e-9, abs_tol=1e-12)


@given(st.integers(0, 200), st.integers(1, 200))
def test_bounds_are_where_what_was_seen_becomes_unlikely(count: int, rows: int) -> None:
    assume(count <= rows)
    low, high = lower_bound(count, rows), upper_bound(count, rows)
    assert 0 <= low <= count / rows <= high <= 1
    if count and high < 1:
        assert math.isclose(_cdf(count, rows, high), 0.05, abs_tol=1e-6)
    if count:
        assert math.isclose(1 - _cdf(count - 1, rows, low), 0.05, abs_tol=1e-6)


def test_none_of_n_shows_three_in_n() -> None:
    assert upper_bound(0, 300) == 0.01
    assert upper_bound(0, 2) == 1.0
    assert math.isnan(upper_bound(0, 0))
    assert math.isnan(lower_bound(0, 0))
    assert 0.00028 < upper_bound(10, 60_000) < 0.00029
    assert math.isclose(upper_bound(1_000_000, 4_000_000), 0.25, abs_tol=0.001)


@given(st.integers(0, 400), st.integers(0, 400), st.sampled_from([0.5, 0.1, 0.03]))
def test_a_target_is_met_only_where_rows_and_bound_allow(count: int, rows: int, target: float) -> None:
    assume(count <= rows)
    found = against_target(count, rows, target)
    if found is Demonstrated.MET:
        assert rows >= 3 / target
        assert count / rows <= target
    if found is Demonstrated.EXCEEDED:
        assert count / rows > target
    if found is Demonstrated.NOT_DEMONSTRABLE:
        assert rows < 3 / target
    assert against_target(0, rows, target) in (Demonstrated.MET, Demonstrated.NOT_DEMONSTRABLE)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40))
def test_mcnemar(rows: list[tuple[bool, bool]]) -> None:
    first, second = (np.array([row[at] for row in rows], dtype=bool) for at in (0, 1))
    found = discordance(first, second)
    a, b = sum(x and not y for x, y in rows), sum(y and not x for x, y in rows)
    assert (found.first_only, found.second_only, found.rows) == (a, b, len(rows))
    exact = min(1.0, 2 * _cdf(min(a, b), a + b, 0.5)) if a + b else 1.0
    at = math.comb(a + b, min(a, b)) / 2 ** (a + b)
    assert math.isclose(found.exact, exact, abs_tol=1e-9)
    assert math.isclose(found.mid, min(1.0, 2 * _cdf(min(a, b), a + b, 0.5) - at) if a + b else 1.0, abs_tol=1e-9)
    assert 0 <= found.mid <= found.exact <= 1
    again = discordance(second, first)
    assert (again.exact, again.mid) == (found.exact, found.mid)


GRADED = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=20)


def _spearman(pairs: list[tuple[int, int]]) -> float:
    def ranks(column: list[int]) -> list[float]:
        return [sum(y < x for y in column) + (sum(y == x for y in column) + 1) / 2 for x in column]

    if len(pairs) < 2:
        return math.nan
    a, b = (ranks([pair[at] for pair in pairs]) for at in (0, 1))
    if len(set(a)) < 2 or len(set(b)) < 2:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])


@given(GRADED)
def test_weighted_rank_correlation_is_that_of_repeated_rows(rows: list[tuple[int, int, int]]) -> None:
    labels, scores, weights = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    slow = _spearman([(x, y) for x, y, times in rows for _ in range(times)])
    found = Ranks(labels, scores).correlation(weights)
    assert (math.isnan(found) and math.isnan(slow)) or math.isclose(found, slow, abs_tol=1e-9)


@given(st.lists(st.tuples(st.sampled_from([None, "a", "b"]), st.integers(0, 2), st.integers(0, 2)), max_size=14))
def test_pairs_in_order(rows: list[tuple[str | None, int, int]]) -> None:
    pairs = [row[0] for row in rows]
    labels, scores = (np.array([row[at] for row in rows], dtype=float) for at in (1, 2))
    won, where = ordered_pairs(pairs, labels, scores)
    slow = [
        1.0 if s > t else 0.5 if s == t else 0.0
        for p, y, s in rows
        for q, z, t in rows
        if p is not None and p == q and y > z
    ]
    assert sorted(won.tolist()) == sorted(slow)
    assert all(pairs[at] is not None for at in where)


LEVELS = ("risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_ge5")


@given(st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_an_expected_level_is_a_level_and_rises_with_every_rung(values: list[float]) -> None:
    def level(own: list[float]) -> float:
        row = Row("a", Side.USER, "x", (), {SIGNAL: 1.0}, "c", ())
        names = (*LEVELS, "risk.suicide_behaviour")
        return float(expected_level(tabulate([row], {n: np.array([v]) for n, v in zip(names, own, strict=True)}))[0])

    assert 0 <= level(values) <= 6
    assert all(level(values) <= level([*values[:at], 1.0, *values[at + 1 :]]) for at in range(6))
    assert level([1.0] * 4 + [0.0] * 2) == 4.0
    assert level([0.0] * 5 + [1.0]) == 6.0


TURNS = st.lists(st.lists(st.tuples(st.integers(0, 1), st.booleans()), min_size=1, max_size=6), min_size=1, max_size=5)


@given(TURNS)
def test_delays_from_cue_to_find(conversations: list[list[tuple[int, bool]]]) -> None:
    rows, reached = [], []
    for number, turns in enumerate(conversations):
        for turn, (label, hit) in enumerate(turns):
            rows.append(Row(f"{number}/{turn}", Side.USER, "x", (), {SIGNAL: float(label)}, str(number), (), turn=turn))
            reached.append(hit)
    table = tabulate(rows, {})
    late, early, false, quiet = [], [], [], 0
    for turns in (turns for turns in conversations if len(turns) > 1):
        cue = next((at for at, (label, _) in enumerate(turns) if label), None)
        if cue is None:
            quiet += 1
            false.append(any(hit for _, hit in turns))
            continue
        late.append(next((at - cue for at, (_, hit) in enumerate(turns) if hit and at >= cue), math.inf))
        early.append(any(hit for _, hit in turns[:cue]))
    found = delays(table, SIGNAL, {"hit": np.array(reached)}, 20)
    if not late:
        assert not found
        return
    (own,) = found
    assert (own.cues, own.quiet) == (len(late), quiet)
    assert math.isclose(own.recall.value, sum(map(math.isfinite, late)) / len(late))
    for turn in WITHIN:
        assert math.isclose(own.within[turn].value, sum(one <= turn for one in late) / len(late))
    assert all(a.value <= b.value for a, b in pairwise(own.within.values()))
    assert math.isclose(own.early.value, sum(early) / len(early))
    told = [one for one in late if math.isfinite(one)]
    assert math.isnan(own.delay.value) if not told else math.isclose(own.delay.value, sum(told) / len(told))
    assert math.isnan(own.false.value) if not false else math.isclose(own.false.value, sum(false) / len(false))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_resamples_draw_conversations_whole_and_the_same_again(conversations: list[int], seed: int) -> None:
    drawn = resamples(np.array(conversations), 5, seed)
    once, again = list(drawn), list(drawn)
    assert len(once) == len(drawn) == (5 if len(set(conversations)) > 1 else 0)
    for weights, same in zip(once, again, strict=True):
        assert (weights == same).all()
        by_conversation = {c: {w for c2, w in zip(conversations, weights, strict=True) if c2 == c} for c in conversations}
        assert all(len(own) == 1 for own in by_conversation.values())
        assert sum(own.pop() for own in by_conversation.values()) == len(set(conversations))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=30))
def test_a_difference_is_that_of_the_figures_and_turns_round(rows: list[tuple[int, int, int]]) -> None:
    labelled = [Row(str(at), Side.USER, "x", (), {SIGNAL: float(row[0])}, str(at), ()) for at, row in enumerate(rows)]
    labels = np.array([row[0] for row in rows], dtype=float)
    first, second = (np.array([row[at] / 4 for row in rows]) for at in (1, 2))
    tables = [tabulate(labelled, {SIGNAL: scores}) for scores in (first, second)]
    (found,) = compare(tables[0], tables[1], resampled=20)
    (turned,) = compare(tables[1], tables[0], resampled=20)
    slow = area_under_roc(Ranking(labels, first).curve()) - area_under_roc(Ranking(labels, second).curve())
    difference = found.differences["auroc"]
    assert math.isclose(difference.value, slow, abs_tol=1e-12) or math.isnan(slow)
    assert math.isclose(difference.value, -turned.differences["auroc"].value, abs_tol=1e-12) or math.isnan(slow)
    assert found.verdict is not Verdict.NO_WORSE  # so few positives show nothing
    assert overall([found]) is found.verdict
    assert set(found.verdicts) <= set(MARGINS)
