"""The head's tags: outside, and the beginning and inside of each type (BIO; Ramshaw and Marcus 1995). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["OUTSIDE", "TAGS", "TYPES", "runs", "tags_of", "viterbi"]

TYPES: Final = ("PERSON", "LOCATION", "ORGANIZATION")
"""What the head tells apart, by Presidio's names."""

TAGS: Final = ("O", *(f"{place}-{kind}" for kind in TYPES for place in "BI"))
"""The tags in the order of the network's outputs."""

OUTSIDE: Final = 0

_NEVER: Final = -1e9


def tags_of(words: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int, str]]) -> list[int]:
    """The tag of each word, given as half-open ranges of characters, under ``spans`` of start, end and type.

    A word belongs to a span that it overlaps; where spans overlap each other, the first that covers it counts.
    """
    found = [OUTSIDE] * len(words)
    for start, end, kind in spans:
        begun = False
        for at, (first, last) in enumerate(words):
            if first < end and last > start and found[at] == OUTSIDE:
                found[at] = 1 + 2 * TYPES.index(kind) + begun
                begun = True
    return found


def viterbi(scores: NDArray[Any]) -> list[int]:
    """The best sequence of tags in which an inside follows a beginning or an inside of its own type.

    ``scores``: log probabilities, ``[words, tags]``; they need not sum to 1.
    """
    if not len(scores):
        return []
    best = scores[0] + np.where(_STARTS, 0.0, _NEVER)
    back = np.zeros(scores.shape, dtype=np.int64)
    for at in range(1, len(scores)):
        reached = best[:, None] + _STEPS
        back[at] = reached.argmax(0)
        best = reached[back[at], _EVERY] + scores[at]
    path = [int(best.argmax())]
    for at in range(len(scores) - 1, 0, -1):
        path.append(int(back[at][path[-1]]))
    return path[::-1]


def runs(tags: Sequence[int]) -> list[tuple[int, int, str]]:
    """The entities in a sequence of tags: the half-open range of words and the type of each."""
    found: list[tuple[int, int, str]] = []
    for at, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        kind, inside = TYPES[(tag - 1) // 2], (tag - 1) % 2 == 1
        if inside and found and found[-1][1] == at and found[-1][2] == kind:
            found[-1] = (found[-1][0], at + 1, kind)
        else:
            found.append((at, at + 1, kind))
    return found


def _allowed(before: str, after: str) -> bool:
    return not after.startswith("I-") or before[2:] == after[2:]


_EVERY: Final = np.arange(len(TAGS))
_STARTS: Final = np.array([not tag.startswith("I-") for tag in TAGS])
_STEPS: Final = np.array([[0.0 if _allowed(before, after) else _NEVER for after in TAGS] for before in TAGS])
