"""Where a reply may be cut: sentences of bounded length."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["LONGEST", "SHORTEST", "boundaries", "split"]

SHORTEST: Final = 12
"""A terminator ends a sentence only when the sentence has at least this many characters: ``No. I can't.`` stays whole."""

LONGEST: Final = 400
"""A sentence without a terminator is cut here, at white space where there is any."""

_END: Final = re.compile(
    r"[.!?…]{1,8}[\"'”’)\]*_]{0,3}(?=\s|\Z|[\u3040-\u30ff\u3400-\u9fff])"  # full-width signs come folded to these
    r"|[。！？｡؟۔।]{1,8}[」』”’)]{0,2}|\n"
)


def boundaries(text: str) -> list[int]:
    """The offsets after which ``text`` may be cut, ascending, each in ``(0, len(text)]``.

    A terminator at the very end counts, so a stream's buffer can be released as soon as its sentence is closed; what
    follows the last offset is a sentence that is still open. Every other cut stays, whatever text follows, and the cuts
    after one are those of the text that begins there. White space after a terminator belongs to the next sentence.
    No sentence is longer than :data:`LONGEST`. Linear in the length of ``text``.
    """
    cuts: list[int] = []
    start = 0
    for match in _END.finditer(text):
        end = match.end()
        start = _forced(text, start, end, cuts)
        if end - start >= SHORTEST:
            cuts.append(end)
            start = end
    _forced(text, start, len(text), cuts)
    return cuts


def _forced(text: str, start: int, end: int, cuts: list[int]) -> int:
    """Cuts what is too long between ``start`` and ``end``; returns where the sentence that is still open begins."""
    while end - start > LONGEST:
        limit = start + LONGEST
        at = limit
        for back in range(limit - 1, start + LONGEST // 2, -1):
            if text[back].isspace():
                at = back + 1
                break
        cuts.append(at)
        start = at
    return start


def split(text: str) -> list[tuple[int, int]]:
    """The half-open spans of all sentences, the open one at the end included: they cover ``text`` without gap."""
    cuts = boundaries(text)
    if text and (not cuts or cuts[-1] < len(text)):
        cuts.append(len(text))
    return list(zip([0, *cuts[:-1]], cuts, strict=True)) if cuts else []
