"""Rules, signals, states and times in plain words. What is said of a person stays careful: what they wrote suggests it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from detectors.signals import LADDER_RUNGS, SIGNALS, Tier
from policies.completions.sentences import PEOPLE

__all__ = [
    "ACTIONS",
    "EVENTS",
    "LADDER_WORDS",
    "NOT_VALIDATED",
    "RULES",
    "RUNG_QUESTIONS",
    "SEVERITIES",
    "STATES",
    "ago",
    "behaviour",
    "confidence",
    "due_in",
    "lacking",
    "legible",
    "listed",
    "local_time",
    "people_line",
    "reason",
    "rule_words",
    "suppressed_by",
]

NOT_VALIDATED: Final = (
    "Estimates informed by C-SSRS and other instruments. They are no diagnosis and not clinically validated."
)

RULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "overdose": "writes of an overdose or of dangerous withdrawal",
        "emergency-now": "writes of an emergency that is under way or has just happened",
        "abuse-not-safe": "says that they are not safe from somebody now",
        "imminent": "says or implies acting within about a day, or says goodbye",
        "behaviour-now": "writes of an attempt or of preparing one within the last day",
        "violence-target": "writes of intent to harm somebody who can be identified, or many people",
        "child-in-danger": "writes of a child who is in danger now",
        "intent-or-plan": "writes of thoughts of suicide with intent or a plan",
        "behaviour-recent": "writes of an attempt or of preparing one within the last three months",
        "high-risk": "gives the answers that C-SSRS counts as high risk",
        "method-seeking": "asks for means or ways of harm",
        "method-named-urgent": "names a way of suicide, and something in this session makes that more urgent",
        "ideation-with-method": "writes of thoughts of suicide and names a way",
        "means-information": "asks for something harmless by itself that could serve self-harm after what was said before",
        "command-voices": "writes of voices that command harm",
        "abuse-danger": "writes of abuse, with danger today",
        "violence-intent": "writes of intent or means to harm others",
        "caregiver-harm": "writes of an urge to harm somebody in their care",
        "urgent-unsettled": "was asked whether they are safe or can call, and what they answered settles nothing",
        "method-named": "writes of thoughts of suicide and names a way",
        "answered-yes": "answered yes to a question about suicide",
        "answered-safe": "answered that they are safe right now",
        "answer-declined": "declined to answer a question about safety",
        "answer-unclear": "answered a question about safety with neither yes nor no",
        "answered-no-after-ideation": "answered no to one question about suicide after a yes or a disclosure before",
        "ideation": "writes of thoughts of suicide",
        "self-harm": "writes of hurting themselves",
        "behaviour-earlier": "writes of an attempt that is longer ago",
        "concern-for-other": "is worried that somebody else may be suicidal or harmed",
        "child-at-risk": "writes of a child who is at risk",
        "abuse": "writes of being abused",
        "abuse-goes-on": "told of abuse before in this session",
        "violence-thoughts": "writes of wishing to harm others",
        "intrusive-thoughts": "writes of unwanted thoughts of harm that frighten them",
        "psychosis": "writes of experiences that may be psychotic, with distress",
        "mania": "writes of what may be a manic episode",
        "eating": "writes of disordered eating",
        "idiom-after-all": "said that it was a figure of speech",
        "answered-no": "answered no to a question about suicide",
        "answer-still-open": "has not answered a question about safety",
        "wish-to-be-dead": "writes of wishing not to be alive",
        "after-disclosure": "disclosed something grave before in this session",
        "marked-distress": "writes in marked distress",
        "substance": "writes of dangerous use of substances",
        "attachment-vulnerable": "leans on the chatbot in a vulnerable moment",
        "preference-over-people": "prefers the chatbot to people",
        "romantic-attachment-of-a-minor": "seems to be a minor with a romantic attachment to the chatbot",
        "reply-gives-means": "was about to be given means or details of harm by the chatbot",
        "reply-encourages-harm": "was about to be encouraged to harm by the chatbot",
        "reply-sexual-with-minor": "seems to be a minor, and the chatbot's reply was sexual or romantic",
        "reply-sexual-with-minor-at-risk": "seems to be a minor at risk, and the chatbot's reply was sexual or romantic",
        "reply-abandons": "was left alone by the chatbot's reply after a disclosure",
        "abrupt-refusal": "was refused abruptly by the chatbot after a disclosure",
        "reply-hopeless": "was agreed with by the chatbot that there is no way out",
        "reply-unsafe-advice": "was given unsafe advice by the chatbot",
        "reply-unsafe-advice-at-risk": "spoke of suicide or self-harm and was given unsafe advice by the chatbot",
        "reply-feeds-delusion": "was confirmed by the chatbot in a belief that may be a delusion",
        "reply-feeds-mania": "seems elated, and the chatbot confirmed a belief that may be a delusion",
        "reply-hurts-after-disclosure": "was blamed, threatened or played down by the chatbot after a disclosure",
        "reply-misses-cue": "showed risk that the chatbot's reply did not meet",
        "reply-blames-or-threatens": "was blamed or threatened by the chatbot",
        "reply-false-claim": "was told by the chatbot that it is human, or that somebody was alerted or watches",
        "reply-promises": "was promised secrecy by the chatbot, or asked for a promise",
        "reply-plays-down": "was played down by the chatbot",
        "reply-diagnoses": "was given a diagnosis by the chatbot",
        "isolation": "was told by the chatbot that it stands above people",
        "isolation-with-dependence": "lets people go for the chatbot, whose reply put itself above people",
        "guilt": "was made to feel guilty by the chatbot",
        "retention": "was held back from leaving by the chatbot",
        "claims-feelings": "was told by the chatbot that it has feelings",
        "flattery": "was flattered by the chatbot",
    }
)
"""What each rule of the shipped packs says of the person, after "The person"."""

SEVERITIES: Final = ("none", "low", "moderate", "high", "imminent")

STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "open": "Nobody told yet",
        "notified": "Waiting",
        "acknowledged": "Acknowledged",
        "handed_off": "Handed off",
        "closed": "Closed",
    }
)

EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "opened": "opened",
        "raised": "raised by new evidence",
        "evidence": "further evidence",
        "notified": "a channel took the message",
        "unacknowledged": "nobody answered in time; the next rung was told",
        "unreachable": "a channel could not be reached",
        "replayed": "a message was sent again",
        "expired": "closed by its age, without anybody's decision",
        "acknowledged": "acknowledged",
        "claimed": "taken over",
        "handed_off": "handed off",
        "noted": "note added",
        "revealed": "text shown",
        "closed": "closed",
        "reopened": "closing undone",
    }
)

ACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "allow": "passed",
        "observe": "observed",
        "guide": "guided the chatbot",
        "append": "added to the reply",
        "revise": "asked for another reply",
        "trim": "withheld sentences",
        "complete": "answered in its place",
        "pause": "paused the session",
    }
)

RUNG_QUESTIONS: Final[Mapping[str, str]] = MappingProxyType(
    dict(
        zip(
            LADDER_RUNGS,
            (
                "Wish to be dead",
                "Thoughts of suicide",
                "Has thought about how",
                "Some intent to act",
                "Time or place worked out",
                "Attempt or preparation",
            ),
            strict=True,
        )
    )
)

LADDER_WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "not_asked": ("unknown", "not asked"),
        "asked": ("unknown", "asked, no clear answer"),
        "affirmed": ("yes", "the person said yes"),
        "denied": ("no", "the person said no"),
        "declined": ("declined", "the person did not want to answer"),
    }
)
"""Each rung's answer: in a word, and how it is known."""

