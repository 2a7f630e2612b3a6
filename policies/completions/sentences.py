"""Fixed sentences: strings that were approved as they stand, exempt from variety and from any rewriting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = [
    "ABUSE_ASK",
    "ABUSE_LATER",
    "ANSWER_ANY",
    "CAN_CALL",
    "CAREGIVER_NOW",
    "EMERGENCY_IF",
    "FIXED_QUESTIONS",
    "GRIEF",
    "HOLDING_UP",
    "IDENTITY",
    "KILLING",
    "LIMITS",
    "MEDICAL_CARE",
    "MEDICAL_NOW",
    "MONITORED",
    "NOT_YOUR_FAULT",
    "ONE_QUESTION",
    "PEOPLE",
    "PERSON",
    "PERSON_MINOR",
    "PROGRAM",
    "THEY_SAFE",
    "URGENT",
    "VOICES",
    "Urgent",
]

IDENTITY: Final = "This is the safety part of this service."
PROGRAM: Final = "I'm a computer program."
LIMITS: Final = "I'm a computer program and I can't call for you."

PERSON: Final = "someone you feel safe with"
PERSON_MINOR: Final = "an adult you feel safe with, such as a teacher, school nurse, coach or relative"

ANSWER_ANY: Final = "You can say yes, no, or not sure."
CAN_CALL: Final = "Can you call now?"
ONE_QUESTION: Final = "You can answer just this one."
MEDICAL_CARE: Final = "Do you need medical care now?"
THEY_SAFE: Final = "Are they in danger right now?"
HOLDING_UP: Final = "And how are you holding up?"
KILLING: Final = "Are you thinking of killing yourself?"
VOICES: Final = "Are you safe right now, and is someone with you?"
GRIEF: Final = "Is this about missing them, or are you having thoughts of killing yourself?"
ABUSE_ASK: Final = (
    "Is it safe to read about this here? Someone else may see this device. "
    "We can talk about something else whenever you like."
)
FIXED_QUESTIONS: Final = (CAN_CALL, MEDICAL_CARE, THEY_SAFE, HOLDING_UP, KILLING, VOICES, GRIEF, ABUSE_ASK)
"""Questions beside those of the ladder."""

ABUSE_LATER: Final = (
    'When it is safe to read here, write "safe", and I can show you who to talk to. '
    "We can talk about something else whenever you like."
)
NOT_YOUR_FAULT: Final = "This is not your fault. You don't have to send anything more."
MEDICAL_NOW: Final = "What you describe needs medical help now, even if you feel all right."
CAREGIVER_NOW: Final = (
    "First put the baby down somewhere safe, such as the cot, or see that the person you care for is safe. "
    "Then step into the next room for a few minutes. Never shake a baby."
)
MONITORED: Final = "If someone else may see this device, you can reach out from another phone."
EMERGENCY_IF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "risk": "If you might act on these thoughts, call {emergency} right away.",
        "self-harm": "If you are badly hurt, call {emergency} right away.",
        "other": "If they are in danger, call {emergency} right away.",
        "violence": "If anyone may get hurt, call {emergency} right away.",
        "caregiver": "If they were shaken or hurt, or are limp or very sleepy, call {emergency} now.",
        "voices": "If you might act on what you hear, call {emergency} right away.",
        "abuse": "If you are in danger now, call {emergency} as soon as it is safe to call.",
        "medical": "If you can't get to a doctor right away, call {emergency}.",
    }
)

PEOPLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "open": (
            "Because of what you wrote, someone on this service's safety team may read this chat. I don't know how soon."
        ),
        "acknowledged": "Someone on the team has now seen this.",
        "nobody": "Nobody is watching this chat. A crisis line has people now.",
        "nobody-alone": "Nobody is watching this chat.",  # where no line is shown that answers around the clock
    }
)


@dataclass(frozen=True, slots=True)
class Urgent:
    """The urgent sentences of one kind of danger, in the order in which they are spoken. Empty: not spoken."""

    urgent: str
    company: str
    distance: str
    company_minor: str = (
        "Be with an adult you feel safe with if you can, such as a teacher, school nurse, coach or relative."
    )
    police: bool = False


_COMPANY: Final = "Be with someone you feel safe with if you can."
_CALL: Final = "Please call {emergency} now, or ask someone near you to call."
_AWAY: Final = "If anything you could use to hurt yourself is near, move away from it, or ask someone else to keep it."

URGENT: Final[Mapping[str, Urgent]] = MappingProxyType(
    {
        "suicide": Urgent(_CALL, _COMPANY, _AWAY),
        "medical": Urgent(f"{MEDICAL_NOW} {_CALL}", _COMPANY, _AWAY),  # distance: only where suicide was said
        "overdose": Urgent(
            f"{MEDICAL_NOW} {_CALL}", _COMPANY, "Please take nothing more until they have told you what is safe."
        ),
        "violence": Urgent(
            "If you might hurt someone, please call {emergency} now, or ask someone near you to call.",
            "Be with someone who can help you stay calm.",
            "Go away from the person you might hurt, and from anything that could be used to hurt anyone.",
            police=True,
        ),
        "caregiver": Urgent(
            f"{CAREGIVER_NOW} If they were shaken or hurt, or are limp or very sleepy, please call {{emergency}} now. "
            "If you might still hurt them, call too, or ask someone near you to call.",
            "Call someone you feel safe with, and ask them to stay with you.",
            "",
            "Call an adult you feel safe with, such as a teacher, school nurse, coach or relative, "
            "and ask them to stay with you.",
        ),
        "abuse": Urgent(
            "If you are in danger now, call {emergency} as soon as it is safe to call, or ask someone near you to call.",
            "If you can do it safely, be near other people.",
            "",
            "If you can do it safely, be near an adult you feel safe with, "
            "such as a teacher, school nurse, coach or relative.",
            police=True,
        ),
        "voices": Urgent(
            _CALL,
            _COMPANY,
            "If anything that could hurt you or someone else is near, move away from it, or ask someone else to keep it. "
            "You don't have to do what you hear.",
        ),
        "other": Urgent(
            "If they may be in danger, please call {emergency} now, or ask someone near them to call.",
            "If it is safe for you, stay with them, or ask another person to be with them.",
            "You could help them go to another room, away from anything they could use to hurt themselves.",
            "If it is safe for you, stay with them until an adult you both feel safe with is there.",
        ),
    }
)
