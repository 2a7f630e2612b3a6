"""What else is folded before terms of other scripts are looked for: signs that people leave out or write in several ways."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from detectors.letters import fold

__all__ = ["CLAUSE", "LETTER", "folded", "mapped"]

LETTER: Final = (
    r"[\w\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983"
    r"\u09bc-\u09cd\u09d7\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]"
)
"""One character of a word. Vowel signs of several scripts are no ``\\w``."""

CLAUSE: Final = re.compile(r"[.,;:!?…。！？、，।؟،؛()\n\"]|\s-+\s")
"""What ends a clause."""

_SAME: Final = {
    "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ۀ": "ه", "ؤ": "و", "ئ": "ي", "ـ": "",
    "ё": "е", "ँ": "ं", "়": "", "़": "", "ς": "σ",
}  # fmt: skip
_HARAKAT: Final = re.compile(r"[\u0610-\u061a\u064b-\u065f\u0670]")


@lru_cache(maxsize=4096)
def _one(character: str) -> str:
    """A character of a normalised text as terms are written: at most one character."""
    if character < "\x80":
        return character
    same = _SAME.get(character)
    if same is not None:
        return same
    if _HARAKAT.match(character):
        return ""
    if "\u0370" <= character <= "\u03ff":
        bare = unicodedata.normalize("NFD", character)[0]
        return _SAME.get(bare, bare)
    return character


def mapped(text: str) -> tuple[str, list[int] | range]:
    """A normalised text folded further, and for each of its characters where in ``text`` it stands."""
    if text.isascii():
        return text, range(len(text))
    pieces: list[str] = []
    places: list[int] = []
    for at, character in enumerate(text):
        piece = _one(character)
        if piece:
            pieces.append(piece)
            places.append(at)
    return "".join(pieces), places


def folded(text: str) -> str:
    """A term's text folded as messages are, but for spellings: those are for words of English."""
    return "".join(_one(c) for d in text for c in (d.lower() if d < "\x80" else fold(d)[0]))