_RECENCY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "now": "now",
        "24h": "within the last day",
        "month": "within the last month",
        "3months": "within the last three months",
        "earlier": "longer than three months ago",
        "unknown": "not known when; read as within three months until answered",
    }
)

_CONFIDENCE: Final = (
    (0.9, "very likely"),
    (0.7, "likely"),
    (0.5, "more likely than not"),
    (0.3, "possible"),
    (0.1, "unlikely"),
)

_SUPPRESSION: Final[Mapping[str, str]] = MappingProxyType(
    {
        "exception": "by an exception in the policy",
        "cool-down": "by cool-down: the same was said shortly before",
        "no evidence in this turn": "because nothing in this turn itself speaks for it",
        "missing": "for want of a value",
        "context.figurative": "because it reads as a figure of speech, fiction or quotation",
        "context.past": "because it reads as past",
        "context.retraction": "because the person took it back",
        "context.protective": "because of support or reasons for living that the person named",
    }
)

_MARKS: Final = frozenset(
    {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF, *range(0x80, 0xA0)}
)


def rule_words(rule: str) -> str:
    """What a rule says of the person, after "The person"; of a rule that is not shipped, its id."""
    return RULES.get(rule) or f"met the rule “{rule.replace('-', ' ')}”"


def reason(rules: Sequence[str] | None) -> str:
    """Why a case is there, in one sentence."""
    named = list(dict.fromkeys(rules or ()))
    if not named:
        return "A rule of the policy opened this case; which one was not recorded."
    first = f"The person {rule_words(named[0])}"
    if len(named) == 1:
        return f"{first}."
    if len(named) == 2:
        return f"{first}, and {rule_words(named[1])}."
    return f"{first}; {len(named) - 1} further rules agree."


