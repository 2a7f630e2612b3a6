"""Fixed texts of last resort: what is said when nothing composed passed the verifier."""

from __future__ import annotations

from typing import Final

from policies.completions import sentences
from policies.completions.contract import BeatUse, Composition, Need, ResourceUse
from policies.completions.ladder import QUESTIONS, SAFE_NOW

__all__ = ["last_resort"]

_DIRECTORY: Final = ResourceUse("zz/find-a-helpline", "ZZ", crisis=True)

_CALL: Final = (
    "Please call your local emergency number now, or ask someone near you to call. "
    "Be with someone you feel safe with if you can."
)
_CLOSE: Final = f"{sentences.IDENTITY} {sentences.LIMITS}\n\n{sentences.CAN_CALL}"
_URGENT: Final = (
    f"{_CALL} If anything you could use to hurt yourself is near, move away from it, or ask someone else to keep it. "
    f"{_CLOSE}"
)
_MEDICAL_URGENT: Final = f"{sentences.MEDICAL_NOW} {_CALL} {_CLOSE}"
_OVERDOSE_URGENT: Final = f"{sentences.MEDICAL_NOW} {_CALL} {sentences.URGENT['overdose'].distance} {_CLOSE}"
_NUMBER: Final = "your local emergency number"
_OF_OTHERS: Final = {"ccs/violence": "violence", "ccs/voices": "voices", "ccs/concern-for-other": "other"}
_CAREGIVER: Final = (
    f"{sentences.CAREGIVER_NOW} If they were shaken or hurt, or are limp or very sleepy, call your local emergency number "
    f"now. Call someone you feel safe with, and ask them to stay with you. {_CLOSE}"
)
_RISK: Final = (
    f"Thank you for telling me. What you wrote matters. {sentences.IDENTITY}\n\n"
    "You can find a line for the place where you are. Find A Helpline: go to findahelpline.com. "
    "If you might act on thoughts of hurting yourself, call your local emergency number right away, "
    f"and be with someone you feel safe with.\n\n{QUESTIONS[SAFE_NOW]}"
)
_ABUSE: Final = f"What you describe is not your fault. {sentences.IDENTITY}\n\n{sentences.ABUSE_ASK}"
_ABUSE_URGENT: Final = (
    "If you are in danger now, call your local emergency number as soon as it is safe to call, or ask someone near you to "
    f"call. If you can do it safely, be near other people. {sentences.IDENTITY} {sentences.LIMITS}\n\n{QUESTIONS[SAFE_NOW]}"
)
_LIGHT: Final = f"Thanks for telling me. {sentences.IDENTITY} We can go on with what you wanted to talk about."


def last_resort(need: Need) -> Composition:
    """The fixed text for a need. Cannot fail: it reads no data and fills no slot."""
    urgent = need.severity >= 4
    resources: tuple[ResourceUse, ...]
    rung: int | None
    if need.template.startswith("companion/") or need.template in ("ccs/idiom-after-all", "ccs/resource-line"):
        text, rung, resources, name = _LIGHT, None, (), "light"
    elif need.template == "ccs/abuse":
        text, rung, resources, name = (
            (_ABUSE_URGENT, SAFE_NOW, (), "abuse-urgent") if need.severity >= 3 else (_ABUSE, None, (), "abuse")
        )
    elif need.template == "ccs/caregiver":
        text, rung, resources, name = _CAREGIVER, SAFE_NOW, (), "caregiver"
    elif urgent and need.template == "ccs/emergency-now":
        text, rung, resources, name = _MEDICAL_URGENT, SAFE_NOW, (), "medical"
    elif urgent and need.template == "ccs/overdose":
        text, rung, resources, name = _OVERDOSE_URGENT, SAFE_NOW, (), "overdose"
    elif urgent and need.template in _OF_OTHERS:
        text, rung, resources, name = _of_others(_OF_OTHERS[need.template]), SAFE_NOW, (), "urgent"
    elif urgent:
        text, rung, resources, name = _URGENT, SAFE_NOW, (), "urgent"
    else:
        text, rung, resources, name = _RISK, SAFE_NOW, (_DIRECTORY,), "risk"
    beat = "urgent" if name in ("urgent", "abuse-urgent", "medical", "overdose", "caregiver") else "acknowledgment"
    return Composition(
        text, need.template, (BeatUse(beat, f"last-resort-{name}"),), resources, rung, identity=True, last_resort=True
    )


def _of_others(kind: str) -> str:
    """The urgent sentences of a danger to or from somebody else, not those for a person who might hurt themselves."""
    urgent = sentences.URGENT[kind]
    return f"{urgent.urgent} {urgent.company} {urgent.distance} {_CLOSE}".replace("{emergency}", _NUMBER)
