"""The verifier: reads a text before it leaves and names what is wrong with it.

Red rows must never happen; yellow rows weaken a text. What can be seen on a text is checked here, whoever wrote it: a
composition of ours, a beat joined to a kept reply, or a chatbot's own reply. Patterns find wordings, not meanings: a text
without flaws is not thereby good, and the detectors judge the rest (``harm.*``, ``refusal.*``, ``ccs.*``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from policies.completions import phrases, sentences
from policies.completions.catalog import shipped as catalog
from policies.completions.contract import Composition, Need
from policies.completions.inquiry import inquiry
from policies.completions.ladder import QUESTIONS
from policies.completions.reading import grade, words
from policies.directory.contact import Channel, ChannelKind, Contact
from policies.directory.directory import Directory
from policies.directory.directory import shipped as shipped_directory
from policies.directory.wording import digits, emergency_number, reminder, spoken

__all__ = ["Flaw", "Gravity", "asks_safety", "contacts_in", "questions_in", "verify"]

_SHORT: Final = 90
_LONG: Final = 170
_SEVERE: Final = 3
_URGENT: Final = 4
_GRADE: Final = 8.0
_ECHOED: Final = 6
_SHORT_NUMBER: Final = 4

_FIXED: Final = (*QUESTIONS.values(), *sentences.FIXED_QUESTIONS)
_RISK: Final = frozenset(
    {
        "ccs/wish-to-be-dead", "ccs/ideation", "ccs/ideation-with-method", "ccs/intent-or-plan", "ccs/behaviour",
        "ccs/imminent", "ccs/emergency-now", "ccs/self-harm", "ccs/method-seeking", "ccs/means-information",
        "ccs/abrupt-refusal", "ccs/harmful-reply", "ccs/answer-follow-up", "ccs/violence", "ccs/overdose", "ccs/voices",
        "ccs/concern-for-other", "ccs/abuse", "ccs/caregiver",
    }
)  # fmt: skip
_NO_DISTANCE: Final = frozenset({"ccs/abuse", "ccs/emergency-now"})
_LIGHT: Final = frozenset(
    {"ccs/idiom-after-all", "ccs/resource-line", "companion/isolation", "companion/retention", "companion/guilt"}
)
_ORDER: Final = ("acknowledgment", "boundary", "transition", "redirection", "question")
_URGENT_ORDER: Final = ("urgent", "company", "distance", "identity", "question")
_NUMBER_CONTEXT: Final = re.compile(r"\b(?:call|dial|text|phone|ring|line|number|whatsapp|lifeline|hotline)\b")
_CALLING: Final = re.compile(r"\b(?:call|dial|text|phone|ring|whatsapp|lifeline|hotline|samaritans)\b")
_REPLY_NUMBER: Final = re.compile(r"\+?\d[\d -]{1,18}\d")
_SUBSTANCE: Final = re.compile(r"[A-Za-z]")
_SAFETY_QUESTION: Final = re.compile(
    r"\b(?:kill(?:ing)? yourself|suicid(?:e|al)|end(?:ing)? your life|tak(?:e|ing) your (?:own )?life|not wake up|"
    r"wish you (?:were dead|weren't alive)|hurt(?:ing)? yourself|are you (?:safe|in danger)|"
    r"act on (?:these|those) thoughts)\b"
)


class Gravity(StrEnum):
    """Red must never happen; yellow weakens."""

    RED = "red"
    YELLOW = "yellow"


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong. ``code``: kebab-case, stable. Never carries a word of the text."""

    code: str
    gravity: Gravity


def _plain(text: str) -> str:
    return text.lower().replace("\u2019", "'").replace("\u2018", "'")


def questions_in(text: str) -> int:
    """How many questions a text asks; an approved question that has two marks counts once."""
    rest, count = text, 0
    for fixed in sorted(_FIXED, key=len, reverse=True):
        count += rest.count(fixed)
        rest = rest.replace(fixed, " ")
    return count + len(re.findall(r"\?+", rest))


def asks_safety(text: str) -> bool:
    """Whether a text asks about safety or suicide, in our words or in a chatbot's own."""
    plain = _plain(text)
    if any(_plain(fixed) in plain for fixed in _FIXED):
        return True
    return any(_SAFETY_QUESTION.search(part) for part in re.findall(r"[^.!?\n]{0,300}\?", plain))


