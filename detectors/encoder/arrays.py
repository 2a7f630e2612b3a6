"""A call to a model server and its answer as bytes: a short header, then arrays in row order, little-endian. Pure.

A call has ``rows`` times ``tokens`` of: ids (uint16), mask and types (one byte each). Its answer has ``rows`` times
``outputs`` logits (float32), then ``rows`` times ``tokens`` times ``outputs`` votes (float16: they only point at words).
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.encoder.backend import Logits
from detectors.encoder.errors import ArraysUnfit
from detectors.encoder.framing import LONGEST

__all__ = [
    "MOST_CALL_BYTES",
    "MOST_ROWS",
    "MOST_TOKENS",
    "answer_bytes",
    "decode_answer",
    "decode_call",
    "encode_answer",
    "encode_call",
]

MOST_TOKENS: Final = 16_384
"""Tokens of one call, padding included."""

MOST_ROWS: Final = 1024
"""Frames of one call."""

_CALL: Final = struct.Struct("<4sHH")  # magic, rows, tokens
_ANSWER: Final = struct.Struct("<4sHHH")  # magic, rows, tokens, outputs
_CALLED: Final = b"HRC1"
_ANSWERED: Final = b"HRA1"
_TOKEN_BYTES: Final = 4
_HALF_MOST: Final = 65_504.0  # the largest half-precision number

MOST_CALL_BYTES: Final = _CALL.size + MOST_TOKENS * _TOKEN_BYTES
"""Bytes of the largest call."""


def encode_call(ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> bytes:
    """A padded batch, ``[rows, tokens]`` each. Raises :class:`ArraysUnfit` where it is larger than a call may be."""
    rows, tokens = ids.shape
    _check_size(rows, tokens)
    if ids.size and (ids.min() < 0 or ids.max() > 0xFFFF):
        raise ArraysUnfit("an id has over 16 bits; this protocol serves vocabularies of at most 65,536 entries")
    parts = (ids.astype("<u2"), mask.astype(np.uint8), types.astype(np.uint8))
    return _CALL.pack(_CALLED, rows, tokens) + b"".join(part.tobytes() for part in parts)


def decode_call(raw: bytes, vocabulary: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Ids below ``vocabulary``, mask and types, ``[rows, tokens]`` each. Raises :class:`ArraysUnfit`."""
    if len(raw) < _CALL.size or raw[:4] != _CALLED:
        raise ArraysUnfit(f"the call does not begin with {_CALLED.decode()}; use a client of this release")
    _, rows, tokens = _CALL.unpack_from(raw)
    _check_size(rows, tokens)
    size = rows * tokens
    if len(raw) != _CALL.size + size * _TOKEN_BYTES:
        raise ArraysUnfit(
            f"a call of {rows} rows of {tokens} tokens has {_CALL.size + size * _TOKEN_BYTES} bytes, not {len(raw)}"
        )
    ids = np.frombuffer(raw, "<u2", size, _CALL.size).reshape(rows, tokens).astype(np.int64)
    flags = np.frombuffer(raw, np.uint8, 2 * size, _CALL.size + 2 * size).reshape(2, rows, tokens)
    if ids.max() >= vocabulary:
        raise ArraysUnfit(f"an id is not below {vocabulary}, the size of the vocabulary; give both sides the same model")
    if flags.max() > 1 or not flags[0].any(axis=1).all():
        raise ArraysUnfit("mask and types are 0 or 1, and no row's mask is empty")
    mask, types = flags.astype(np.int64)
    return ids, mask, types


def answer_bytes(rows: int, tokens: int, outputs: int) -> int:
    """The size of an answer."""
    return _ANSWER.size + rows * outputs * 4 + rows * tokens * outputs * 2


def encode_answer(logits: Logits, votes: Logits) -> bytes:
    """Logits ``[rows, outputs]`` and votes ``[rows, tokens, outputs]``."""
    rows, tokens, outputs = votes.shape
    half = np.clip(votes, -_HALF_MOST, _HALF_MOST).astype("<f2")
    return b"".join((_ANSWER.pack(_ANSWERED, rows, tokens, outputs), logits.astype("<f4").tobytes(), half.tobytes()))


def decode_answer(raw: bytes, rows: int, tokens: int, outputs: int) -> tuple[Logits, Logits]:
    """Logits and votes of a call of this size. Raises :class:`ArraysUnfit` where they are not, or not all of them finite."""
    if len(raw) != answer_bytes(rows, tokens, outputs) or _ANSWER.unpack_from(raw) != (_ANSWERED, rows, tokens, outputs):
        raise ArraysUnfit("the answer has another form than the call; run both sides from the same release")
    logits = np.frombuffer(raw, "<f4", rows * outputs, _ANSWER.size).reshape(rows, outputs).astype(np.float32)
    votes = np.frombuffer(raw, "<f2", rows * tokens * outputs, _ANSWER.size + rows * outputs * 4).astype(np.float32)
    if not (np.isfinite(logits).all() and np.isfinite(votes).all()):
        raise ArraysUnfit("the answer holds what is no number")
    return logits, votes.reshape(rows, tokens, outputs)


def _check_size(rows: int, tokens: int) -> None:
    if not (1 <= rows <= MOST_ROWS and 1 <= tokens <= LONGEST and rows * tokens <= MOST_TOKENS):
        raise ArraysUnfit(
            f"a call has 1 to {MOST_ROWS} rows of 1 to {LONGEST} tokens and at most {MOST_TOKENS} tokens in all; "
            f"this one has {rows} of {tokens}"
        )
