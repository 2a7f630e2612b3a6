"""Near-duplicates: texts that say the same in nearly the same words. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from detectors.normalise import normalise

__all__ = ["NEAR", "groups", "pairs", "shingles"]

NEAR: Final = 0.6
"""Two texts are near-duplicates where the Jaccard similarity of their word pairs is at least this."""

_WORD: Final = re.compile(r"[^\W_]+")


def shingles(text: str) -> frozenset[str]:
    """The words of a text and its pairs of neighbouring words, in normal form, without punctuation.

    Single words are marked with their count, so that a text is more than the set of its words.
    """
    words = _WORD.findall(normalise(text).text)
    seen: Counter[str] = Counter()
    found = set()
    for word in words:
        seen[word] += 1
        found.add(f"{word}#{seen[word]}")
    found.update(f"{a} {b}" for a, b in pairwise(words))
    return frozenset(found)


def pairs(texts: Sequence[str], *, near: float = NEAR, among: int | None = None) -> Iterator[tuple[int, int]]:
    """All pairs ``(earlier, later)`` of near-duplicates, by place in ``texts``; texts without a word have none.

    ``among``: only pairs whose earlier text is one of the first so many.
    Exact: prefix filtering over shingles from the rarest on (Bayardo, Ma and Srikant 2007).
    """
    sets = [shingles(text) for text in texts]
    frequency = Counter(shingle for found in sets for shingle in found)
    index: dict[str, list[int]] = defaultdict(list)
    for at, found in enumerate(sets):
        if not found:
            continue
        ordered = sorted(found, key=lambda shingle: (frequency[shingle], shingle))
        prefix = ordered[: len(ordered) - math.ceil(near * len(ordered)) + 1]
        candidates = {other for shingle in prefix for other in index[shingle]}
        for other in sorted(candidates):
            smaller, larger = sorted((len(found), len(sets[other])))
            if smaller < near * larger:
                continue
            shared = len(found & sets[other])
            if shared >= near * (len(found) + len(sets[other]) - shared):
                yield other, at
        if among is not None and at >= among:
            continue
        for shingle in prefix:
            index[shingle].append(at)


def groups(texts: Sequence[str], *, near: float = NEAR) -> list[int]:
    """For each text the place of the first text of its group: groups are joined by near-duplicates."""
    parent = list(range(len(texts)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for earlier, later in pairs(texts, near=near):
        a, b = sorted((root(earlier), root(later)))
        parent[b] = a
    return [root(at) for at in range(len(texts))]
