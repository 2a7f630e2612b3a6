"""Pieces of a text, and windows over them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.pii.pieces import LONGEST, SHAPES, Piecer, windows
from tests.unit.detectors.encoder.wordpiece import tokenizer


@pytest.fixture(scope="module")
def piecer() -> Piecer:
    return Piecer(tokenizer())


def test_words_stand_where_they_do_in_the_text(piecer: Piecer) -> None:
    text = "I WANT to die, Hello 5"
    pieces = piecer.pieces(text)
    assert [text[start:end] for start, end in pieces.words] == ["I", "WANT", "to", "die", ",", "Hello", "5"]
    shapes = [SHAPES[pieces.shapes[pieces.word_of.index(word)]] for word in range(len(pieces.words))]
    assert shapes == ["capitalised", "upper", "lower", "lower", "lower", "capitalised", "digit"]


@given(st.text(st.characters(codec=None), max_size=80))
def test_any_text_has_pieces_within_it(text: str) -> None:
    pieces = Piecer(tokenizer()).pieces(text)
    assert len(pieces.ids) == len(pieces.shapes) == len(pieces.word_of)
    assert all(0 <= start < end <= len(text) for start, end in pieces.words)
    assert list(pieces.words) == sorted(pieces.words)
    assert sorted(set(pieces.word_of)) == list(range(len(pieces.words)))


@given(st.integers(0, 5000))
def test_every_piece_is_taken_once_and_from_within_its_window(size: int) -> None:
    plan = windows(size)
    taken = [at for _, _, first, last in plan for at in range(first, last)]
    assert taken == list(range(size))
    assert all(start <= first < last <= end and end - start <= LONGEST - 2 for start, end, first, last in plan)


def test_a_tokenizer_of_another_family_is_refused() -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    with pytest.raises(ValueError, match="BERT family"):
        Piecer(Tokenizer(WordLevel({"a": 0}, unk_token="a")))
