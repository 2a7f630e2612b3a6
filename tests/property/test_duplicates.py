"""Near-duplicates: the quick search finds exactly what comparing all pairs finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.corpus.duplicates import NEAR, groups, pairs, shingles

WORDS = st.sampled_from(["i", "want", "to", "go", "home", "now", "please", "really"])
TEXTS = st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=12)


@given(TEXTS)
def test_pairs_are_all_pairs(texts: list[str]) -> None:
    sets = [shingles(text) for text in texts]
    slow = {
        (a, b)
        for b in range(len(texts))
        for a in range(b)
        if sets[a] and sets[b] and len(sets[a] & sets[b]) >= NEAR * len(sets[a] | sets[b])
    }
    assert set(pairs(texts)) == slow


@given(TEXTS)
def test_groups_are_led_by_their_first(texts: list[str]) -> None:
    first = groups(texts)
    assert all(leader <= at and first[leader] == leader for at, leader in enumerate(first))
    for a, b in pairs(texts):
        assert first[a] == first[b]
