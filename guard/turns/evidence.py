"""Where in a reply the words stand that its scores rest on. Pure.

A detector counts from the start of what it was given to read; a record counts from the start of the reply as the chatbot
gave it. What cannot be told so is left out: words of one choice among several, of another channel, of a passage whose text
does not stand in the reply in one piece.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from detectors.signals import Scores
from guard.turns.contract import Passage

__all__ = ["of_passage", "of_whole", "standing"]


def of_passage(scores: Scores, passage: Passage, *, alone: bool) -> Scores:
    """``scores`` with spans in the reply as the chatbot gave it. ``alone``: the reply has no other choice."""
    at = passage.at if alone else None
    return _moved(scores, passage.text, lambda start, _: None if at is None else at + start)


def of_whole(scores: Scores, read: str, given: str, *, alone: bool) -> Scores:
    """``scores`` of a reply as it was ``read``, with what was withheld taken out, with spans in the reply as it was
    ``given``. Of words between two places that were changed nobody can say where they stood."""
    if not alone:
        return replace(scores, spans={})
    before = _shared(read, given)
    after = len(read) - _shared(read[::-1], given[::-1])

    def place(start: int, end: int) -> int | None:
        if end <= before:
            return start
        return start + len(given) - len(read) if start >= after else None

    return _moved(scores, read, place)


def standing(scores: Scores | None, given: str, stored: str) -> dict[str, int]:
    """``kept``: how many code points from its start the reply that is ``stored`` (before it is redacted) has as they were
    ``given``. Empty where every span lies within them, and so stands in what is stored."""
    kept = _shared(given, stored)
    beyond = scores is not None and any(end > kept for _, end in scores.spans.values())
    return {"kept": kept} if beyond else {}


def _moved(scores: Scores, text: str, place: Callable[[int, int], int | None]) -> Scores:
    """``scores`` of ``text`` with each span where ``place`` says that it starts, if it says so."""
    if not scores.spans:
        return scores
    spans = {}
    for name, (start, end) in scores.spans.items():
        to = place(start, end) if 0 <= start < end <= len(text) else None
        if to is not None:
            spans[name] = (to, to + end - start)
    return replace(scores, spans=spans)


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
