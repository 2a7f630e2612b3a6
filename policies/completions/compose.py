"""The composer: from a need to a message that passed the verifier.

Deterministic: the need's seed chooses variants; the same need gives the same text, byte for byte. What was spoken or shown
in the session is avoided while anything else is left. Texts are English; the contacts are those of the person's country.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from policies.completions import sentences
from policies.completions.catalog import Catalog, Template
from policies.completions.catalog import shipped as shipped_catalog
from policies.completions.contract import Composition, Need
from policies.completions.draft import Draft
from policies.completions.echo import gist
from policies.completions.inquiry import inquiry, silent, unsafe
from policies.completions.parts import KEEP, Part, choose, fit, joined, shown, uses
from policies.completions.reading import words
from policies.completions.resort import last_resort
from policies.completions.verify import Flaw, Gravity, asks_safety, contacts_in, questions_in, verify
from policies.directory.directory import Directory
from policies.directory.directory import shipped as shipped_directory

__all__ = ["TemplateComposer"]

_ATTEMPTS: Final = 6
_SHORT: Final = 90
_LONG: Final = 170
_SEVERE: Final = 3
_URGENT: Final = 4
_ECHOING: Final = frozenset({"risk", "self-harm", "distress"})
_LIGHT: Final = frozenset({"plain", "line", "companion"})
_UNSURE: Final = re.compile(r"\b(?:but|no|not|he|she|they|him|her|them|soon|wait)\b|n't", re.IGNORECASE)
_SHORT_ANSWER: Final = 6
_OF_LEAVING: Final = frozenset({"companion/retention", "companion/guilt"})
_YES: Final = re.compile(
    r"^\W*(?:yes|yeah|yep|yup|sure|ok|okay|safe|it'?s safe|it is safe|i'?m safe|i am alone|i'?m alone)\b", re.IGNORECASE
)
_IMAGES: Final = re.compile(r"\b(?:pics?|photos?|pictures?|nudes?|videos?|webcam|images?)\b", re.IGNORECASE)
_GRIEVING: Final = frozenset({"ccs/wish-to-be-dead", "ccs/ideation", "ccs/distress"})


class TemplateComposer:
    """:class:`policies.completions.contract.Composer` over the shipped templates and directory.

    Holds no state beyond the two, which are read when it is made; safe to share between tasks and threads.

    :raises CatalogInvalid, DirectoryInvalid: at construction, where shipped data are broken.
    """

    def __init__(self, directory: Directory | None = None, catalog: Catalog | None = None) -> None:
        self._directory = directory if directory is not None else shipped_directory()
        self._catalog = catalog if catalog is not None else shipped_catalog()

    def complete(self, need: Need) -> Composition:
        """A whole message that takes the place of a reply. Never raises, never returns a text with a red flaw."""
        try:
            passed = self._attempts(_placed(need))
        except Exception:  # a person is waiting: whatever broke, they get the fixed text
            passed = None
        return passed if passed is not None else last_resort(need)

    def append(self, need: Need, *, reply: str) -> Composition | None:
        """What is to be added to a reply that is kept; ``None`` where it has all of it, or nothing fit passes."""
        try:
            return self._append(_placed(need), reply)
        except Exception:  # the reply is kept as it is rather than lost
            return None

    def bridge(self, need: Need, *, before: str) -> Composition:
        """A short sentence in place of sentences that are withheld."""
        template, plain = self._template(need), self._catalog.pools["bridge"]
        # to somebody who may not want to live, "it is fine to go now" is no word about a chat
        pool = plain if template.id in _OF_LEAVING and _at_risk(need) else template.beats.get("bridge", plain)
        fresh = [variant for variant in pool if variant.text not in before]
        variant = choose(fresh or pool, need, 0)
        part = Part("transition", variant.id, variant.text)
        return Composition(variant.text, need.template, uses([part]), ())

    # ---- a whole message

    def _template(self, need: Need) -> Template:
        found = self._catalog.templates.get(need.template)
        # an id that no policy can name (lint refuses it) still gets a safe message
        return found if found is not None else self._catalog.templates["ccs/abrupt-refusal"]

    def _attempts(self, need: Need) -> Composition | None:
        weaker: Composition | None = None
        for attempt in range(_ATTEMPTS):
            composition = self._compose(need, attempt)
            flaws = verify(composition.text, need, composition, directory=self._directory)
            if not flaws:
                return composition
            if weaker is None and not _red(flaws):
                weaker = composition
        return weaker

    def _compose(self, need: Need, attempt: int) -> Composition:
        template = self._template(need)
        if need.severity >= _URGENT and template.family not in _LIGHT:
            return self._urgent(need, template, attempt)
        if template.family != "plain" and unsafe(need):
            return self._urgent(need, template, attempt)
        if template.family == "plain":
            return self._plain(need, template, attempt)
        if template.family == "line":
            return self._line(need, template, attempt)
        if template.family == "companion":
            return self._companion(need, template, attempt)
        if template.family == "abuse":
            return self._abuse(need, template, attempt)
        return self._graded(need, template, attempt)

    def _draft(self, need: Need, template: Template, attempt: int) -> Draft:
        return Draft(need, template, self._catalog, self._directory, attempt)

    def _graded(self, need: Need, template: Template, attempt: int) -> Composition:
        draft = self._draft(need, template, attempt)
        severe = need.severity >= _SEVERE
        self._acknowledge(draft)
        draft.identity(always=severe)
        if need.declining or template.declines:
            spare = KEEP if template.declines or need.severity >= _SEVERE else 4
            draft.varied("boundary", paragraph=1, spare=spare)
        draft.transition()
        if template.family == "medical" or need.behaviour_recency in ("now", "24h"):
            draft.fixed("redirection", "medical-now", sentences.MEDICAL_NOW, paragraph=2)
            draft.emergency_if("medical", paragraph=2)
        if template.urgent == "caregiver":
            draft.fixed("redirection", "caregiver-now", sentences.CAREGIVER_NOW, paragraph=2)
            draft.emergency_if(paragraph=2)
        draft.contacts()
        if template.family == "medical":
            draft.varied("redirection", paragraph=3, spare=3)
        elif template.intent or _near(need):
            draft.company_and_distance()
        else:
            draft.varied("redirection", paragraph=3, spare=3)
        draft.treatment()
        draft.monitored()
        draft.people()
        draft.question(inquiry(need, template))
        return self._finished(draft)

    def _acknowledge(self, draft: Draft, *, paragraph: int = 1) -> None:
        need, template = draft.need, draft.template
        if need.answered is not None and need.answered_rung is not None:
            draft.pooled("acknowledgment", f"answer.{_answer_pool(need)}", paragraph=paragraph)
            return
        if silent(need):
            draft.pooled("acknowledgment", "answer.silence", paragraph=paragraph)
            return
        clause = gist(need.words) if template.family in _ECHOING and not template.declines else None
        if clause is not None:
            draft.pooled("acknowledgment", "echo", paragraph=paragraph, gist=clause, spare=5)
        if "bereaved" in need.stated and template.id in _GRIEVING:
            draft.pooled("acknowledgment", "acknowledgment.grief", paragraph=paragraph)
        else:
            draft.varied("acknowledgment", paragraph=paragraph)

    def _urgent(self, need: Need, template: Template, attempt: int) -> Composition:
        """Urgent help, being with someone, distance, identity and limits, one question: fixed strings."""
        draft = self._draft(need, template, attempt)
        draft.urgent()
        draft.identity_and_limits()
        draft.people()
        if any(variant.startswith("urgent-") for variant in need.spoken):
            self._acknowledge(draft, paragraph=5)  # the fixed words were heard before: something new
        draft.question(inquiry(need, template, urgent=True))
        return self._finished(draft)

    def _plain(self, need: Need, template: Template, attempt: int) -> Composition:
        draft = self._draft(need, template, attempt)
        draft.varied("acknowledgment", paragraph=1)
        draft.varied("transition", paragraph=1)
        return self._finished(draft)

    def _line(self, need: Need, template: Template, attempt: int) -> Composition:
        draft = self._draft(need, template, attempt)
        draft.line("redirection")
        return self._finished(draft)

    def _companion(self, need: Need, template: Template, attempt: int) -> Composition:
        at_risk = _at_risk(need)
        if at_risk and template.id in _OF_LEAVING:
            withheld = self._catalog.templates["ccs/withheld"].beats["acknowledgment"]
            template = replace(template, beats={**template.beats, "acknowledgment": withheld})
        draft = self._draft(need, template, attempt)
        draft.varied("acknowledgment", paragraph=1)
        draft.identity()
        if need.declining:
            draft.varied("boundary", paragraph=1)
        if not at_risk:
            draft.transition()  # it says that going is fine, too
        draft.varied("redirection", paragraph=1)
        return self._finished(draft)

    def _abuse(self, need: Need, template: Template, attempt: int) -> Composition:
        """Asks before it names any service; danger now is met with the emergency number alone."""
        draft = self._draft(need, template, attempt)
        danger = need.severity >= _SEVERE
        asked = "abuse-ask" in need.spoken
        invited = _invited(need)
        self._acknowledge(draft)
        if need.minor and _IMAGES.search(need.words):
            draft.fixed("acknowledgment", "not-your-fault", sentences.NOT_YOUR_FAULT, paragraph=1)
        draft.identity()
        if need.declining:
            draft.varied("boundary", paragraph=1)
        draft.transition()
        if danger:
            draft.emergency_if(paragraph=2)
        if invited:
            draft.contacts(fallback=not danger)
        if danger:
            draft.company(paragraph=3)
        else:
            draft.varied("redirection", paragraph=3, spare=4)
        if danger:
            draft.question(inquiry(need, template))
        elif not asked:
            draft.asking("abuse-ask", sentences.ABUSE_ASK)
        elif not invited:
            draft.fixed("redirection", "abuse-later", sentences.ABUSE_LATER, paragraph=4)
        if invited or danger:
            draft.people()
        return self._finished(draft)

    def _finished(self, draft: Draft) -> Composition:
        urgent = any(part.beat == "urgent" for part in draft.parts)
        urgent = urgent or draft.template.urgent == "caregiver"  # somebody else depends on what is done next
        limit = _SHORT if draft.need.severity < _SEVERE and not urgent else _LONG
        kept = fit(draft.ordered(), limit)
        return Composition(
            joined(kept),
            draft.need.template,
            uses(kept),
            shown(kept),
            draft.rung,
            any(part.beat == "identity" for part in kept),
        )

    # ---- a beat for a reply that is kept

    def _append(self, need: Need, reply: str) -> Composition | None:
        template = self._template(need)
        if need.severity >= _URGENT and template.family not in _LIGHT:
            return self._attempts(need)  # nothing that is kept makes the urgent form needless
        there = [contact for contact in contacts_in(reply, need.country, self._directory) if not contact.emergency]
        for attempt in range(_ATTEMPTS):
            draft = self._draft(need, template, attempt)
            if template.family == "line":
                if there:
                    return None
                draft.line("redirection")
            else:
                self._safety_beat(draft, reply, has_resource=bool(there))
            if not draft.parts:
                return None
            composition = self._finished(draft)
            flaws = verify(composition.text, need, composition, directory=self._directory, around=reply)
            if not _red(flaws):
                return composition
        return None

    def _safety_beat(self, draft: Draft, reply: str, *, has_resource: bool) -> None:
        """One question and one resource, whichever the reply lacks."""
        need, template = draft.need, draft.template
        question = None if asks_safety(reply) else inquiry(need, template)
        if template.family == "abuse" and need.severity < _SEVERE:
            if "abuse-ask" not in need.spoken:
                draft.asking("abuse-ask", sentences.ABUSE_ASK)
            elif _invited(need) and not has_resource:
                draft.contacts()
            return
        asks = need.reply_asks or questions_in(reply) > 0
        if question is not None and asks and not question.safety:
            question = None
        if question is not None:
            # the reply has acknowledged in its own way: what is added only leads over
            draft.leading_over()
        if not has_resource:
            if template.family == "abuse":
                draft.emergency_if(paragraph=2)
            else:
                draft.contacts()
        if question is not None and asks:
            draft.fixed("question", "one-question", sentences.ONE_QUESTION, paragraph=9)
        draft.question(question)


def _placed(need: Need) -> Need:
    """The need with its country as the directory writes it, and what was said without the signals' prefix."""
    return replace(
        need,
        country=need.country.upper() if need.country else None,
        stated=frozenset(name.removeprefix("context.stated.") for name in need.stated),
    )


