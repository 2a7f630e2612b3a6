"""A reply as it is scored: by passages, each with what came before it, and as a whole at its end. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from detectors.contract import Item, Speaker, Utterance
from detectors.sentences import split
from detectors.signals import Side

__all__ = ["ASKED", "TAIL", "last_asked", "reply_items"]

TAIL: Final = 600
"""Characters of a reply that go with a passage of it as what was said before."""

ASKED: Final = 1200
"""Characters, from its end, of the person's turn that goes with a passage."""


def reply_items(text: str, context: Sequence[Utterance], *, whole: bool = True, language: str | None = None) -> list[Item]:
    """What is asked of the detectors for a reply: an item for each sentence with words, then the reply itself if ``whole``.

    Of ``context`` the person's last turn goes with them.
    """
    asked = last_asked(context)
    items = []
    for start, end in split(text):
        passage, tail = text[start:end], text[max(0, start - TAIL) : start]
        if passage.strip():
            before = (*asked, Utterance(Speaker.ASSISTANT, tail)) if tail.strip() else asked
            items.append(Item(Side.REPLY, passage, before, language=language))
    if whole:
        items.append(Item(Side.REPLY, text, asked, whole=True, language=language))
    return items


def last_asked(context: Sequence[Utterance]) -> tuple[Utterance, ...]:
    """The person's last turn, its end, as a context of its own; empty where there is none."""
    words = next((turn.text for turn in reversed(context) if turn.speaker is Speaker.USER), "")
    return (Utterance(Speaker.USER, words[-ASKED:]),) if words else ()
