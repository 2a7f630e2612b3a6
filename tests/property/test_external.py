"""Other people's models: windows, calibrations and joins, for whatever numbers come."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.external.calibration import Raw, Sigmoid, Table
from detectors.external.framing import windows
from detectors.external.joining import join
from detectors.external.labels import Answer, probabilities, said
from detectors.external.pack import Use
from detectors.signals import Scores, Side, Tier

PROBABILITY = st.floats(0, 1)
NAMES = ("distress", "emotion.joy", "risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.self_harm")
CALIBRATIONS = st.one_of(
    st.just(Raw()),
    st.builds(Sigmoid, st.floats(0.01, 100), st.floats(-100, 100)),
    st.lists(st.tuples(PROBABILITY, PROBABILITY), min_size=2, max_size=6, unique_by=lambda knot: knot[0]).map(
        lambda knots: Table(tuple(zip(sorted(x for x, _ in knots), sorted(y for _, y in knots), strict=True)))
    ),
)


@given(st.integers(1, 5000), st.integers(8, 600), st.integers(1, 20), st.booleans())
def test_windows_are_few_short_and_in_order(size: int, room: int, most: int, weighed: bool) -> None:
    found, covered = windows(size, room, most, (lambda start, end: float(start % 7 + end)) if weighed else None)
    assert 1 <= len(found) <= most
    assert all(0 <= start < end <= size and end - start <= room for start, end in found)
    assert found == sorted(set(found))
    together = found[0][0] == 0 and found[-1][1] == size and all(b[0] <= a[1] for a, b in pairwise(found))
    assert not covered or together
    assert found[0][0] == 0


@given(CALIBRATIONS, PROBABILITY, PROBABILITY)
def test_a_calibration_gives_probabilities_and_keeps_the_order(
    calibration: Raw | Sigmoid | Table, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    values = calibration.probability(low), calibration.probability(high)
    assert all(0 <= value <= 1 for value in values)
    assert values[0] <= values[1] + 1e-12


@given(
    st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4), min_size=1, max_size=3),
    st.sampled_from(("softmax", "sigmoid")),
    st.sets(st.integers(0, 3), min_size=1),
    st.booleans(),
    st.booleans(),
)
def test_what_is_said_is_a_probability(
    logits: list[list[float]], output: str, columns: set[int], negated: bool, summed: bool
) -> None:
    found = probabilities(np.array(logits, dtype=np.float32), output)  # type: ignore[arg-type]
    assert found.shape == (len(logits), 4)
    if output == "softmax":
        assert np.allclose(found.sum(axis=-1), 1)
    answer = Answer("distress", Side.USER, False, tuple(sorted(columns)), negated, summed, Raw(), 0.5)
    values = said(found, answer)
    assert values.shape == (len(logits),)
    assert ((values >= 0) & (values <= 1)).all()


VALUES = st.dictionaries(st.sampled_from(NAMES), PROBABILITY | st.just(math.nan))


@given(VALUES, VALUES, st.dictionaries(st.sampled_from(NAMES), st.sampled_from(Use)))
def test_a_join_takes_one_of_both_and_only_what_it_may(
    above: dict[str, float], own: dict[str, float], uses: dict[str, Use]
) -> None:
    ours = Scores.of(Side.USER, "ours@1", above, tier=Tier.FULL)
    theirs = Scores.of(Side.USER, "theirs@1", own, tier=Tier.FULL)
    found = join(ours, theirs, uses)
    for name in NAMES:
        mine, other, outcome = (scores.value(name) for scores in (ours, theirs, found))
        mine_there = mine is not None and math.isfinite(mine)
        if name not in uses or other is None or not math.isfinite(other):
            assert outcome == mine or (mine is not None and (math.isnan(mine) or name.startswith("risk.suicide")))
        elif not name.startswith("risk.suicide"):
            wanted = other
            if mine_there and mine is not None:
                wanted = {Use.FILL: mine, Use.HIGHEST: max(mine, other), Use.REPLACE: other}[uses[name]]
            assert outcome == wanted
        elif outcome is not None and uses[name] is Use.REPLACE:
            assert outcome >= other
    if found is not ours:
        levels = [found.value(name) for name in ("risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3")]
        there = [level for level in levels if level is not None and math.isfinite(level)]
        assert there == sorted(there, reverse=True)
