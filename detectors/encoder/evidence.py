"""Which words a score rests on: what the heads say of each token alone, and the stretch of text where that stands out.

This costs nothing beside the encoder. It says where in a text an answer comes from, not how the network came to it;
integrated gradients do that, for whoever asks.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Votes", "standing_out", "whole_words"]

Votes = NDArray[np.float32]
"""Logits of each token, ``[tokens, outputs]``."""

_ABOVE: Final = 0.5  # deviations by which a token must stand above the text's mean to add to a stretch


def standing_out(votes: NDArray[np.float32]) -> tuple[int, int]:
    """The half-open range of tokens that stands out most among ``votes`` (``[tokens]``): the stretch with the largest sum of
    what each is above the usual (Bentley 1984). Of one token, or of tokens that are all alike, that is the whole."""
    above = votes - (votes.mean() + _ABOVE * votes.std())
    if len(votes) == 0 or not above.max(initial=0.0) > 0.0:
        return 0, len(votes)
    sums = np.concatenate([[0.0], np.cumsum(above, dtype=np.float64)])
    lowest = np.minimum.accumulate(sums[:-1])
    end = int(np.argmax(sums[1:] - lowest)) + 1
    return int(np.argmin(sums[:end])), end


def whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """The half-open span of ``text`` widened to the words that it cuts, without what is around them; empty where it holds
    none."""
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    if start < end:
        while start > 0 and _in_word(text[start - 1]):
            start -= 1
        while end < len(text) and _in_word(text[end]):
            end += 1
    return start, end


def _in_word(character: str) -> bool:
    return character.isalnum() or character in "'’"
