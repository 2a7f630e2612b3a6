"""Merging two tiers' answers, signal by signal."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.scorer.tiers import merge
from detectors.signals import Scores, Side, Tier, vocabulary

VALUES = st.floats(0, 1) | st.sampled_from([math.nan, math.inf])


@st.composite
def sided(draw: st.DrawFn, side: Side) -> Scores:
    names = [signal.name for signal in vocabulary(side)]
    size = len(names)
    # Tiers and values are drawn for a few signals over a uniform rest, so that every meeting of two is common.
    tiers = bytearray([draw(st.sampled_from([int(tier) for tier in Tier]))] * size)
    values = [draw(st.floats(0, 1))] * size
    for at in draw(st.lists(st.integers(0, size - 1), max_size=6)):
        tiers[at] = draw(st.sampled_from([int(tier) for tier in Tier]))
        values[at] = draw(VALUES)
    for at in range(size):
        if tiers[at] < Tier.LEXICON:
            values[at] = math.nan
    marked = draw(st.lists(st.sampled_from(names), max_size=4))
    return Scores(
        side,
        draw(st.sampled_from(["a@1", "b@2", "c@3"])),
        tuple(values),
        bytes(tiers),
        {name: (draw(st.integers(0, 9)), draw(st.integers(10, 20))) for name in marked},
        {name: draw(st.sampled_from(["now", "month"])) for name in marked[:2]},
        draw(st.sampled_from([None, "en", "de"])),
        draw(st.booleans()),
    )


PAIRS = st.sampled_from(Side).flatmap(lambda side: st.tuples(sided(side), sided(side)))
TRIPLES = st.sampled_from(Side).flatmap(lambda side: st.tuples(sided(side), sided(side), sided(side)))


def sound(scores: Scores, name: str) -> bool:
    value = scores.value(name)
    return value is not None and math.isfinite(value)


def essence(scores: Scores) -> tuple[object, ...]:
    return (
        scores.side,
        scores.model,
        tuple(None if math.isnan(value) else value for value in scores.values),
        scores.tiers,
        scores.spans,
        scores.tags,
        scores.language,
        scores.covered,
    )


@settings(max_examples=60)
@given(PAIRS)
def test_the_upper_wins_and_the_missing_falls_through(pair: tuple[Scores, Scores]) -> None:
    upper, lower = pair
    merged = merge(upper, lower)
    for signal in vocabulary(upper.side):
        name = signal.name
        if sound(upper, name):
            assert merged.get(name) == upper.get(name)
        elif upper.get(name).tier is not Tier.OFF and sound(lower, name):
            assert merged.get(name) == lower.get(name)
        else:
            off = Tier.OFF in (upper.get(name).tier, lower.get(name).tier)
            assert merged.get(name).tier is (Tier.OFF if off else Tier.MISSING)
            assert name not in merged.spans
            assert name not in merged.tags
    winners = [
        one.model
        for one in pair
        if any(merged.get(s.name) == one.get(s.name) for s in vocabulary(one.side) if sound(merged, s.name))
    ]
    assert merged.model == (winners[0] if winners else upper.model)
    assert merged.covered == (upper.covered and lower.covered)


@settings(max_examples=60)
@given(PAIRS)
def test_no_answered_value_is_ever_not_a_number(pair: tuple[Scores, Scores]) -> None:
    merged = merge(*pair)
    assert all(math.isfinite(value) for _, value in merged.answered())
    assert all(math.isnan(v) for v, tier in zip(merged.values, merged.tiers, strict=True) if tier < Tier.LEXICON)


@settings(max_examples=50)
@given(TRIPLES)
def test_three_tiers_merge_the_same_either_way(three: tuple[Scores, Scores, Scores]) -> None:
    a, b, c = (merge(one, one) for one in three)
    left, right = merge(a, merge(b, c)), merge(merge(a, b), c)
    if Tier.OFF in a.tiers + b.tiers + c.tiers:
        # What an upper tier has off hides a lower one's answers, and so who had any: only the name may differ then.
        right = replace(right, model=left.model)
    assert essence(left) == essence(right)


@settings(max_examples=50)
@given(PAIRS)
def test_merging_twice_changes_nothing(pair: tuple[Scores, Scores]) -> None:
    once = merge(*pair)
    assert essence(merge(once, once)) == essence(once)
    assert essence(merge(once, pair[1])) == essence(once)


def test_sides_do_not_mix() -> None:
    with pytest.raises(ValueError, match="side"):
        merge(Scores.missing(Side.USER), Scores.missing(Side.REPLY))
