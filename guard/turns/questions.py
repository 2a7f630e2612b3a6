"""Which safety question a message asks, read off its words.

Handrail's own questions are fixed strings; a chatbot that asks in its own words is understood too. A sessionless request's
state rests on this alone: it is a pure function of the messages that were sent.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["asked", "asked_of_now"]

_CALL: Final = r"\bcan you call (?:for help )?now\b"
_KILL: Final = r"(?:kill(?:ing)? yourself|end(?:ing)? your (?:own )?life|tak(?:e|ing) your (?:own )?life|suicid(?:e|al))"
_RUNGS: Final = (
    # the highest rung first: a question on intent often names the thought as well
    (6, r"\bhave you (?:ever )?(?:done anything|tried|attempted|started)\b[^?]{0,80}(?:hurt|harm|kill|end your|ready to)"),
    (
        5,
        r"\b(?:worked out|picked|decided|set|chosen|planned)\b[^?]{0,40}\b(?:time|place|when|where)\b"
        r"|\bdo you have a plan\b",
    ),
    (
        4,
        r"\b(?:might|going to|intend(?:ing)? to|plan(?:ning)? to|want to)\b[^?]{0,20}\bact on\b"
        r"|\bintend(?:ing)? to kill yourself\b|\bany intention\b[^?]{0,20}\bact(?:ing)?\b",
    ),
    (3, r"\bhave you (?:thought|been thinking) about how\b|\bthought about how you (?:would|might)\b"),
    (2, rf"\b(?:are you|have you been|do you|did you)\b[^?]{{0,60}}\b{_KILL}"),
    (1, r"\bwish(?:ed|ing)?\b[^?]{0,30}\b(?:you were(?:n't| not)? (?:alive|dead)|not wake up|asleep)\b"),
    (
        0,
        r"\bare you (?:safe|in danger)\b[^?]{0,40}\b(?:now|right now|at the moment|tonight|today)\b"
        rf"|{_CALL}",
    ),
)
_COMPILED: Final = tuple((rung, re.compile(pattern, re.IGNORECASE)) for rung, pattern in _RUNGS)
_CALLS: Final = re.compile(_CALL, re.IGNORECASE)
_QUESTION: Final = re.compile(r"[^.!?\n]{0,400}\?")
_TAIL: Final = 4000


def _last(text: str) -> tuple[int, str] | None:
    """The last safety question: its rung and its sentence."""
    found: tuple[int, str] | None = None
    for match in _QUESTION.finditer(text[-_TAIL:].replace("\u2019", "'")):
        for rung, pattern in _COMPILED:
            if pattern.search(match.group()):
                found = rung, match.group()
                break
    return found


def asked(text: str) -> int | None:
    """The rung (1 to 6; 0 for safety right now) of the last safety question in ``text``, ``None`` where there is none.

    Only the last 4,000 characters are read: a question that far above the end is not the one that is answered.
    """
    found = _last(text)
    return found[0] if found is not None else None


def asked_of_now(text: str) -> str | None:
    """Which of the questions of rung 0 the last safety question in ``text`` is, as its variant is called: ``can-call`` or
    ``ladder-0``. ``None`` where it is another one, or there is none."""
    found = _last(text)
    if found is None or found[0] != 0:
        return None
    return "can-call" if _CALLS.search(found[1]) else "ladder-0"
