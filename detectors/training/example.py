"""One text with what is known of it, whatever source it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from detectors.contract import Item, Utterance
from detectors.signals import Side

__all__ = ["OTHER_RISK", "RISK", "Example", "harmless"]

RISK: Final = (
    "risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_ge5",
    "risk.suicide_behaviour", "risk.suicide_high", "risk.suicide_imminent", "risk.emergency_now", "risk.self_harm",
    "risk.method_seeking", "concern.suicide",
)  # fmt: skip
"""The signals that everyday sources say nothing of, and that are taken as absent where no word of theirs stands."""

OTHER_RISK: Final = (
    "risk.violence", "violence.target", "violence.intent", "violence.mass", "risk.caregiver_harm",
    "context.intrusive_unwanted",
    "abuse.partner", "abuse.sexual", "abuse.child", "abuse.dependent", "abuse.exploitation", "abuse.danger_now",
    "risk.eating", "risk.eating_medical", "risk.psychosis", "risk.command_voices", "risk.mania",
    "risk.substance", "risk.overdose_or_withdrawal", "risk.medical_emergency", "risk.means_information",
)  # fmt: skip
"""The same of other risks."""

_GRAVE: Final = re.compile(
    r"\b(?:suicid|kill|die|dying|died|dead|death|end(?:ing|ed)? (?:it|my|things)|self.?harm|cut|hurt|harm|hang|overdos|od\b|"
    r"pills|unaliv|kms|kys|sewerslide|gone|disappear|goodbye|not be here|wake up|live|alive|living|existing|jump|bridge|gun|"
    r"shoot|shot|rope|knife|blood|poison|murder|worthless|hopeless|emergency|ambulance|hospital|depress)",
    re.IGNORECASE,
)

_TROUBLED: Final = re.compile(
    r"\b(?:beat|hit|punch|slap|stab|attack|fight|threat|weapon|bomb|revenge|rape|assault|abus|molest|touch|force|groom|"
    r"blackmail|nudes|traffick|stalk|control|scared|afraid|unsafe|police|husband|wife|boyfriend|girlfriend|partner|ex\b|"
    r"eat|ate\b|food|meal|calorie|weigh|fat\b|thin|skinny|diet|binge|purg|vomit|starv|fast|anorex|bulimi|body|"
    r"voice|hear|spirit|demon|god|devil|signs?\b|messag|watch|follow|spy|government|chip|camera|mission|chosen|sleep|awake|"
    r"energy|spend|spent|drunk|drink|drank|beer|wine|vodka|booze|alcohol|drug|high\b|weed|coke|meth|heroin|opioid|dose|"
    r"medic|relapse|withdraw|chest|breath|pain|stroke|allerg|bleed|faint|doctor|baby|kid|child|mom|mum|dad|father|mother|"
    r"thoughts)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Example:
    """A text as the encoder sees it, with its labels.

    ``labels``: a probability for each signal that the source speaks of; what is not in it is left out of the loss.
    ``group``: what must not be parted between training and evaluation (an author, a script, a situation), unique within
    ``source``. ``recency``: of behaviour, where it is known. ``slices``: names under which evaluation counts it.
    ``edition``: of the corpus; each is split by itself, so that a later one leaves earlier splits alone. Of another source
    the second is what somebody read for risk.
    """

    source: str
    group: str
    side: Side
    text: str
    labels: Mapping[str, float]
    context: tuple[Utterance, ...] = ()
    question: int | None = None
    recency: str | None = None
    voice: str | None = None
    slices: tuple[str, ...] = field(default=())
    edition: int = 1

    @property
    def item(self) -> Item:
        """What the scorer would be asked."""
        return Item(self.side, self.text, self.context, self.question, self.side is Side.REPLY, "en")


def harmless(text: str) -> dict[str, float]:
    """Everyday text as a weak negative of :data:`RISK` and :data:`OTHER_RISK`: nothing is said of it where any word of
    death, harm or despair stands, and nothing of other risks where a word stands that people use who tell of them."""
    if _GRAVE.search(text):
        return {}
    return dict.fromkeys(RISK if _TROUBLED.search(text) else (*RISK, *OTHER_RISK), 0.0)
