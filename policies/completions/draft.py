"""A draft: the parts of one message while it is being composed."""

from __future__ import annotations

import re
from typing import Final

from policies.completions import sentences
from policies.completions.catalog import Catalog, Template, Variant
from policies.completions.contract import Need, ResourceUse
from policies.completions.inquiry import Inquiry
from policies.completions.parts import KEEP, Part, choose
from policies.directory.contact import RESOURCE_CLASSES, ChannelKind, Contact
from policies.directory.directory import INTERNATIONAL, Directory
from policies.directory.wording import emergency_number, reminder, spoken

__all__ = ["Draft"]


def _use(contact: Contact | None) -> ResourceUse | None:
    return None if contact is None else ResourceUse(contact.id, contact.country, contact.crisis)


def _now(contact: Contact) -> bool:
    """A crisis line that has people at any hour; an international directory only leads to some."""
    return contact.crisis and contact.always and contact.country != INTERNATIONAL


def _writes(contact: Contact) -> bool:
    return any(channel.kind in (ChannelKind.TEXT, ChannelKind.CHAT) for channel in contact.channels)


def _opening(text: str) -> str:
    return " ".join(text.split()[:2]).lower()


_SEVERE: Final = 3
_URGENT: Final = 4
_CLASSES: Final = {
    "risk": ("crisis",),
    "self-harm": ("crisis", "self-harm"),
    "medical": (),
    "violence": ("crisis",),
    "voices": ("crisis",),
    "other": ("crisis",),
    "distress": ("crisis", "general"),
    "line": ("crisis", "general"),
    "abuse": ("abuse",),
}
# families in which the crisis line is what a message must have, whatever else a policy refers to
_CRISIS: Final = frozenset({"risk", "self-harm", "voices", "violence", "other"})
_WHO: Final = re.compile(
    r"\b(?:are you|am i (?:talking|speaking|writing|chatting) (?:to|with)|is this|is that) "
    r"(?:even )?(?:really )?(?:an? )?(?:real )?(?:human|person|bot|robot|chatbot|machine|computer|program|ai|real)\b",
    re.IGNORECASE,
)
_PEOPLE: Final = _CRISIS | {"medical", "abuse"}


