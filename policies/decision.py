"""What a decision is made from and what it says: the contract between the policies and those who run them.

Everything here is immutable data. :func:`policies.decide.decide` is a pure function from a policy and :class:`Facts` to a
:class:`Decision`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final

from detectors.signals import Scores

__all__ = [
    "VULNERABLE",
    "Action",
    "Band",
    "Decision",
    "Escalation",
    "Facts",
    "Moment",
    "Outcome",
    "Person",
    "Posture",
    "RuleResult",
    "SessionView",
    "Tenant",
]

VULNERABLE: Final = frozenset({"elevated", "crisis", "recovering"})
"""States of a session in which somebody may be in danger, or has lately been."""


class Action(IntEnum):
    """What happens to the reply, from least to most protective. Numbers order actions; names are what is stored."""

    ALLOW = 0
    OBSERVE = 1
    GUIDE = 2
    APPEND = 3
    REVISE = 4
    TRIM = 5
    COMPLETE = 6
    PAUSE = 7

    @property
    def word(self) -> str:
        """The name at the edges."""
        return self.name.lower()


class Moment(StrEnum):
    """When a rule is asked."""

    USER_TURN = "user_turn"
    REPLY_SENTENCE = "reply_sentence"
    REPLY_END = "reply_end"
    CLOCK = "clock"


class Band(IntEnum):
    """A thresholded signal with hysteresis."""

    OFF = 0
    WATCH = 1
    ELEVATED = 2
    HIGH = 3


class Posture(StrEnum):
    """How the reply is held back."""

    SENTENCE = "sentence"  # released sentence by sentence
    WHOLE = "whole"  # judged whole before anything leaves


@dataclass(frozen=True, slots=True)
class SessionView:
    """What a policy may read of a session. Pure data, made by ``guard.turns.session``.

    ``state``: steady, distressed, elevated, crisis or recovering. ``ladder``: rung name -> not_asked, asked, affirmed,
    denied, declined. ``peaks``, ``peaks_before``: class -> [0, 1]. ``bands``: the band each name stood in after the last
    turn. ``fired``: rule id -> times it fired, newest last, bounded. ``said``: rule id -> when its words or resources last
    went out. ``trend``: per signal, the last values, newest last.
    """

    state: str = "steady"
    question_open: int | None = None
    ladder: Mapping[str, str] = field(default_factory=dict)
    peaks: Mapping[str, float] = field(default_factory=dict)
    peaks_before: Mapping[str, float] = field(default_factory=dict)
    bands: Mapping[str, Band] = field(default_factory=dict)
    fired: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    said: Mapping[str, datetime] = field(default_factory=dict)
    trend: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    turns: int = 0
    minutes: float = 0.0
    silent_minutes: float = 0.0
    distress_trend: float | None = None
    forecast: float | None = None
    reliance: float | None = None

    @property
    def vulnerable(self) -> bool:
        """Elevated, in crisis, or recovering from one."""
        return self.state in VULNERABLE


@dataclass(frozen=True, slots=True)
class Person:
    """What headers say of the person. Never inferred."""

    age: str = "unknown"  # adult, minor, unknown
    locale: str | None = None  # BCP 47
    jurisdiction: str | None = None  # ISO 3166, "US" or "US-CA"
    timezone: str | None = None  # IANA name


@dataclass(frozen=True, slots=True)
class Tenant:
    """What a policy may read of the tenant. ``people``: none, hours or always."""

    name: str = ""
    tag: str = ""
    people: str = "none"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that one decision rests on.

    ``user``: scores of the user's turn. ``reply``: scores of the sentence or of the whole reply, ``None`` on a user turn.
    ``session``: after the update by this turn's user side. ``off``: names that the tenant's profile forbids.
    """

    moment: Moment
    now: datetime
    session: SessionView
    user: Scores | None = None
    reply: Scores | None = None
    person: Person = field(default_factory=Person)
    tenant: Tenant = field(default_factory=Tenant)
    off: frozenset[str] = frozenset()


class Outcome(StrEnum):
    """What became of a rule that was asked and did not simply stay silent."""

    FIRED = "fired"
    SUPPRESSED = "suppressed"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule's part in a decision. ``by``: what suppressed it, or which value was missing."""

    id: str
    severity: int
    outcome: Outcome
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Escalation:
    """A case is to be opened or raised for ``to``."""

    to: str
    severity: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy says at one moment.

    ``template``: the completion's template, e.g. ``ccs/ideation-with-method``, where ``action`` is COMPLETE, or the beat's
    where it is APPEND. ``append``: the template of a beat to add even if ``action`` is weaker (guide with an append).
    ``refer``: classes of resources to show. ``guidance``: paragraphs for the upstream's system message. ``verify``: names
    of what the finished reply must have (``question``, ``resource``) lest ``append`` adds it. ``bands``: the band of each
    name after this turn. ``degraded``: a rule from severity 3 could not be decided for want of a value. ``said``: ids of the
    rules whose words or resources this decision carries.
    """

    moment: Moment
    action: Action = Action.ALLOW
    severity: int = 0
    rules: tuple[RuleResult, ...] = ()
    template: str | None = None
    append: str | None = None
    refer: tuple[str, ...] = ()
    escalate: tuple[Escalation, ...] = ()
    guidance: tuple[str, ...] = ()
    verify: tuple[str, ...] = ()
    bands: Mapping[str, Band] = field(default_factory=dict)
    posture: Posture = Posture.SENTENCE
    strict: bool = False
    degraded: bool = False
    said: tuple[str, ...] = ()
    policy: str = ""  # content hash

    @property
    def fired(self) -> tuple[str, ...]:
        """Ids of the rules that fired."""
        return tuple(rule.id for rule in self.rules if rule.outcome is Outcome.FIRED)
