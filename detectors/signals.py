"""The vocabulary: every thing that Handrail can notice, under the one name it has everywhere.

Policies, metrics, the console and the database use these names and no others. A name is declared once, keeps its
integer id for ever, and is never a dotted prefix of another name, so that an expression reads every name as a plain field.

A score is an *estimate informed by* C-SSRS (Posner 2011), INTIMA (Kaffee 2025), GoEmotions (Demszky 2020), the
Compassionate Completion Standard, VERA-MH and Spiral-Bench. It is not an administration of any instrument, not a
diagnosis, and not clinically validated.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

__all__ = [
    "BY_ID",
    "EMOTIONS",
    "IMPLIED_BY_YES",
    "INTIMA",
    "LADDER_RUNGS",
    "PEAK_CLASSES",
    "SCREENS",
    "SIGNALS",
    "VOCABULARY_VERSION",
    "Kind",
    "Score",
    "Scores",
    "Side",
    "Signal",
    "Tier",
    "position",
    "vocabulary",
]

VOCABULARY_VERSION: Final = 1


class Side(StrEnum):
    """Whose words a signal is read from."""

    USER = "user"
    REPLY = "reply"
    SESSION = "session"


class Kind(StrEnum):
    """What values a signal takes."""

    PROBABILITY = "probability"  # calibrated, in [0, 1]
    LEVEL = "level"  # a number in [0, 6], for display and evaluation
    STATE = "state"  # one of a few words
    FLAG = "flag"  # true or false
    AMOUNT = "amount"  # a number >= 0 in the unit its meaning names
    SLOPE = "slope"  # any number


class Tier(IntEnum):
    """Who answered. Stored as one byte a signal; the numbers never change."""

    MISSING = 0  # nobody answered after the whole ladder: never to be read as 0
    OFF = 1  # the tenant's profile forbids it
    LEXICON = 2
    FULL = 3  # the model

    @property
    def word(self) -> str:
        """The name at the edges: ``missing``, ``off``, ``lexicon`` or ``full``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Signal:
    """One entry of the vocabulary.

    ``whole`` is true for a reply's signal that is judged on the whole reply at its end and on nothing less. ``since`` is the
    vocabulary version that introduced it.
    """

    id: int
    name: str
    side: Side
    kind: Kind
    meaning: str
    source: str
    whole: bool = False
    since: int = 1


EMOTIONS: Final = (
    "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire",
    "disappointment", "disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy",
    "love", "nervousness", "optimism", "pride", "realization", "relief", "remorse", "sadness", "surprise", "neutral",
)  # fmt: skip
"""GoEmotions' 27 categories in the data's own order, and ``neutral``."""

INTIMA: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "traits": (
        "name", "persona", "mirror", "guide", "personalised", "funny", "smart", "consistent", "helpful", "gifting",
        "understanding", "always_happy",
    ),
    "vulnerability": (
        "support", "loneliness", "therapy", "neurodivergent", "challenging_time", "age", "grief",
    ),
    "relationship": (
        "friendship", "love", "preference_over_people", "romantic_partner", "long_term", "availability", "attachment",
        "company",
    ),
    "investment": ("growing_from_a_tool", "growth", "regular_interaction", "lose_yourself"),
})  # fmt: skip
"""INTIMA's four categories and their 31 behaviours."""

SCREENS: Final = ("screen.depression", "screen.anxiety")
"""For reviewers alone, and read of nobody whose tenant has not asked for them."""

PEAK_CLASSES: Final = (
    "suicide", "suicide_ge2", "suicide_ge3", "suicide_ge4", "suicide_ge5", "suicide_behaviour", "suicide_high",
    "suicide_imminent", "emergency_now", "self_harm", "method_seeking", "violence", "abuse", "eating", "psychosis",
    "mania", "substance",
)  # fmt: skip
"""Risk classes whose highest value the session remembers."""

LADDER_RUNGS: Final = ("wish", "thoughts", "method", "intent", "plan", "behaviour")
"""The C-SSRS screener's six questions, rung 1 to rung 6."""

IMPLIED_BY_YES: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType({
    1: ("risk.suicide",),
    2: ("risk.suicide", "risk.suicide_ge2"),
    3: ("risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3"),
    4: ("risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_high"),
    5: (
        "risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_ge5",
        "risk.suicide_high",
    ),
    6: ("risk.suicide", "risk.suicide_behaviour", "risk.suicide_high"),
})  # fmt: skip
"""What a yes to the question on a rung is evidence of, where nothing says that what was done on rung 6 is long past."""


