"""The ladder of questions: which one comes next, in fixed wordings.

Rungs 1 to 6 follow the screener of C-SSRS (Posner 2011); rung 0 comes first where danger may be near. This is a
conversation *informed by* the instrument, not an administration of it. Asking directly does not plant the idea.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from detectors.signals import LADDER_RUNGS

__all__ = ["QUESTIONS", "SAFE_NOW", "known_level", "next_question"]

SAFE_NOW: Final = 0

QUESTIONS: Final[Mapping[int, str]] = MappingProxyType(
    {
        SAFE_NOW: "Are you safe right now?",
        1: "Do you wish you weren't alive, or could sleep and not wake up?",
        2: "Are you having thoughts of killing yourself?",
        3: "Have you thought about how? You don't need to give details.",
        4: "Do you think you might act on these thoughts?",
        5: "Have you worked out a time or place?",
        6: "Have you done anything to hurt yourself or to get ready to? Was it recent?",
    }
)
"""Rung to wording. Approved strings: never varied, never rewritten."""

_THOUGHTS: Final = 2
_BEHAVIOUR: Final = 6
_UNASKED: Final = "not_asked"
_CLOSED: Final = ("affirmed", "denied", "declined")


def known_level(ladder: Mapping[str, str], known: int = 0) -> int:
    """The highest level of ideation (0 to 5) that the person has stated or affirmed. Behaviour says nothing of today's."""
    ideation = LADDER_RUNGS[: _BEHAVIOUR - 1]
    affirmed = [rung for rung, name in enumerate(ideation, 1) if ladder.get(name) == "affirmed"]
    # a rung is only asked where the one below it is known, whether it was said freely or in answer
    asked = [rung - 1 for rung, name in enumerate(ideation, 1) if ladder.get(name, _UNASKED) != _UNASKED]
    stated = known if known < _BEHAVIOUR else 1
    return max([stated, *affirmed, *asked])


def _rungs_left(ladder: Mapping[str, str], known: int, said: int) -> list[int]:
    level = max(known_level(ladder, known), said)
    left: list[int] = []
    for rung, name in enumerate(LADDER_RUNGS, 1):
        # what was said freely is not asked again; a lower rung than what is known is answered by it
        if ladder.get(name) in _CLOSED or rung <= level or (rung == _BEHAVIOUR and known == _BEHAVIOUR):
            continue
        unsaid = ladder.get("thoughts") in ("denied", "declined")
        skipped = unsaid and level < _THOUGHTS and _THOUGHTS < rung < _BEHAVIOUR
        if not skipped:
            left.append(rung)
    return left


def next_question(
    ladder: Mapping[str, str],
    *,
    known: int = 0,
    level: int = 0,
    answered: str | None = None,
    answered_rung: int | None = None,
    imminent: bool = False,
    safe_asked: bool = False,
    asked_last: bool = False,
    supported: bool = True,
    pressed: bool = False,
) -> int | None:
    """The rung to ask now, ``None`` for no question.

    ``ladder``: rung name -> not_asked, asked, affirmed, denied or declined, this turn's answer included. ``known``: the
    rung that the disclosure itself answers. ``level``: 0 to 5, what was said freely in the session.
    ``answered``: affirm, deny, unclear or declines, for ``answered_rung``.
    ``imminent``: acting soon is suspected. ``safe_asked``: rung 0 was asked in this session. ``asked_last``: our last
    message asked; ``supported``: this one reflects or helps before it asks. ``pressed``: an unclear answer was already asked
    about again.
    """
    if answered == "declines" or (asked_last and not supported):
        return None
    if answered == "unclear" and answered_rung is not None:
        if not pressed:
            return answered_rung
        return None if safe_asked or answered_rung == SAFE_NOW else SAFE_NOW
    if answered_rung == SAFE_NOW and answered == "deny":
        return None  # what is needed then is help, not another question
    if imminent and not safe_asked and answered_rung != SAFE_NOW:
        return SAFE_NOW
    left = _rungs_left(ladder, known, level)
    return left[0] if left else None
