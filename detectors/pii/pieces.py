"""How a text becomes the head's input, in training and in serving alike.

The vocabulary knows no capitals, and chat has few. What capitals there are reach the network beside the token, as its
token type: lower, Capitalised, UPPER, or with a digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tokenizers import Tokenizer

__all__ = ["LONGEST", "SHAPES", "Piecer", "Pieces", "windows"]

LONGEST: Final = 128
"""Tokens of one window, its two ends included: the network has positions for no more."""

SHAPES: Final = ("lower", "capitalised", "upper", "digit")

_OVERLAP: Final = 32
_SURROGATES: Final = dict.fromkeys(range(55296, 57344), 65533)


@dataclass(frozen=True, slots=True)
class Pieces:
    """A text's word pieces. ``words``: half-open ranges of code points of the words. ``word_of``: of each piece its word."""

    ids: tuple[int, ...]
    shapes: tuple[int, ...]
    word_of: tuple[int, ...]
    words: tuple[tuple[int, int], ...]


class Piecer:
    """Makes pieces. Safe to share between threads."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """``tokenizer``: WordPiece, lower-casing. It is set to neither pad nor cut. Raises ``ValueError``."""
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self.cls, self.sep, self.pad = (self._id(token) for token in ("[CLS]", "[SEP]", "[PAD]"))

    def _id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(f"the tokenizer has no token {token}; use one of the BERT family")
        return int(found)

    def pieces(self, text: str) -> Pieces:
        """The pieces of ``text``. Never raises for what it contains."""
        encoding = self._tokenizer.encode(text.translate(_SURROGATES), add_special_tokens=False)
        words: list[tuple[int, int]] = []
        word_of: list[int] = []
        seen: int | None = None
        for own, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
            if own != seen:
                words.append((start, end))
                seen = own
            else:
                words[-1] = (min(words[-1][0], start), max(words[-1][1], end))
            word_of.append(len(words) - 1)
        shapes = [_shape(text[start:end]) for start, end in words]
        return Pieces(tuple(encoding.ids), tuple(shapes[word] for word in word_of), tuple(word_of), tuple(words))


def windows(size: int) -> list[tuple[int, int, int, int]]:
    """Windows over ``size`` pieces: of each its half-open range, and the range of which its answer is taken.

    The ranges that are taken lie side by side and hold every piece once.
    """
    room = LONGEST - 2
    if size <= room:
        return [(0, size, 0, size)] if size else []
    starts = list(range(0, size - _OVERLAP, room - _OVERLAP))
    found: list[tuple[int, int, int, int]] = []
    for at, start in enumerate(starts):
        end = min(start + room, size)
        taken = start + _OVERLAP // 2 if at else 0
        until = starts[at + 1] + _OVERLAP // 2 if at + 1 < len(starts) else size
        found.append((start, end, taken, until))
    return found


def _shape(word: str) -> int:
    if any(map(str.isdigit, word)):
        return 3
    if not word[:1].isupper():
        return 0
    return 2 if len(word) > 1 and word.isupper() else 1