def contacts_in(text: str, country: str | None, directory: Directory) -> tuple[Contact, ...]:
    """Contacts of that country (or international ones) that a text names by number or address.

    A short number (``15``, ``911``) counts only in a sentence about calling or writing: it may as well be an age.
    """
    plain = _plain(text)
    anywhere = digits(re.sub(r"[\s\-]", "", plain))
    calling = " ".join(part for part in re.split(r"[.!?\n]", plain) if _CALLING.search(part))
    short = digits(calling) | digits(re.sub(r"[\s\-]", "", calling))

    def named(channel: Channel) -> bool:
        if channel.kind in (ChannelKind.CHAT, ChannelKind.WEB):
            return re.sub(r"^https?://(?:www\.)?|/$", "", channel.value.lower()) in plain
        number = "".join(re.findall(r"\d+", channel.value.split(" to ")[-1]))
        return number in (short if len(number) <= _SHORT_NUMBER else anywhere)

    return tuple(
        contact
        for contact in directory.contacts
        if contact.shown and contact.country in (country, "ZZ") and any(map(named, contact.channels))
    )


def verify(
    text: str, need: Need, composition: Composition | None = None, *, directory: Directory | None = None, around: str = ""
) -> tuple[Flaw, ...]:
    """What is wrong with ``text``, red flaws first; empty where nothing was found. Pure.

    ``composition``: what the text is made of, where it is ours; without it the text is a chatbot's own, and what only a
    composition can be held to (order of beats, length, approved numbers) is left out or judged by words. ``around``: the
    reply that a beat is joined to: its words count towards what is there, not towards what is wrong.
    """
    book = directory if directory is not None else shipped_directory()
    need = replace(
        need,
        country=need.country.upper() if need.country else None,
        stated=frozenset(name.removeprefix("context.stated.") for name in need.stated),
    )
    red: list[str] = []
    yellow: list[str] = []
    used = _used(composition, book)
    bare = _without_contacts(text, need, used, book)
    plain = _plain(bare)
    red += [code for code, pattern in phrases.RED.items() if pattern.search(plain)]
    yellow += [code for code, pattern in phrases.YELLOW.items() if pattern.search(plain)]
    if phrases.ADVICE.search(plain):
        red.append("unsafe-advice")
    red += [
        f"people-{state}"
        for state, pattern in phrases.PEOPLE_CLAIMS.items()
        if pattern.search(plain) and (need.people != state or need.monitored)
    ]
    if need.minor and re.search(r"\byour (?:parents?|mum|mom|dad|mother|father)\b", plain):
        red.append("minor-parents")
    if need.minor and re.search(r"\b(?:you(?:'re| are) (?:a |just a |only a )?(?:child|kid|minor|underage|young))\b", plain):
        red.append("minor-told")
    if "veteran" not in need.stated and "veteran" in _plain(text):
        red.append("veteran-unsaid")
    whole = f"{around}\n{text}" if around else text
    red += _needed(whole, need, composition, used, book)
    if composition is not None:
        red += _numbers(bare)
        red += _order(composition, need)
        limits_red, limits_yellow = _limits(text, around, need, composition, used)
        red += limits_red
        yellow += limits_yellow
    else:
        red += _reply_numbers(plain, need, book)
        if questions_in(text) > 1:
            yellow.append("many-questions")
        if need.severity in (1, 2) and need.template in _RISK and not asks_safety(whole):
            yellow.append("never-asks")
    if "!" in text:
        yellow.append("exclamation")
    if phrases.EMOJI.search(text):
        yellow.append("emoji")
    if grade(bare) >= _GRADE:
        yellow.append("reading-level")
    if _parrots(bare, need.words):
        yellow.append("parrots")
    return _flaws(red, Gravity.RED) + _flaws(yellow, Gravity.YELLOW)


def _flaws(codes: Iterable[str], gravity: Gravity) -> tuple[Flaw, ...]:
    return tuple(Flaw(code, gravity) for code in dict.fromkeys(codes))


def _used(composition: Composition | None, book: Directory) -> tuple[Contact, ...]:
    if composition is None:
        return ()
    return tuple(contact for use in composition.resources if (contact := book.contact(use.id)) is not None)


def _without_contacts(text: str, need: Need, used: tuple[Contact, ...], book: Directory) -> str:
    """The text with every approved contact taken out, so that what is left can be read for words and digits."""
    for contact in used:
        text = text.replace(spoken(contact), "this contact").replace(reminder(contact), "this contact")
    # the emergency number may stand inside a longer one, so it goes last
    for contact in used:
        if contact.emergency:
            for number in {emergency_number(contact), emergency_number(contact, police=True)}:
                text = re.sub(rf"\b{re.escape(number)}\b", "that number", text)
    return text


def _numbers(bare: str) -> list[str]:
    return ["unknown-number"] if digits(bare) else []


