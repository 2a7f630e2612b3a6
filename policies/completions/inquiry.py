"""Which question a message asks, if any: at most one, in a fixed wording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from policies.completions import sentences
from policies.completions.catalog import Template
from policies.completions.contract import Need
from policies.completions.ladder import QUESTIONS, SAFE_NOW, next_question
from policies.decision import VULNERABLE

__all__ = ["Inquiry", "calling", "inquiry", "silent", "unsafe"]

_SEVERE: Final = 3
_IMMINENT: Final = frozenset({"ccs/imminent", "ccs/emergency-now", "ccs/overdose"})
_RECENT: Final = frozenset({"now", "24h"})
_UNCLEAR: Final = "answer-again"
_REPLIED: Final = "ccs/harmful-reply"
_GRIEVING: Final = frozenset({"ccs/wish-to-be-dead", "ccs/distress"})


@dataclass(frozen=True, slots=True)
class Inquiry:
    """``rung``: of the ladder, ``None`` for a question beside it. ``safety``: it is about the person's own safety."""

    variant: str
    text: str
    rung: int | None = None
    safety: bool = True


def _ladder(rung: int) -> Inquiry:
    return Inquiry(f"ladder-{rung}", QUESTIONS[rung], rung)


def unsafe(need: Need) -> bool:
    """They answered that they are not safe right now."""
    return need.answered_rung == SAFE_NOW and need.answered == "deny"


def calling(need: Need) -> bool:
    """They answered that they can call for help: it is not the moment for one more question."""
    return need.answered_rung == SAFE_NOW and need.answered == "affirm" and need.asked_of_now == "can-call"


def silent(need: Need) -> bool:
    """The question that our last message asked was passed over without a word."""
    return need.asked_last and need.answered is None and "asked" in need.ladder.values()


def _undisclosed(need: Need, template: Template) -> bool:
    """The message rests on what the chatbot said alone: the person told nothing of suicide, now or before."""
    told = need.level > 0 or need.behaviour_recency is not None or need.answered is not None or need.state in VULNERABLE
    return template.id == _REPLIED and not told and all(word == "not_asked" for word in need.ladder.values())


def inquiry(need: Need, template: Template, *, urgent: bool = False) -> Inquiry | None:
    """The question for this need. ``urgent``: the message has the urgent form."""
    rung = _next(need, template)
    if template.family == "other":
        return _about_other(need)
    if template.family == "voices":
        asked = "voices-safe" in need.spoken
        if not asked and need.answered != "declines":
            return Inquiry("voices-safe", sentences.VOICES, SAFE_NOW)
    if urgent:
        return _urgently(need, template, rung)
    if need.answered == "declines" or silent(need) or calling(need):
        return None
    if need.state == "steady" and need.severity < _SEVERE and _undisclosed(need, template):
        return None
    if template.family == "self-harm" and need.answered is None and "medical-care" not in need.spoken:
        return Inquiry("medical-care", sentences.MEDICAL_CARE)
    if template.family in ("violence", "voices", "abuse"):
        asked = "ladder-0" in need.spoken or need.answered_rung == SAFE_NOW
        return None if asked else _ladder(SAFE_NOW)
    if rung == 2 and template.question == "killing":
        return Inquiry("killing", sentences.KILLING, 2)
    grieving = "bereaved" in need.stated and template.id in _GRIEVING and need.answered is None
    if grieving and rung in (1, 2) and "grief-question" not in need.spoken:
        return Inquiry("grief-question", sentences.GRIEF, 2)
    return _ladder(rung) if rung is not None else None


def _next(need: Need, template: Template) -> int | None:
    near = template.id in _IMMINENT or need.behaviour_recency in _RECENT
    near = near or (need.answered == "affirm" and need.answered_rung == 5)
    known = template.known
    if template.family == "risk" and need.severity >= 2 and not _undisclosed(need, template):
        known = max(known, 1)  # a disclosure of that weight is met with the direct question
    return next_question(
        need.ladder,
        known=known,
        level=need.level if template.family in ("risk", "self-harm") else 0,
        answered=need.answered,
        answered_rung=need.answered_rung,
        imminent=near and need.severity >= _SEVERE,
        safe_asked="ladder-0" in need.spoken,
        asked_last=need.asked_last,
        pressed=_UNCLEAR in need.spoken,
    )


def _urgently(need: Need, template: Template, rung: int | None) -> Inquiry | None:
    if template.family == "abuse":
        return _ladder(SAFE_NOW) if not unsafe(need) else None
    safe = need.answered_rung == SAFE_NOW and need.answered == "affirm"
    if safe and rung is not None and template.family in ("risk", "self-harm"):
        return _ladder(rung)
    # the two urgent questions take turns, so that neither is put twice in a row
    if need.asked_of_now == "can-call" or ("can-call" in need.spoken and "ladder-0" not in need.spoken):
        return _ladder(SAFE_NOW)
    return Inquiry("can-call", sentences.CAN_CALL, SAFE_NOW)


def _about_other(need: Need) -> Inquiry | None:
    if "they-safe" not in need.spoken:
        return Inquiry("they-safe", sentences.THEY_SAFE, safety=True)
    if "holding-up" not in need.spoken:
        return Inquiry("holding-up", sentences.HOLDING_UP, safety=False)
    return None