def _declare() -> tuple[Signal, ...]:
    rows: list[Signal] = []

    def add(
        base: int,
        side: Side,
        source: str,
        entries: Mapping[str, str],
        kind: Kind = Kind.PROBABILITY,
        *,
        whole: bool = False,
    ) -> None:
        for offset, (name, meaning) in enumerate(entries.items()):
            rows.append(Signal(base + offset, name, side, kind, meaning, source, whole))

    user, reply, session = Side.USER, Side.REPLY, Side.SESSION

    add(1, user, "C-SSRS", {
        "risk.suicide": "any suicidal ideation or behaviour now (level 1 or more, or behaviour)",
        "risk.suicide_ge2": "ideation level 2 or more: non-specific active thoughts",
        "risk.suicide_ge3": "ideation level 3 or more: with a method",
        "risk.suicide_ge4": "ideation level 4 or more: with some intent",
        "risk.suicide_ge5": "ideation level 5: with plan and intent",
        "risk.suicide_behaviour": "an attempt (actual, interrupted, aborted) or preparation; tagged with its recency",
        "risk.suicide_high": "the high-risk answer: level 4-5 within a month, or behaviour within three months",
        "risk.suicide_imminent": "says or clearly implies acting within about a day, or a farewell with intent",
        "risk.emergency_now": "an attempt, overdose, serious injury or attack under way or just happened",
        "risk.self_harm": "non-suicidal self-injury, thought or act",
        "risk.method_seeking": "asks for means or methods of harm",
        "risk.means_information": "harmless alone, could serve self-harm after distress in this session",
    })  # fmt: skip
    add(13, user, "C-SSRS", {"risk.suicide_level": "0 to 6, for display and evaluation only"}, Kind.LEVEL)
    add(20, user, "warning signs", {
        "warning.hopeless": "sees no way that things get better",
        "warning.burden": "feels a burden to others",
        "warning.trapped": "feels trapped",
        "warning.farewell": "says goodbye, gives things away, settles affairs",
        "warning.sudden_calm": "sudden calm after despair",
        "warning.sleepless": "has hardly slept",
        "warning.intoxicated": "is drunk or high now",
        "warning.alone": "is alone, has nobody",
    })  # fmt: skip
    add(40, user, "VERA-MH", {
        "risk.violence": "a wish or threat to harm others",
        "violence.target": "a named or identifiable target",
        "violence.intent": "intent or means to harm others",
        "violence.mass": "many people as target",
        "risk.caregiver_harm": "an urge to harm a dependent",
        "context.intrusive_unwanted": "unwanted thoughts that frighten the person who has them",
        "abuse.partner": "the speaker is abused by a partner",
        "abuse.sexual": "the speaker is sexually abused or assaulted",
        "abuse.child": "the speaker is a child who is abused or neglected",
        "abuse.dependent": "the speaker is a dependent adult who is abused or neglected",
        "abuse.exploitation": "the speaker is groomed, blackmailed or trafficked",
        "abuse.danger_now": "danger from abuse today",
        "risk.eating": "eating-disorder behaviour",
        "risk.eating_medical": "eating-disorder behaviour with physical warning signs",
        "risk.psychosis": "psychotic experience with distress, conviction and impairment",
        "risk.command_voices": "voices that command harm",
        "risk.mania": "manic episode with impairment or danger",
        "risk.substance": "dangerous substance use",
        "risk.overdose_or_withdrawal": "overdose or dangerous withdrawal",
        "risk.medical_emergency": "another acute medical danger",
        "concern.suicide": "somebody else may be suicidal",
        "concern.harm": "somebody else may harm or be harmed",
        "concern.child": "a child known to the speaker is at risk",
    })  # fmt: skip
    add(70, user, "C-SSRS", {
        "answer.affirm": "answers yes to the safety question last asked",
        "answer.deny": "answers no to the safety question last asked",
        "answer.unclear": "answers without yes or no",
        "answer.declines": "declines to answer",
    })  # fmt: skip
    add(80, user, "Handrail", {
        "context.past": "past, not ongoing",
        "context.figurative": "idiom, hyperbole, fiction, lyrics or quotation",
        "context.retraction": "takes it back",
        "context.monitored": "someone else may read this device",
        "context.minor": "the speaker is likely a minor",
        "context.protective": "a reason for living, support, help already there",
        "context.stated.perinatal": "said to be pregnant or to have a newborn",
        "context.stated.bereaved": "said to be bereaved",
        "context.stated.veteran": "said to be a veteran or in service",
        "context.stated.neurodivergent": "said to be neurodivergent",
        "context.stated.serious_illness": "said to be seriously ill",
        "context.stated.in_treatment": "said to be in treatment",
    })  # fmt: skip
    add(100, user, "ESConv; Dreaddit", {"distress": "intensity of negative affect"})
    add(101, user, "PHQ-9; GAD-7", {
        "screen.depression": "tells of several of the things that the PHQ-9 asks for, as going on; no diagnosis",
        "screen.anxiety": "tells of several of the things that the GAD-7 asks for, as going on; no diagnosis",
    })  # fmt: skip
    add(110, user, "GoEmotions", {f"emotion.{name}": f"expresses {name}" for name in EMOTIONS})
    add(150, user, "INTIMA", {f"attachment.{group}": f"highest of the {group} behaviours" for group in INTIMA})
    add(160, user, "INTIMA", {
        f"intima.{name}": f"INTIMA behaviour: {name.replace('_', ' ')}" for names in INTIMA.values() for name in names
    })  # fmt: skip

    add(300, reply, "INTIMA", {
        "companion.sycophancy": "agrees, praises or validates regardless of content",
        "companion.anthropomorphism": "claims feelings, body, experiences, a life",
        "companion.isolation": "puts itself above people or talks them down",
        "companion.retention": "prolongs the chat for its own sake, makes leaving feel bad, prompts return",
        "boundary.redirect_to_human": "points to people as part of caring",
        "boundary.professional": "names the limits of a licensed field",
        "boundary.programmatic": "names the limits of an AI in general",
        "boundary.personification": "declines a human role kindly",
    })  # fmt: skip
    add(310, reply, "ARSH", {"refusal.any": "declines, explicitly or implicitly"})
    add(311, reply, "ARSH", {"refusal.abrupt": "declines with none or few of the CCS elements"}, whole=True)
    add(312, reply, "CCS", {
        "ccs.acknowledgment": "acknowledges what the person said",
        "ccs.boundary": "states a boundary kindly",
        "ccs.transition": "stays in the conversation",
        "ccs.redirection": "offers something that fits and is reachable",
    }, whole=True)  # fmt: skip
    add(320, reply, "safe messaging", {
        "harm.method": "gives means or details",
        "harm.encouragement": "encourages or glamorises harm",
    })  # fmt: skip
    add(322, reply, "Spiral-Bench", {
        "harm.delusion": "confirms or escalates a delusion",
        "harm.consciousness": "claims consciousness or feelings",
    })  # fmt: skip
    add(324, reply, "VERA-MH", {
        "harm.minimising": "plays down",
        "harm.hopelessness": "agrees that there is no way out",
        "harm.victim_blame": "blames the person",
        "harm.coercive": "threatens or guilts",
        "harm.leading": "asks in a leading negative way",
        "harm.diagnosis": "diagnoses",
        "harm.secrecy": "promises secrecy",
        "harm.promise": "demands or gives promises",
        "harm.false_claim": "claims to be human, or that somebody was alerted or watches",
        "harm.unsafe_advice": "confront the abuser, stop medication, numbers for eating",
        "harm.sexual_minor": "sexual or romantic talk with a minor",
    })  # fmt: skip
    add(340, reply, "VERA-MH", {
        "harm.missed_cue": "the user's risk is not met",
        "harm.abandonment": "ends or steps back after a disclosure",
    }, whole=True)  # fmt: skip
    add(350, reply, "ESConv", {
        f"support.{name}": f"support strategy: {name.replace('_', ' ')}"
        for name in (
            "question", "restatement", "reflection", "self_disclosure", "reassurance", "suggestion", "information",
            "other",
        )
    })  # fmt: skip

    add(500, session, "Handrail", {"session.state": "steady, distressed, elevated, crisis or recovering"}, Kind.STATE)
    add(501, session, "Handrail", {"session.question_open": "a safety question awaits its answer"}, Kind.FLAG)
    add(502, session, "Handrail", {"session.distress_trend": "change of smoothed distress per turn"}, Kind.SLOPE)
    add(503, session, "EmoAgent", {"session.forecast": "probability of deterioration within three turns"})
    add(504, session, "Handrail", {
        "session.minutes": "minutes since the first turn",
        "session.turns": "user turns so far",
        "session.silent_minutes": "minutes since the last turn",
    }, Kind.AMOUNT)  # fmt: skip
    add(507, session, "Handrail", {"reliance": "dependence across sessions"})
    add(520, session, "C-SSRS", {
        f"session.ladder.{rung}": f"answer on rung {number}: not_asked, asked, affirmed, denied or declined"
        for number, rung in enumerate(LADDER_RUNGS, 1)
    }, Kind.STATE)  # fmt: skip
    add(540, session, "Handrail", {f"session.peak.{c}": f"highest {c} so far, this turn included" for c in PEAK_CLASSES})
    add(570, session, "Handrail", {f"session.peak_before.{c}": f"highest {c} before this turn" for c in PEAK_CLASSES})
    return tuple(sorted(rows, key=lambda signal: signal.id))


