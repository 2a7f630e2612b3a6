"""The shapes that a device runs: few enough to be recorded once each, close enough that little is padding. Pure."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from detectors.encoder.framing import LONGEST

__all__ = ["LENGTHS", "MOST_TOKENS", "RECORDED_TOKENS", "ROWS", "Shape", "rows_within", "shape_for"]

LENGTHS: Final = (16, 32, 48, 64, 96, 128, 192, 256, 384, LONGEST)
"""Tokens of a row."""

ROWS: Final = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Rows of a batch that is small enough to be recorded."""

RECORDED_TOKENS: Final = 8192
"""A batch up to this size spends its time starting kernels, so it is recorded and replayed; a larger one multiplies."""

MOST_TOKENS: Final = 65_536
"""Tokens of one run, padding included."""


@dataclass(frozen=True, slots=True)
class Shape:
    """``recorded``: whether it is one of the few that are recorded."""

    rows: int
    tokens: int
    recorded: bool


def shape_for(rows: int, tokens: int) -> Shape:
    """The shape in which a batch of ``rows`` times ``tokens`` runs; never smaller, and of a length that the encoder has
    positions for. ``rows`` above 0, ``tokens`` in 1 to :data:`~detectors.encoder.framing.LONGEST`."""
    length = LENGTHS[bisect_left(LENGTHS, tokens)]
    if rows <= ROWS[-1]:
        padded = ROWS[bisect_left(ROWS, rows)]
        if padded * length <= RECORDED_TOKENS:
            return Shape(padded, length, True)
    return Shape(rows, length, False)


def rows_within(tokens: int, most: int) -> int:
    """How many rows of ``tokens`` one run takes where it may have ``most`` tokens in all; at least 1."""
    return max(1, most // LENGTHS[bisect_left(LENGTHS, tokens)])