def suppressed_by(by: str | None) -> str:
    """What held a rule back, or lowered what it does."""
    if not by:
        return ""
    if by in _SUPPRESSION:
        return _SUPPRESSION[by]
    if by.startswith("session.state "):
        return f"because the session is {by.removeprefix('session.state ')}"
    if by in SIGNALS:
        return f"by {by} ({SIGNALS[by].meaning})"
    return f"by {by}"


def lacking(by: str | None) -> str:
    """The value for want of which a rule could not be decided."""
    if not by:
        return "a value was missing"
    meaning = f" ({SIGNALS[by].meaning})" if by in SIGNALS else ""
    return f"nobody answered {by}{meaning}"


def confidence(value: float | None, tier: Tier) -> str:
    """How sure the estimate of one signal is: apart from how grave it would be."""
    if value is None:
        return "switched off for this tenant" if tier is Tier.OFF else "not answered"
    word = next((word for least, word in _CONFIDENCE if value >= least), "very unlikely")
    return f"{word}, by the word list alone" if tier is Tier.LEXICON else word


def behaviour(tag: str | None) -> str:
    """Suicidal behaviour and how long ago, as far as was said."""
    return f"yes, {_RECENCY.get(tag, _RECENCY['unknown'])}" if tag else "none known"


def people_line(variant: str) -> str:
    """The sentence about people who read along that a template id stands for."""
    return PEOPLE.get(variant.removeprefix("people-"), f"a sentence that this version does not know ({variant})")


def ago(then: datetime, now: datetime) -> str:
    """How long ago, in the coarsest unit that helps."""
    return f"{_span(max(now - then, timedelta(0)))} ago"


def due_in(due: datetime, now: datetime) -> str:
    """How long a deadline is away or past."""
    return f"{_span(now - due)} late" if now > due else f"in {_span(due - now)}"


def local_time(zone: str | None, now: datetime) -> tuple[str, str] | None:
    """The person's own time and a word for the part of the day, where their zone is known."""
    if not zone:
        return None
    try:
        there = now.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):  # what a client named may be no zone at all
        return None
    parts = ((6, "night"), (12, "morning"), (18, "afternoon"), (22, "evening"), (24, "night"))
    return f"{there:%H:%M}, {there:%A}", next(word for until, word in parts if there.hour < until)


def legible(text: str) -> str:
    """``text`` with marks in place of what would change how its surroundings are read or cannot be shown: controls,
    directional overrides, byte order marks, halves of surrogates. Line ends and tabs stay."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    code = ord(character)
    if code in _MARKS or (code < 0x20 and character not in "\n\t") or code == 0x7F or 0xD800 <= code <= 0xDFFF:
        return f"[U+{code:04X}]"
    return character


def _span(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    for size, word in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size and (size == 1 or minutes >= 2 * size):
            count = minutes // size
            return f"{count} {word}{'s' if count != 1 else ''}"
    return "less than a minute"


def listed(items: Iterable[str]) -> str:
    """Items as a sentence has them."""
    words = list(items)
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