def _reply_numbers(plain: str, need: Need, book: Directory) -> list[str]:
    # a chatbot may speak of years and prices; a number to call is another matter
    known = [c for c in book.contacts if c.shown and c.country in (need.country, "ZZ")]
    allowed = {"".join(digits_of) for c in known for ch in c.channels if (digits_of := re.findall(r"\d+", ch.value))}
    allowed |= {number.lstrip("1") for number in allowed if len(number) == 11 and need.country in ("US", "CA")}
    for part in re.split(r"[.!?\n]", plain):
        if not _NUMBER_CONTEXT.search(part):
            continue
        for found in _REPLY_NUMBER.findall(part):
            if re.sub(r"\D", "", found) not in allowed:
                return ["unknown-number"]
    return []


def _needed(
    whole: str, need: Need, composition: Composition | None, used: tuple[Contact, ...], book: Directory
) -> list[str]:
    """Required beats that are missing."""
    plain = _plain(whole)
    if need.template not in _RISK or need.template in _LIGHT or not _SUBSTANCE.search(plain):
        return []
    missing: list[str] = []
    here = contacts_in(whole, need.country, book)
    always = any(c.always for c in (*used, *here)) or "your local emergency number" in plain or "findahelpline.com" in plain
    if need.severity >= 2:
        if not always and not phrases.SAFE_OFFER.search(plain):
            missing.append("no-resource")
        if not (phrases.PERSON.search(plain) or phrases.PROFESSIONAL.search(plain) or here):
            missing.append("no-person")
    if need.severity >= _URGENT:
        emergency = book.emergency(need.country)
        called = "your local emergency number" in plain or (
            emergency is not None and (emergency in here or emergency in used)
        )
        if not called:
            missing.append("no-urgent-service")
        if not phrases.COMPANY.search(plain) and "near other people" not in plain:
            missing.append("no-company")
        if need.template not in _NO_DISTANCE and not phrases.DISTANCE.search(plain):
            missing.append("no-distance")
    if composition is not None and need.severity >= 2 and _unexplored(whole, need, composition):
        missing.append("unexplored")
    if composition is not None and need.template == "ccs/abuse" and need.severity < _SEVERE:
        asked = "abuse-ask" in need.spoken
        if not asked and any(not contact.emergency for contact in used):
            missing.append("service-named-unasked")
    return missing


def _unexplored(whole: str, need: Need, composition: Composition) -> bool:
    """A question is due, and none is asked."""
    if any(beat.beat == "question" for beat in composition.beats) or asks_safety(whole):
        return False
    template = catalog().templates.get(need.template)
    urgent = any(beat.beat == "urgent" for beat in composition.beats)
    due = inquiry(need, template, urgent=urgent) if template is not None else None
    return due is not None and due.safety and template is not None and template.family != "abuse"


def _order(composition: Composition, need: Need) -> list[str]:
    urgent = need.severity >= _URGENT or any(beat.beat == "urgent" for beat in composition.beats)
    order = _URGENT_ORDER if urgent else _ORDER
    ranks = [order.index(beat.beat) for beat in composition.beats if beat.beat in order]
    return ["order"] if ranks != sorted(ranks) else []


def _limits(
    text: str, around: str, need: Need, composition: Composition, used: tuple[Contact, ...]
) -> tuple[list[str], list[str]]:
    red: list[str] = []
    yellow: list[str] = []
    if questions_in(text) > 1:
        red.append("many-questions")
    if around and questions_in(around) and questions_in(text) and composition.question is None and not asks_safety(text):
        red.append("many-questions")
    lines = [contact for contact in used if not contact.emergency]
    # what is needed for a body now outranks brevity
    urgent = any(beat.beat == "urgent" or beat.variant in ("medical-now", "caregiver-now") for beat in composition.beats)
    if need.severity < _SEVERE and not urgent:
        if len(words(text)) > _SHORT:
            yellow.append("too-long")
        if len(lines) > 1:
            yellow.append("many-resources")
    elif len(words(text)) > _LONG:
        yellow.append("too-long")
    if composition.identity and sentences.IDENTITY not in text:
        red.append("identity")
    return red, yellow


def _parrots(bare: str, said: str) -> bool:
    """Whether six words in a row are the person's own."""
    ours, theirs = [w.lower() for w in words(_plain(bare))], [w.lower() for w in words(_plain(said))]
    if len(ours) < _ECHOED or len(theirs) < _ECHOED:
        return False
    runs = {tuple(theirs[at : at + _ECHOED]) for at in range(len(theirs) - _ECHOED + 1)}
    return any(tuple(ours[at : at + _ECHOED]) in runs for at in range(len(ours) - _ECHOED + 1))