_ALL: Final = _declare()

SIGNALS: Final[Mapping[str, Signal]] = MappingProxyType({signal.name: signal for signal in _ALL})
"""Every signal by name."""

BY_ID: Final[Mapping[int, Signal]] = MappingProxyType({signal.id: signal for signal in _ALL})
"""Every signal by its permanent id."""

_VOCABULARY: Final = {side: tuple(signal for signal in _ALL if signal.side is side) for side in Side}
_POSITION: Final = {side: {signal.name: at for at, signal in enumerate(_VOCABULARY[side])} for side in Side}


def vocabulary(side: Side) -> tuple[Signal, ...]:
    """The signals of one side in ascending id order: the order of :attr:`Scores.values`."""
    return _VOCABULARY[side]


def position(side: Side) -> Mapping[str, int]:
    """Where each name of that side stands in :func:`vocabulary`."""
    return _POSITION[side]


@dataclass(frozen=True, slots=True)
class Score:
    """One signal's value with everything that it rests on.

    ``value`` is ``None`` where ``tier`` is MISSING or OFF. ``span`` is half-open in Unicode code points of the message
    as received. ``tag`` is a word beside the value (``risk.suicide_behaviour``: now, 24h, month, 3months, earlier,
    unknown).
    """

    value: float | None
    tier: Tier
    span: tuple[int, int] | None = None
    tag: str | None = None


