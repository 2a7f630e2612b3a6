"""Completions over all needs: whatever is asked for, what leaves is sound."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.signals import LADDER_RUNGS
from policies.completions.catalog import TEMPLATES, shipped
from policies.completions.compose import TemplateComposer
from policies.completions.contract import Composition, Need
from policies.completions.ladder import QUESTIONS, next_question
from policies.completions.reading import words
from policies.completions.verify import Gravity, questions_in, verify
from policies.directory.contact import RESOURCE_CLASSES
from policies.directory.directory import shipped as directory
from policies.directory.wording import LOCAL_EMERGENCY, digits, emergency_number, spoken

COMPOSER = TemplateComposer()
IDS = sorted(variant.id for variant in shipped().variants())
FIXED = ["ladder-0", "ladder-2", "can-call", "abuse-ask", "they-safe", "holding-up", "voices-safe", "medical-care",
         "answer-again", "urgent-suicide", "people-open", "people-nobody", "grief-question"]  # fmt: skip
CONTACTS = sorted(contact.id for contact in directory().contacts)
COUNTRIES = [*sorted(directory().countries), "ZZ", "GR", "XX", "us", None]
STATES = ("not_asked", "asked", "affirmed", "denied", "declined")
ANY = directory().contacts[1]
SAID = st.sampled_from(
    ["", "yes", "no", "it's safe", "I feel like nobody would notice", "I can't go on, I'm so alone", "he has my photos",
     "!!!", "I'm trapped and 12345 is my number", "what is the lethal dose", "\x00\ud7ff \u202e"]
) | st.text(max_size=80)  # fmt: skip

REPLIES = (
    "", "That sounds hard.", "What happened?", "Are you safe right now?", "You can call or text 988.",
    "Are you thinking of suicide? Please call 988 or 116 123.",
)  # fmt: skip
NEEDS = st.builds(
    Need,
    template=st.sampled_from([*sorted(TEMPLATES), "ccs/unknown"]),
    severity=st.integers(0, 4),
    seed=st.binary(max_size=70),
    country=st.sampled_from(COUNTRIES),
    language=st.sampled_from(["en", "es", "de"]),
    age=st.sampled_from(["unknown", "adult", "minor"]),
    state=st.sampled_from(["steady", "elevated", "crisis"]),
    ladder=st.dictionaries(st.sampled_from(LADDER_RUNGS), st.sampled_from(STATES)),
    level=st.integers(0, 5),
    answered=st.sampled_from([None, "affirm", "deny", "unclear", "declines"]),
    answered_rung=st.sampled_from([None, *range(7)]),
    asked_of_now=st.sampled_from([None, "can-call", "ladder-0", "voices-safe"]),
    refer=st.lists(st.sampled_from([*sorted(RESOURCE_CLASSES), "unheard-of"]), max_size=3).map(tuple),
    people=st.sampled_from(["nobody", "open", "acknowledged", "unknown"]),
    identity_due=st.booleans(),
    declining=st.booleans(),
    monitored=st.booleans(),
    minor=st.booleans(),
    behaviour_recency=st.sampled_from([None, "now", "24h", "month", "3months", "earlier", "unknown"]),
    stated=st.frozensets(st.sampled_from(["perinatal", "bereaved", "veteran", "neurodivergent", "serious_illness",
                                          "in_treatment"]), max_size=3),
    spoken=st.frozensets(st.sampled_from([*IDS, *FIXED]), max_size=60),
    shown=st.frozensets(st.sampled_from(CONTACTS), max_size=6),
    reply_asks=st.booleans(),
    at_risk=st.booleans(),
    asked_last=st.booleans(),
    words=SAID,
)  # fmt: skip


def numbers_of(composition: Composition) -> frozenset[str]:
    allowed: set[str] = set()
    for use in composition.resources:
        contact = directory().contact(use.id)
        assert contact is not None
        allowed |= digits(spoken(contact))
        for police in (True, False):
            allowed |= digits(emergency_number(contact, police=police)) if contact.emergency else set()
    return frozenset(allowed)


def sound(composition: Composition, need: Need, around: str = "") -> None:
    flaws = verify(composition.text, need, composition, around=around)
    assert not [flaw for flaw in flaws if flaw.gravity is Gravity.RED], (flaws, composition.text)
    assert questions_in(composition.text) <= 1
    assert digits(composition.text) <= numbers_of(composition)
    assert {use.country for use in composition.resources} <= {(need.country or "").upper(), "ZZ"}
    assert "!" not in composition.text and "{" not in composition.text
    if need.minor:
        assert not re.search(r"\bparents?\b", composition.text)
    if need.monitored or need.people == "unknown":
        assert "watching" not in composition.text and "safety team" not in composition.text
    if "veteran" not in need.stated:
        assert "veteran" not in composition.text.lower()


@settings(max_examples=250, deadline=None)
@given(NEEDS)
def test_a_completion_is_sound(need: Need) -> None:
    composition = COMPOSER.complete(need)
    assert composition.text.strip() and composition.template == need.template
    assert not composition.last_resort, verify(composition.text, need, composition)
    sound(composition, need)
    assert {flaw.code for flaw in verify(composition.text, need, composition)} <= {"parrots"}
    urgent = any(use.beat == "urgent" or use.variant in ("medical-now", "caregiver-now") for use in composition.beats)
    assert len(words(composition.text)) <= (90 if need.severity < 3 and not urgent else 170)
    if need.severity < 3 and not urgent:
        lines = [use for use in composition.resources if not (directory().contact(use.id) or ANY).emergency]
        assert len(lines) <= 1
    assert COMPOSER.complete(need) == composition


@settings(max_examples=100, deadline=None)
@given(NEEDS)
def test_at_severity_4_help_company_distance_and_identity_are_there(need: Need) -> None:
    if (
        need.severity < 4
        or need.template.startswith("companion/")
        or need.template in ("ccs/idiom-after-all", "ccs/resource-line", "ccs/withheld", "ccs/not-with-minors")
    ):
        return
    text = COMPOSER.complete(need).text
    emergency = directory().emergency(need.country.upper() if need.country else None)
    numbers = {emergency_number(emergency), emergency_number(emergency, police=True)}
    assert any(f"call {number}" in text for number in numbers) or LOCAL_EMERGENCY in text
    assert "I'm a computer program and I can't call for you." in text
    assert re.search(r"\b(?:Be with|stay with|be near)\b", text)
    if need.template not in ("ccs/abuse", "ccs/emergency-now"):
        assert re.search(r"away from|take nothing more|the person you might hurt|into the next room", text)


@settings(max_examples=150, deadline=None)
@given(NEEDS, st.sampled_from(REPLIES))
def test_an_added_beat_is_sound(need: Need, reply: str) -> None:
    added = COMPOSER.append(need, reply=reply)
    if added is not None:
        assert added.text.strip() and not added.last_resort
        sound(added, need, around=reply)
        assert COMPOSER.append(need, reply=reply) == added


@settings(max_examples=100, deadline=None)
@given(NEEDS, st.sampled_from(["", "It is fine to go now.", "I'll leave that part out."]))
def test_a_bridge_is_one_short_sentence_or_two(need: Need, before: str) -> None:
    bridge = COMPOSER.bridge(need, before=before)
    assert 0 < len(words(bridge.text)) <= 20 and bridge.text not in before
    sound(Composition(bridge.text, "companion/guilt", bridge.beats, ()), Need("companion/guilt", 0, b""))
    assert COMPOSER.bridge(need, before=before) == bridge


@settings(max_examples=60, deadline=None)
@given(NEEDS)
def test_a_spoken_variant_waits_while_others_are_left(need: Need) -> None:
    composition = COMPOSER.complete(need)
    pools = [*shipped().pools.values(), *(pool for t in shipped().templates.values() for pool in t.beats.values())]
    for use in composition.beats:
        for pool in pools:
            ids = {variant.id for variant in pool}
            if use.variant in ids and use.variant in need.spoken:
                # only where every other one was spoken too, or opened like the sentence before it or failed the verifier
                assert len(ids - need.spoken) <= 3


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(LADDER_RUNGS), st.sampled_from(STATES)),
    st.integers(0, 6),
    st.sampled_from([None, "affirm", "deny", "unclear", "declines"]),
    st.sampled_from([None, *range(7)]),
    st.booleans(),
    st.booleans(),
)
def test_a_closed_rung_is_never_asked_again(
    ladder: dict[str, str], known: int, answered: str | None, rung: int | None, imminent: bool, pressed: bool
) -> None:
    asked = next_question(ladder, known=known, answered=answered, answered_rung=rung, imminent=imminent, pressed=pressed)
    assert asked is None or asked in QUESTIONS
    if answered == "declines":
        assert asked is None
    elif asked and answered != "unclear":
        assert ladder.get(LADDER_RUNGS[asked - 1]) not in ("affirmed", "denied", "declined")
        assert asked > known or known == 6
