"""How hard a text is to read. Estimates for English prose."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["grade", "sentences", "words"]

_WORD: Final = re.compile(r"[A-Za-z\u00C0-\u024F]+(?:['\u2019][A-Za-z]+)?|\d[\d -]*\d|\d")
_SENTENCE: Final = re.compile(r"[^.!?\n]*[A-Za-z0-9][^.!?\n]*(?:[.!?]+|\n|$)")
_GROUP: Final = re.compile(r"[aeiouy]+")
_LONGEST: Final = 20_000


def words(text: str) -> list[str]:
    """The words of a text, a number counting as one."""
    return _WORD.findall(text[:_LONGEST])


def sentences(text: str) -> list[str]:
    """The sentences of a text; a line break ends one."""
    return [match.strip() for match in _SENTENCE.findall(text[:_LONGEST]) if match.strip()]


def _syllables(word: str) -> int:
    lower = word.lower()
    count = len(_GROUP.findall(lower))
    if lower.endswith("e") and not lower.endswith("le") and count > 1:
        count -= 1
    if lower.endswith(("es", "ed")) and count > 1 and not lower.endswith(("ted", "ded", "ses", "ces", "ges")):
        count -= 1
    return max(count, 1)


def grade(text: str) -> float:
    """The Flesch-Kincaid grade level (Kincaid 1975); 0.0 for a text without words."""
    found = words(text)
    if not found:
        return 0.0
    syllables = sum(_syllables(word) for word in found)
    return 0.39 * len(found) / max(len(sentences(text)), 1) + 11.8 * syllables / len(found) - 15.59