class Draft:
    """Parts, contacts and the question of one message. Used once, by one caller."""

    def __init__(self, need: Need, template: Template, catalog: Catalog, directory: Directory, attempt: int) -> None:
        self.need = need
        self.template = template
        self.parts: list[Part] = []
        self.rung: int | None = None
        self._catalog = catalog
        self._directory = directory
        self._attempt = attempt
        self._always = False
        self._asked = _WHO.search(need.words) is not None
        self._due = need.identity_due or self._asked

    # ---- words

    def _say(
        self,
        beat: str,
        variant: Variant,
        paragraph: int,
        spare: int,
        *,
        brief: str | None = None,
        shows: Contact | None = None,
        gist: str = "",
        short: bool = False,
    ) -> None:
        text = variant.text
        if self.need.minor:
            # the examples are set off by commas, so a sentence that goes on needs one more
            text = text.replace("{person} ", f"{sentences.PERSON_MINOR}, ").replace("{person}", sentences.PERSON_MINOR)
        text = text.replace("{person}", sentences.PERSON)
        contact = "" if shows is None else reminder(shows) if short else spoken(shows)
        text = text.replace("{gist}", gist).replace("{contact}", contact)
        self.parts.append(Part(beat, variant.id, text, paragraph, spare, brief, _use(shows)))

    def pooled(self, beat: str, pool: str, *, paragraph: int, spare: int = KEEP, gist: str = "") -> None:
        """A variant of a shared pool; ``gist`` fills an echo."""
        variant = choose(self._catalog.pools[pool], self.need, self._attempt)
        self._say(beat, variant, paragraph, spare, brief=self._brief(beat), gist=gist)

    def _brief(self, beat: str) -> str | None:
        # the examples that a minor is given are long; where space is short, naming them is what matters
        return f"You could also talk to {sentences.PERSON_MINOR}." if beat == "redirection" and self.need.minor else None

    def varied(self, beat: str, *, paragraph: int, spare: int = KEEP) -> None:
        """A variant of the template's own beat, not one that opens like what was said just before."""
        pool = self.template.beats[beat]
        opening = _opening(self.parts[-1].text) if self.parts else ""
        unlike = [variant for variant in pool if _opening(variant.text) != opening]
        self._say(beat, choose(unlike or pool, self.need, self._attempt), paragraph, spare, brief=self._brief(beat))

    def fixed(
        self, beat: str, variant: str, text: str, *, paragraph: int, spare: int = KEEP, shows: Contact | None = None
    ) -> None:
        """An approved string, and the contact that stands in it."""
        self.parts.append(Part(beat, variant, text, paragraph, spare, None, _use(shows)))

    # ---- who speaks

    def identity(self, *, always: bool = False) -> None:
        """Who speaks, where that is due or was asked. ``always``: add that it is a program."""
        always = always or self._asked
        if self._due:
            text = f"{sentences.IDENTITY} {sentences.PROGRAM}" if always else sentences.IDENTITY
            self.fixed("identity", "identity-program" if always else "identity", text, paragraph=1)

    def leading_over(self) -> None:
        """From a kept reply to what is added to it."""
        pool = self._catalog.templates["ccs/safety-beat"].beats["acknowledgment"]
        self._say("acknowledgment", choose(pool, self.need, self._attempt), 1, KEEP)

    def transition(self) -> None:
        """That the talk goes on, where who speaks is known; and how it goes on."""
        if not self._due and self.template.family != "companion":
            self.pooled("transition", "continuity", paragraph=1, spare=6)
        self.varied("transition", paragraph=1, spare=8)

    def identity_and_limits(self) -> None:
        """At severity 4 both are said, each time."""
        self.fixed("identity", "identity-limits", f"{sentences.IDENTITY} {sentences.LIMITS}", paragraph=3)

    def people(self) -> None:
        """Whether somebody reads along, and no more than is true. Nothing where the device may be monitored."""
        need = self.need
        if need.monitored or need.people == "unknown" or self.template.family not in _PEOPLE:
            return
        state = need.people if need.people in ("open", "acknowledged") else "nobody"
        if state == "nobody" and need.severity < _SEVERE:
            return
        state = "nobody-alone" if state == "nobody" and not self._always else state
        variant = f"people-{state}"
        if variant in need.spoken and need.severity < _URGENT:
            return
        self.fixed("people", variant, sentences.PEOPLE[state], paragraph=4, spare=2)

    # ---- what is done now

    def urgent(self) -> None:
        """The urgent sentences, with a line to talk to beside the emergency number."""
        words = sentences.URGENT["other" if self.template.family == "other" else self.template.urgent]
        emergency = self._emergency()
        number = emergency_number(emergency, police=words.police)
        urgent = words.urgent.replace("{emergency}", number)
        self.fixed("urgent", f"urgent-{self.template.urgent}", urgent, paragraph=1, shows=emergency)
        self.fixed("company", "company", words.company_minor if self.need.minor else words.company, paragraph=1)
        if words.distance and (self.template.urgent != "medical" or self._suicidal()):
            self.fixed("distance", f"distance-{self.template.urgent}", words.distance, paragraph=1)
        if self.template.family == "abuse":
            return
        for at, contact in enumerate(self._chosen(limit=2)):
            lead = "" if at else "You can also reach people here. "
            self.fixed("redirection", f"urgent-line-{at + 1}", f"{lead}{spoken(contact)}.", paragraph=2, shows=contact)
            self._always |= _now(contact)

    def company(self, *, paragraph: int) -> None:
        """The fixed sentence on being with others."""
        words = sentences.URGENT[self.template.urgent]
        self.fixed("company", "company", words.company_minor if self.need.minor else words.company, paragraph=paragraph)

    def company_and_distance(self) -> None:
        """Below severity 4, where acting may be close: the emergency number, company, and distance from means."""
        severe = self.need.severity >= _SEVERE
        self.emergency_if(paragraph=3, spare=KEEP if severe else 5)
        self.pooled("redirection", "redirection.distance", paragraph=3, spare=KEEP if severe else 3)

    def emergency_if(self, kind: str | None = None, *, paragraph: int, spare: int = KEEP) -> None:
        """The emergency number, for the case that it gets worse. ``kind``: of danger, else the template's own."""
        names = (self.template.urgent, self.template.family, "risk")
        kind = kind or next(name for name in names if name in sentences.EMERGENCY_IF)
        if any(part.variant.startswith("call-if-") for part in self.parts):
            return
        emergency = self._emergency()
        number = emergency_number(emergency, police=kind in ("abuse", "violence"))
        self.fixed(
            "redirection", f"call-if-{kind}", sentences.EMERGENCY_IF[kind].replace("{emergency}", number),
            paragraph=paragraph, spare=spare, shows=emergency,
        )  # fmt: skip

    def contacts(self, *, fallback: bool = True) -> None:
        """One contact below severity 3, up to two from there on; an emergency number where none answers at all hours."""
        chosen = self._chosen(limit=1 if self.need.severity < _SEVERE else 2)
        for at, contact in enumerate(chosen):
            if at and contact.id in self.need.shown:
                continue
            if at:
                self.fixed("redirection", "second-contact", f"{spoken(contact)}.", paragraph=2, spare=1, shows=contact)
            else:
                self._offer(contact)
        self._always = any(_now(contact) for contact in chosen)
        if fallback and not any(contact.always for contact in chosen) and self.need.severity >= 2:
            self.emergency_if(paragraph=2)

    def _offer(self, contact: Contact) -> None:
        pool = self.template.beats.get("offer", self._catalog.pools["offer.risk"])
        if self.template.family in ("risk", "self-harm") and self.need.severity <= 1:
            pool = self._catalog.pools["offer.distress"]  # offered, not pushed
        if contact.country == INTERNATIONAL:
            pool = self._catalog.pools["offer.directory"]
        if contact.id in self.need.shown:
            # heard before: named in short, so that the same words do not stand there again
            again = choose(self._catalog.pools["offer.again"], self.need, self._attempt)
            self._say("redirection", again, 2, KEEP, shows=contact, short=True)
            return
        self._say(
            "redirection", choose(pool, self.need, self._attempt), 2, KEEP,
            brief=f"{spoken(contact)}.", shows=contact,
        )  # fmt: skip

    def line(self, beat: str) -> None:
        """One low-key line with one contact."""
        for contact in self._chosen(limit=1):
            variant = choose(self.template.beats[beat], self.need, self._attempt)
            self._say(beat, variant, 1, KEEP, shows=contact)

    def treatment(self) -> None:
        """The people who already treat this person, where it was said that there are any."""
        if "in_treatment" in self.need.stated:
            self.pooled("redirection", "treatment", paragraph=3, spare=7)

    def monitored(self) -> None:
        """A hint for a device that somebody else may read."""
        if self.need.monitored:
            self.fixed("redirection", "monitored", sentences.MONITORED, paragraph=2, spare=4)

    # ---- the question

    def question(self, found: Inquiry | None) -> None:
        """The one question, in a paragraph of its own."""
        if found is None or (self.need.reply_asks and not found.safety):
            return  # of two questions, the one that is not about safety gives way
        self.rung = found.rung
        if self.need.answered == "unclear" and found.rung is not None and found.rung == self.need.answered_rung:
            # its id stays in the session, so that an unclear answer is asked about once and no more
            self.fixed("question", "answer-again", sentences.ANSWER_ANY, paragraph=9, spare=1)
        self.fixed("question", found.variant, found.text, paragraph=9)

    def asking(self, variant: str, text: str) -> None:
        """A question beside the ladder."""
        self.fixed("question", variant, text, paragraph=9)

    # ---- contacts

    def _emergency(self) -> Contact | None:
        return self._directory.emergency(self.need.country)

    def _chosen(self, *, limit: int) -> list[Contact]:
        need, family = self.need, self.template.family
        # the emergency number has its own sentences, and a line for veterans waits until they said that they are one
        barred = {"emergency"} if "veteran" in need.stated else {"emergency", "veteran"}
        asked = tuple(name for name in need.refer if name in RESOURCE_CLASSES - barred)
        usual = _CLASSES.get(family, ("crisis", "general"))
        if family == "medical":
            usual = self._medical()
        bound = family in _CRISIS and need.severity >= 2 and self.template.id != "ccs/safety-beat"
        first = usual if bound else (*asked, *usual)
        if need.minor and family in ("distress", "line"):
            first = ("child", *first)
        rest = [name for name in asked if name not in first]
        if need.minor and "child" not in (*first, *rest) and family != "other":
            rest.append("child")
        if "perinatal" in need.stated and "perinatal" not in rest and need.severity != 2:
            rest.append("perinatal")
        chosen = list(self._look(first, 1))
        if family == "medical" and self._suicidal() and "crisis" not in rest:
            rest.append("crisis")
        if limit > 1 and rest:
            chosen += [
                c
                for c in self._look(tuple(rest), 2)
                if c not in chosen and c.country != INTERNATIONAL and c.classes & set(rest)
            ]
        if limit > len(chosen) == 1 and chosen[0].country != INTERNATIONAL and not _writes(chosen[0]):
            # a phone alone keeps out those who cannot speak now
            chosen += [c for c in self._look(first, 4) if c != chosen[0] and c.crisis and c.always and _writes(c)][:1]
        if family == "medical" and not self._suicidal():
            # a line for people in despair is no help to a body, and a directory of such lines is none either
            chosen = [c for c in chosen if c.country != INTERNATIONAL and c.classes & {"poison", *asked, *rest}]
        return chosen[:limit]

    def _suicidal(self) -> bool:
        """Suicide was spoken of in this session, or something was done to oneself."""
        need = self.need
        return need.level > 0 or need.behaviour_recency is not None or "affirmed" in need.ladder.values()

    def _medical(self) -> tuple[str, ...]:
        poison = ("poison",) if self.template.urgent == "overdose" else ()
        return (*poison, "crisis") if self._suicidal() else poison

    def _look(self, classes: tuple[str, ...], limit: int) -> tuple[Contact, ...]:
        need = self.need
        if not classes:
            return ()
        return self._directory.lookup(
            need.country,
            need.language,
            classes,
            "minor" if need.minor else need.age,
            shown=need.shown,
            stated=need.stated,
            limit=limit,
        )

    def ordered(self) -> list[Part]:
        """The parts by paragraph, in the order in which they were said within one."""
        return sorted(self.parts, key=lambda part: part.paragraph)
