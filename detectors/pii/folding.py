"""What the search for personal data reads: the text with its capitals, digits and signs, without what hides them.

Not the normaliser that lexicon and model share: that one reads digits as letters and drops capitals, which is what numbers
and names are known by. Offsets lead back to the text as received.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Folded", "fold"]


@dataclass(frozen=True, slots=True)
class Folded:
    """``starts[i]`` and ``ends[i]`` are the half-open range of the original behind character ``i``; neither ever falls."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's half-open range behind one of ``text`` that is not empty."""
        return self.starts[start], self.ends[end - 1]


def fold(text: str) -> Folded:
    """``text`` with full-width and ornamental characters as plain ones (NFKC), digits of any script as ASCII, and without
    characters that have no width. Never raises for any string, lone surrogates included."""
    if text.isascii():
        return Folded(text, range(len(text)), range(1, len(text) + 1))
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for at, character in enumerate(text):
        piece = character if character < "\x80" else _plain(character)
        if piece:
            pieces.append(piece)
            starts.extend([at] * len(piece))
            ends.extend([at + 1] * len(piece))
    return Folded("".join(pieces), starts, ends)


@lru_cache(maxsize=8192)
def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf" or "\ufe00" <= character <= "\ufe0f":
        return ""
    if category == "Cs":
        return "\ufffd"
    if category == "Nd":
        return str(unicodedata.decimal(character))
    plain = unicodedata.normalize("NFKC", character)
    # A spacing accent becomes a blank and a mark, which would part a word in two.
    return character if plain[:1] == " " and len(plain) > 1 else plain
