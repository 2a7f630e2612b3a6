"""Arrays on their way, shapes, and which calls run together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.encoder.arrays import (
    MOST_TOKENS,
    answer_bytes,
    decode_answer,
    decode_call,
    encode_answer,
    encode_call,
)
from detectors.encoder.calls import merge, together
from detectors.encoder.errors import ArraysUnfit
from detectors.encoder.framing import LONGEST
from detectors.encoder.shapes import RECORDED_TOKENS, rows_within, shape_for

VOCABULARY = 30_522
SIZES = st.tuples(st.integers(1, 12), st.integers(1, 24))


def _call(rows: int, tokens: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    ids = random.integers(0, VOCABULARY, (rows, tokens))
    mask = random.integers(0, 2, (rows, tokens))
    mask[:, 0] = 1
    return ids, mask, mask * random.integers(0, 2, (rows, tokens))


@given(SIZES, st.integers(0, 2**32 - 1))
def test_a_call_arrives_as_it_was_sent(size: tuple[int, int], seed: int) -> None:
    sent = _call(*size, seed)
    for one, other in zip(sent, decode_call(encode_call(*sent), VOCABULARY), strict=True):
        assert other.dtype == np.int64
        np.testing.assert_array_equal(one, other)


@given(SIZES, st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_logits_arrive_exactly_and_votes_to_three_digits(size: tuple[int, int], outputs: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(0, 30, (size[0], outputs)).astype(np.float32)
    votes = random.normal(0, 1e4, (*size, outputs)).astype(np.float32) * 10
    raw = encode_answer(logits, votes)
    assert len(raw) == answer_bytes(*size, outputs)
    found, pointed = decode_answer(raw, *size, outputs)
    np.testing.assert_array_equal(found, logits)
    np.testing.assert_allclose(pointed, np.clip(votes, -65_504, 65_504), rtol=1e-3, atol=1e-6)


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_no_bytes_are_more_than_unfit(raw: bytes) -> None:
    for start in (b"", b"HRC1", b"HRC1\x01\x00\x02\x00"):
        try:
            ids, mask, types = decode_call(start + raw, VOCABULARY)
        except ArraysUnfit:
            continue
        assert ids.shape == mask.shape == types.shape
    with pytest.raises(ArraysUnfit):
        decode_answer(raw[:20], 2, 3, 4)


@given(SIZES, st.integers(0, 2**32 - 1), st.data())
def test_a_cut_or_changed_call_is_unfit(size: tuple[int, int], seed: int, data: st.DataObject) -> None:
    ids, mask, types = _call(*size, seed)
    raw = encode_call(ids, mask, types)
    with pytest.raises(ArraysUnfit):
        decode_call(raw[: data.draw(st.integers(0, len(raw) - 1))], VOCABULARY)
    for broken in ((ids + VOCABULARY, mask, types), (ids, mask * 0, types), (ids, mask * 2, types)):
        with pytest.raises(ArraysUnfit):
            decode_call(encode_call(*broken), VOCABULARY)


@given(st.integers(1, 5000), st.integers(1, LONGEST))
def test_a_shape_holds_its_batch_and_not_much_more(rows: int, tokens: int) -> None:
    shape = shape_for(rows, tokens)
    assert shape.rows >= rows
    assert LONGEST >= shape.tokens >= tokens
    assert shape.tokens <= max(16, 2 * tokens)
    if shape.recorded:
        assert shape.rows * shape.tokens <= RECORDED_TOKENS
        assert shape.rows < 2 * rows
    else:
        assert shape.rows == rows
    assert shape_for(shape.rows, shape.tokens) == shape


@given(st.integers(1, LONGEST), st.integers(1, 100_000))
def test_rows_within_a_bound(tokens: int, most: int) -> None:
    rows = rows_within(tokens, most)
    assert rows >= 1
    assert rows == 1 or rows * shape_for(1, tokens).tokens <= most


@given(st.lists(SIZES, min_size=1, max_size=20), st.integers(1, 400))
def test_the_first_call_always_runs_and_company_is_of_like_length(shapes: list[tuple[int, int]], most: int) -> None:
    chosen = together(shapes, most)
    assert chosen[0] == 0
    assert chosen == sorted(set(chosen))
    lengths = [shapes[at][1] for at in chosen]
    assert max(lengths) <= max(1.3 * min(lengths), min(lengths) + 8)
    if len(chosen) > 1:
        assert sum(shapes[at][0] for at in chosen) * max(lengths) <= most


@given(st.lists(st.tuples(SIZES, st.integers(0, 2**32 - 1)), min_size=1, max_size=5))
def test_merged_calls_are_the_same_calls(sizes: list[tuple[tuple[int, int], int]]) -> None:
    calls = [_call(*size, seed) for size, seed in sizes]
    merged = merge(calls)
    row = 0
    for call in calls:
        rows, tokens = call[0].shape
        for whole, part in zip(merged, call, strict=True):
            np.testing.assert_array_equal(whole[row : row + rows, :tokens], part)
            assert not whole[row : row + rows, tokens:].any()
        row += rows
    assert len(merged[0]) == row


def test_a_call_that_is_too_large_is_refused_before_it_is_sent() -> None:
    for rows, tokens in ((0, 4), (1, LONGEST + 1), (MOST_TOKENS // 16 + 1, 16)):
        with pytest.raises(ArraysUnfit, match="at most"):
            encode_call(*(np.ones((rows, tokens), dtype=np.int64),) * 3)
    with pytest.raises(ArraysUnfit, match="16 bits"):
        encode_call(*(np.full((1, 4), 70_000, dtype=np.int64),) * 3)
