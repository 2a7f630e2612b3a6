"""What a completion is asked for and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["BeatUse", "Composer", "Composition", "Need", "ResourceUse"]


@dataclass(frozen=True, slots=True)
class Need:
    """All that a completion is composed from: the same need gives the same text, byte for byte.

    ``template``: the id that the policy named, e.g. ``ccs/ideation-with-method``. ``severity``: 0 to 4. ``country``: ISO
    3166-1 alpha-2 or ``None`` where unknown. ``language``: ISO 639-1. ``ladder``: rung name -> its answer so far. ``level``:
    of suicidal ideation, 0 to 5, as this turn and the session's peaks say (1 wish, 2 thoughts, 3 method, 4 intent, 5 plan).
    ``people``: ``nobody``, ``open`` (a case is open and staffed), ``acknowledged``, or ``unknown`` (then nothing is said of
    people). ``identity_due``: the identity sentence is to be spoken. ``spoken``: ids of variants that this session has
    heard, ``shown``: ids of resources it was shown; both are avoided while others are left. ``words``: the person's own
    message, for an echo of its sense; never parroted, never logged. ``stated``: names under ``context.stated``. ``seed``:
    picks variants (a digest, stable per turn). ``declining``: something the person asked for is declined. ``reply_asks``:
    the reply that is kept already asks a question.
    """

    template: str
    severity: int
    seed: bytes
    country: str | None = None
    language: str = "en"
    age: str = "unknown"
    state: str = "steady"
    ladder: Mapping[str, str] = field(default_factory=dict)
    level: int = 0
    answered: str | None = None  # what this turn did to the open question: affirm, deny, unclear, declines
    answered_rung: int | None = None
    asked_of_now: str | None = None  # variant of the question of rung 0 that was asked last: ladder-0, can-call, …
    refer: tuple[str, ...] = ()
    people: str = "nobody"
    identity_due: bool = True
    declining: bool = False
    monitored: bool = False
    minor: bool = False
    behaviour_recency: str | None = None
    stated: frozenset[str] = frozenset()
    spoken: frozenset[str] = frozenset()
    shown: frozenset[str] = frozenset()
    reply_asks: bool = False
    at_risk: bool = False  # suicide or self-harm was spoken of in this session, if only faintly
    asked_last: bool = False  # the last message of ours already asked a safety question
    words: str = ""


@dataclass(frozen=True, slots=True)
class BeatUse:
    """One beat as spoken: ``beat`` (acknowledgment, boundary, transition, redirection, identity, urgent, people,
    question, company, distance) and the id of the variant, stable for ever."""

    beat: str
    variant: str


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """One contact that was shown. ``crisis``: it counts as a referral to a crisis provider."""

    id: str
    country: str
    crisis: bool


@dataclass(frozen=True, slots=True)
class Composition:
    """A text that passed the verifier, and what it is made of (which is all that is recorded)."""

    text: str
    template: str
    beats: tuple[BeatUse, ...]
    resources: tuple[ResourceUse, ...]
    question: int | None = None  # rung asked: 1 to 6, 0 for "are you safe right now?"
    identity: bool = False
    last_resort: bool = False


class Composer(Protocol):
    """Makes texts for people."""

    def complete(self, need: Need) -> Composition:
        """A whole message that takes the place of a reply. Never raises: falls back to the fixed text of last resort."""
        ...

    def append(self, need: Need, *, reply: str) -> Composition | None:
        """What is to be added to a reply that is kept; ``None`` where the reply already has it all."""
        ...

    def bridge(self, need: Need, *, before: str) -> Composition:
        """A short sentence in place of sentences that are withheld, so that the reply reads whole."""
        ...
