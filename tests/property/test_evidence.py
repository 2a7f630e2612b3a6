"""Where a score stands in a text: the stretch that stands out, whole words, and offsets of the message as received."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from detectors.encoder.evidence import standing_out, whole_words
from detectors.encoder.framing import Framer
from tests.unit.detectors.encoder.wordpiece import tokenizer

VOTES = arrays(np.float32, st.integers(1, 60), elements=st.floats(-12, 12, width=32))
FRAMER = Framer(tokenizer())


@given(VOTES)
def test_a_stretch_is_inside_and_none_outsums_it(votes: NDArray[np.float32]) -> None:
    start, end = standing_out(votes)
    assert 0 <= start < end <= len(votes)
    above = votes - (votes.mean() + 0.5 * votes.std())
    if above.max() > 0:
        sums = [
            float(above[first:last].sum(dtype=np.float64))
            for first in range(len(votes))
            for last in range(first + 1, len(votes) + 1)
        ]
        assert float(above[start:end].sum(dtype=np.float64)) >= max(sums) - 1e-3


def test_one_loud_token_among_many_is_the_stretch() -> None:
    votes = np.zeros(20, dtype=np.float32)
    votes[7] = 5.0
    assert standing_out(votes) == (7, 8)


@given(st.text(max_size=80), st.integers(0, 80), st.integers(0, 80))
def test_words_are_whole_or_there_is_none(text: str, first: int, length: int) -> None:
    start = min(first, len(text))
    end = min(start + length, len(text))
    found = whole_words(text, start, end)
    if found[0] < found[1]:
        inside = text[found[0] : found[1]]
        assert any(character.isalnum() for character in inside)
        assert found[0] == 0 or not text[found[0] - 1].isalnum()
        assert found[1] == len(text) or not text[found[1]].isalnum()
        assert found[0] < end
        assert found[1] > start
    else:
        assert not any(character.isalnum() for character in text[start:end])


@given(st.text(max_size=200))
def test_every_token_has_a_place_in_the_message_as_received(text: str) -> None:
    places = FRAMER.places(text)
    assert places is not None
    assert len(places) == len(FRAMER.tokens(text))
    for start, end in places:
        assert 0 <= start <= end <= len(text)
    assert [start for start, _ in places] == sorted(start for start, _ in places)


def test_a_word_too_long_to_be_one_token_has_no_place() -> None:
    assert FRAMER.places("a" + "b c" * 3 + "xyzw" * 40) is None
