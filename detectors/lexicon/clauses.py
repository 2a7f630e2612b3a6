"""How the lexicon cuts what a person wrote: into sentences of bounded length, and a sentence into clauses.

People write without punctuation, with line breaks for it, or with dots where they pause. A pause is no end, so that a
statement broken by dots is still read as one; a long run without an end is cut into windows that overlap by more than
the longest pattern, so that nothing falls between two of them. A last word that only says when ("forever.") belongs to
what stands before it.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["LONGEST", "OVERLAP", "clause_before", "sentences"]

LONGEST: Final = 480
OVERLAP: Final = 160

_AHEAD: Final = 3  # what the last alternative of _CLAUSE looks ahead

_LAST: Final = r"(?!\s+(?:forever|for good|permanently|tonight|now|right now)\W{0,6}(?:\n|\Z))"
_END: Final = re.compile(rf"(?<!\.)(?:\.(?!\.){_LAST}|[!?]+)[\"')\]*]{{0,3}}(?=\s|\Z)|\n+|[。！？।]")
_CLAUSE: Final = re.compile(
    r"[,;:()\"]|\s-+\s|\.\.+|"
    r"\b(?:but|because|so that|although|though|unless|until|while|whereas|anyway|and then)\b|\band(?= i\b)"
)


def sentences(text: str) -> list[tuple[int, int]]:
    """Half-open spans of the sentences of ``text``, none longer than :data:`LONGEST`; windows of a long one overlap."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        _windows(text, start, match.end(), spans)
        start = match.end()
    _windows(text, start, len(text), spans)
    return spans


def _windows(text: str, start: int, end: int, spans: list[tuple[int, int]]) -> None:
    while end - start > LONGEST:
        cut = text.rfind(" ", start + LONGEST // 2, start + LONGEST)
        cut = start + LONGEST if cut < 0 else cut
        spans.append((start, cut))
        again = text.find(" ", cut - OVERLAP, cut)
        start = cut - OVERLAP if again < 0 else again
    if end > start and not text[start:end].isspace():
        spans.append((start, end))


def clause_before(sentence: str, at: int) -> str:
    """What stands before ``at`` in the same clause."""
    start = 0
    for match in _CLAUSE.finditer(sentence, 0, at + _AHEAD):
        if match.end() <= at:
            start = match.end()
    return sentence[start:at]