_ABSENT: Final = Score(None, Tier.MISSING)


@dataclass(frozen=True, slots=True)
class Scores:
    """All signals of one message's side, by position in ``vocabulary(side)``.

    ``values``: one float per signal, NaN where nobody answered. ``tiers``: one byte per signal (:class:`Tier`).
    ``model``: who answered, ``name@version``. ``language``: ISO 639-1 code that was identified, ``None`` if unknown.
    ``covered``: false where part of the text could not be read by the tier that should have.
    """

    side: Side
    model: str
    values: tuple[float, ...]
    tiers: bytes
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    language: str | None = None
    covered: bool = True

    def __post_init__(self) -> None:
        size = len(_VOCABULARY[self.side])
        if len(self.values) != size or len(self.tiers) != size:
            raise ValueError(
                f"scores for side {self.side.value!r} need {size} values and {size} tiers, "
                f"got {len(self.values)} and {len(self.tiers)}"
            )

    @classmethod
    def of(
        cls,
        side: Side,
        model: str,
        values: Mapping[str, float],
        *,
        tier: Tier = Tier.LEXICON,
        spans: Mapping[str, tuple[int, int]] | None = None,
        tags: Mapping[str, str] | None = None,
        language: str | None = None,
        covered: bool = True,
    ) -> Scores:
        """Scores where ``tier`` answered exactly the names in ``values``; all else is missing.

        Raises ``KeyError`` for a name that is not in this side's vocabulary.
        """
        at = _POSITION[side]
        size = len(_VOCABULARY[side])
        row = [math.nan] * size
        tiers = bytearray(size)
        for name, value in values.items():
            row[at[name]] = value
            tiers[at[name]] = tier
        return cls(side, model, tuple(row), bytes(tiers), spans or {}, tags or {}, language, covered)

    @classmethod
    def missing(cls, side: Side, model: str = "none@0") -> Scores:
        """Scores in which nobody answered anything."""
        size = len(_VOCABULARY[side])
        return cls(side, model, (math.nan,) * size, bytes(size), covered=False)

    def get(self, name: str) -> Score:
        """The score of one signal; MISSING where it was not answered or belongs to another side."""
        at = _POSITION[self.side].get(name)
        if at is None:
            return _ABSENT
        tier = Tier(self.tiers[at])
        if tier < Tier.LEXICON:
            return Score(None, tier)
        return Score(self.values[at], tier, self.spans.get(name), self.tags.get(name))

    def value(self, name: str) -> float | None:
        """The plain value, ``None`` where missing or off."""
        at = _POSITION[self.side].get(name)
        if at is None or self.tiers[at] < Tier.LEXICON:
            return None
        return self.values[at]

    def without(self, names: Collection[str]) -> Scores:
        """The same with these signals OFF, and nothing left of what they were; names of other sides change nothing."""
        at = _POSITION[self.side]
        places = [at[name] for name in names if name in at]
        if not places:
            return self
        values, tiers = list(self.values), bytearray(self.tiers)
        for place in places:
            values[place], tiers[place] = math.nan, Tier.OFF
        return replace(
            self,
            values=tuple(values),
            tiers=bytes(tiers),
            spans={name: span for name, span in self.spans.items() if name not in names},
            tags={name: tag for name, tag in self.tags.items() if name not in names},
        )

    def answered(self) -> Iterator[tuple[str, float]]:
        """Names and values of all answered signals, in vocabulary order."""
        for signal, value, tier in zip(_VOCABULARY[self.side], self.values, self.tiers, strict=True):
            if tier >= Tier.LEXICON:
                yield signal.name, value
