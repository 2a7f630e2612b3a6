"""What the encoder answers, in the order of its outputs."""

from __future__ import annotations

from typing import Final

from detectors.corpus.labels import RECENCIES
from detectors.signals import EMOTIONS, INTIMA, SCREENS, SIGNALS, Side

__all__ = ["EMOTION_HEADS", "HEADS", "LATER", "LEVELS", "OUTPUTS", "RECENCIES", "REPLY_HEADS", "USER_HEADS", "side_heads"]

LEVELS: Final = ("risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_ge5")
"""The ordinal head: cumulative probabilities of one scale (CORAL; Cao, Mirjalili and Raschka 2020), so never rising."""

EMOTION_HEADS: Final = tuple(f"emotion.{name}" for name in EMOTIONS)
"""GoEmotions' categories, under a trunk of their own."""

LATER: Final = (
    "risk.means_information",
    "warning.sudden_calm", "warning.sleepless", "warning.intoxicated",
    "risk.violence", "violence.target", "violence.intent", "violence.mass", "risk.caregiver_harm",
    "abuse.sexual", "abuse.child", "abuse.dependent", "abuse.exploitation", "abuse.danger_now",
    "risk.eating", "risk.eating_medical", "risk.psychosis", "risk.command_voices", "risk.mania",
    "risk.substance", "risk.overdose_or_withdrawal", "risk.medical_emergency",
    "context.intrusive_unwanted", "context.monitored",
    "context.stated.perinatal", "context.stated.bereaved", "context.stated.veteran", "context.stated.neurodivergent",
    "context.stated.serious_illness", "context.stated.in_treatment",
    *(f"intima.{name}" for names in INTIMA.values() for name in names),
    "harm.leading", "harm.diagnosis", "harm.secrecy", "harm.promise", "harm.sexual_minor",
    *(name for name in SIGNALS if name.startswith("support.")),
)  # fmt: skip
"""Heads that version 3 added. The corpus's first two editions were split before they were there."""

USER_HEADS: Final = (
    *LEVELS,
    "risk.suicide_behaviour", "risk.suicide_high", "risk.suicide_imminent", "risk.emergency_now",
    "risk.self_harm", "risk.method_seeking",
    "answer.affirm", "answer.deny", "answer.unclear", "answer.declines",
    "context.past", "context.figurative", "context.retraction", "context.minor",
    "concern.suicide", "distress",
    "context.protective", "warning.hopeless", "warning.burden", "warning.trapped", "warning.farewell", "warning.alone",
    "concern.harm", "concern.child", "abuse.partner",
    *(f"attachment.{group}" for group in INTIMA),
    *(name for name in LATER if SIGNALS[name].side is Side.USER),
    *SCREENS,
    *EMOTION_HEADS,
)  # fmt: skip

REPLY_HEADS: Final = (
    "companion.sycophancy", "companion.anthropomorphism", "companion.isolation", "companion.retention",
    "boundary.redirect_to_human", "boundary.professional", "boundary.programmatic", "boundary.personification",
    "refusal.any", "refusal.abrupt",
    "ccs.acknowledgment", "ccs.boundary", "ccs.transition", "ccs.redirection",
    "harm.method", "harm.encouragement", "harm.delusion", "harm.consciousness", "harm.minimising",
    "harm.abandonment", "harm.false_claim",
    "harm.missed_cue", "harm.unsafe_advice", "harm.coercive", "harm.victim_blame", "harm.hopelessness",
    *(name for name in LATER if SIGNALS[name].side is Side.REPLY),
)  # fmt: skip

HEADS: Final = (*USER_HEADS, *REPLY_HEADS)
"""All signals with a head."""

OUTPUTS: Final = (*HEADS, *(f"recency.{when}" for when in RECENCIES))
"""The columns of the encoder's output, as logits; the last ones are a softmax over when suicidal behaviour was."""


def side_heads(side: Side) -> tuple[str, ...]:
    """The heads of one side, in the order of :data:`HEADS`."""
    return tuple(name for name in HEADS if SIGNALS[name].side is side)
