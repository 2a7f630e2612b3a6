"""What the encoder answers, in the order of its outputs."""

from __future__ import annotations

from typing import Final

from detectors.corpus.labels import RECENCIES
from detectors.signals import EMOTIONS, INTIMA, SIGNALS, Side

__all__ = ["HEADS", "LEVELS", "OUTPUTS", "RECENCIES", "REPLY_HEADS", "USER_HEADS", "side_heads"]

LEVELS: Final = ("risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_ge5")
"""The ordinal head: cumulative probabilities of one scale (CORAL; Cao, Mirjalili and Raschka 2020), so never rising."""

USER_HEADS: Final = (
    *LEVELS,
    "risk.suicide_behaviour", "risk.suicide_high", "risk.suicide_imminent", "risk.emergency_now",
    "risk.self_harm", "risk.method_seeking",
    "answer.affirm", "answer.deny", "answer.unclear", "answer.declines",
    "context.past", "context.figurative", "context.retraction", "context.minor",
    "concern.suicide", "distress",
    "context.protective", "warning.hopeless", "warning.burden", "warning.trapped", "warning.farewell", "warning.alone",
    "concern.harm", "concern.child", "abuse.partner",
    *(f"emotion.{name}" for name in EMOTIONS),
    *(f"attachment.{group}" for group in INTIMA),
)  # fmt: skip

REPLY_HEADS: Final = (
    "companion.sycophancy", "companion.anthropomorphism", "companion.isolation", "companion.retention",
    "boundary.redirect_to_human", "boundary.professional", "boundary.programmatic", "boundary.personification",
    "refusal.any", "refusal.abrupt",
    "ccs.acknowledgment", "ccs.boundary", "ccs.transition", "ccs.redirection",
    "harm.method", "harm.encouragement", "harm.delusion", "harm.consciousness", "harm.minimising",
    "harm.abandonment", "harm.false_claim",
    "harm.missed_cue", "harm.unsafe_advice", "harm.coercive", "harm.victim_blame", "harm.hopelessness",
)  # fmt: skip

HEADS: Final = (*USER_HEADS, *REPLY_HEADS)
"""All signals with a head."""

OUTPUTS: Final = (*HEADS, *(f"recency.{when}" for when in RECENCIES))
"""The columns of the encoder's output, as logits; the last ones are a softmax over when suicidal behaviour was."""


def side_heads(side: Side) -> tuple[str, ...]:
    """The heads of one side, in the order of :data:`HEADS`."""
    return tuple(name for name in HEADS if SIGNALS[name].side is side)