def _red(flaws: tuple[Flaw, ...]) -> bool:
    return any(flaw.gravity is Gravity.RED for flaw in flaws)


def _at_risk(need: Need) -> bool:
    """Whether leaving is not to be spoken of: the session is hard, or something of suicide was said in it."""
    return need.at_risk or need.state != "steady" or need.level > 0 or need.behaviour_recency is not None


def _invited(need: Need) -> bool:
    """They said, plainly and in a few words, that it is safe to read about services here."""
    if "abuse-ask" not in need.spoken or len(words(need.words)) > _SHORT_ANSWER:
        return False
    return _YES.search(need.words) is not None and _UNSURE.search(need.words) is None


def _near(need: Need) -> bool:
    """Acting is close enough that distance from means belongs in the message."""
    return need.severity >= _SEVERE and need.answered == "affirm" and (need.answered_rung or 0) >= _URGENT


def _answer_pool(need: Need) -> str:
    rung = need.answered_rung or 0
    if rung == 0 and need.asked_of_now == "can-call" and need.answered in ("affirm", "deny"):
        return "calling" if need.answered == "affirm" else "cannot-call"
    if need.answered == "affirm":
        return "safe" if rung == 0 else "affirm-low" if rung <= 2 else "affirm-behaviour" if rung == 6 else "affirm-high"
    if need.answered == "deny":
        return "unsafe" if rung == 0 else "deny"
    return "declines" if need.answered == "declines" else "unclear"
