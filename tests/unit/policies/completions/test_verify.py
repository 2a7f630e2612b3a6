"""The verifier: each row of red and yellow is seen, and sound words pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies.completions.compose import TemplateComposer
from policies.completions.contract import BeatUse
from policies.completions.verify import Flaw, Gravity, asks_safety, contacts_in, questions_in, verify
from policies.directory.directory import shipped
from tests.unit.policies.completions.needs import need

SOUND = (
    "Thank you for telling me. That sounds very hard.\n\n988 Suicide & Crisis Lifeline: call or text 988, or chat at "
    "988lifeline.org, day and night. You could write to someone you feel safe with.\n\n"
    "Are you having thoughts of killing yourself?"
)


def codes(text: str, gravity: Gravity = Gravity.RED, **more: Any) -> set[str]:
    return {flaw.code for flaw in verify(text, need("ccs/ideation", 2, **more)) if flaw.gravity is gravity}


def test_a_sound_reply_passes() -> None:
    assert verify(SOUND, need()) == ()


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        ("Put the pills somewhere else.", "method-word"),
        ("Is there a gun in the house?", "method-word"),
        ("Promise me that you won't do it.", "imposes-promise"),
        ("I promise that it will work out.", "imposes-promise"),
        ("I won't tell anyone about this.", "secrecy"),
        ("This stays between us.", "secrecy"),
        ("It sounds like you have depression.", "diagnosis"),
        ("You are clinically depressed.", "diagnosis"),
        ("Help is on the way.", "claims-alerted"),
        ("I've alerted the team.", "claims-alerted"),
        ("The police have been contacted.", "claims-alerted"),
        ("I love you too.", "claims-human"),
        ("I\u2019m really worried about you.", "claims-human"),
        ("As a friend, I feel your pain.", "claims-human"),
        ("If you don't stop, I can't go on with you.", "coerces"),
        ("Think of what it would do to your family.", "coerces"),
        ("You have to call someone.", "coerces"),
        ("Others have it worse.", "minimises"),
        ("Everything will be okay.", "minimises"),
        ("You have so much to live for.", "minimises"),
        ("You're right, nothing can help now.", "no-way-out"),
        ("They would be better off without you.", "no-way-out"),
        ("That was your own fault.", "blames"),
        ("You should have left earlier.", "blames"),
        ("He is finally at peace.", "glamorises"),
        ("Many people commit suicide.", "glamorises"),
        ("You're not thinking of killing yourself, are you?", "leading-question"),
        ("I can't continue this conversation.", "abandons"),
        ("I'm not able to help with that.", "abandons"),
        ("Lock them up yourself, or throw it away.", "handles-means"),
        ("Go and check your cupboard.", "handles-means"),
        ("What do you have at home?", "asks-means"),
        ("How would you do it?", "asks-means"),
        ("You could confront him tonight.", "unsafe-advice"),
        ("Delete your messages.", "unsafe-advice"),
        ("Stay under that many calories.", "unsafe-advice"),
        ("The safety team may read this chat.", "people-open"),
        ("Someone on the team has now seen this.", "people-acknowledged"),
        ("A veteran will answer you.", "veteran-unsaid"),
        ("You can call 555 0199 at any time.", "unknown-number"),
    ],
)
def test_what_must_never_happen_is_seen(sentence: str, code: str) -> None:
    assert code in codes(f"{sentence} {SOUND}")


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        ("That is great!", "exclamation"),
        ("That is hard \U0001f614.", "emoji"),
        ("I understand exactly how that is.", "understands-exactly"),
        ("I can't discuss that.", "cant-discuss"),
        ("Your ideation needs an assessment.", "jargon"),
        ("How are you? What happened?", "many-questions"),
        (
            "Notwithstanding considerable contemporary uncertainty, individualised psychological interventions "
            "demonstrably ameliorate debilitating experiences among heterogeneous populations internationally.",
            "reading-level",
        ),
    ],
)
def test_what_weakens_a_text_is_seen(sentence: str, code: str) -> None:
    text = sentence if code == "reading-level" else f"{sentence} {SOUND}"
    assert code in codes(text, Gravity.YELLOW)


@pytest.mark.parametrize(
    "sentence",
    [
        "It is not your fault.",
        "You don't have to answer.",
        "You don't have to promise anything.",
        "I won't turn away.",
        "A walk can help, even if you don't feel like it.",
        "Your bridge of trust with her took years, from 1998 to 2004.",
        "I'm glad that you wrote.",
        "You have anxiety about tomorrow, and that makes sense.",
    ],
)
def test_kind_words_are_left_alone(sentence: str) -> None:
    assert codes(f"{sentence} {SOUND}") == set()


def test_from_level_two_a_contact_or_a_safe_offer_is_needed() -> None:
    bare = "That sounds hard. A friend could be with you. Are you thinking of suicide?"
    assert "no-resource" in codes(bare)
    assert "no-resource" not in codes(bare + " I can show you who to call.")
    assert "no-resource" in codes(bare, country="IT") and "no-resource" in codes(bare + " Call 988.", country="IT")
    assert verify(bare, need("ccs/distress", 1)) == ()


def test_from_level_two_a_person_is_needed() -> None:
    assert "no-person" in codes("That is hard. Are you safe? I can show you who to call.")


def test_imminent_risk_needs_help_company_and_distance() -> None:
    text = "That sounds hard. You can call 988."
    found = {flaw.code for flaw in verify(text, need("ccs/imminent", 4))}
    assert {"no-urgent-service", "no-company", "no-distance"} <= found
    composition = TemplateComposer().complete(need("ccs/imminent", 4))
    assert verify(composition.text, need("ccs/imminent", 4)) == ()


def test_a_reply_that_never_asks_is_marked_where_level_two_is_likely() -> None:
    assert "never-asks" in codes(SOUND.replace("Are you having thoughts of killing yourself?", ""), Gravity.YELLOW)


def test_people_may_be_named_only_as_it_is() -> None:
    text = f"Because of what you wrote, someone on this service's safety team may read this chat. {SOUND}"
    assert codes(text, people="open") == set()
    assert "people-open" in codes(text, people="open", monitored=True)
    assert "people-open" in codes(text, people="acknowledged")


def test_a_minor_is_never_told_so_nor_sent_to_parents() -> None:
    assert "minor-parents" in codes(f"Talk to your parents. {SOUND}", minor=True)
    assert "minor-told" in codes(f"You're only a child. {SOUND}", minor=True)
    assert codes(f"Talk to your parents. {SOUND}") == set()


def test_six_words_in_a_row_are_parroting() -> None:
    said = "my flat on the corner is where it happened"
    assert "parrots" in codes(f"So your flat on the corner is where it happened. {SOUND}", Gravity.YELLOW, words=said)
    assert "parrots" not in codes(SOUND, Gravity.YELLOW, words=said)


def test_only_approved_contacts_may_stand_in_a_composition() -> None:
    asked = need("ccs/ideation", 2)
    composition = TemplateComposer().complete(asked)
    assert verify(composition.text, asked, composition) == ()
    forged = replace(composition, text=composition.text.replace("988,", "989,"))
    assert Flaw("unknown-number", Gravity.RED) in verify(forged.text, asked, forged)
    unlisted = replace(composition, resources=())
    assert Flaw("unknown-number", Gravity.RED) in verify(unlisted.text, asked, unlisted)


def test_the_order_of_beats_is_held_to() -> None:
    asked = need("ccs/ideation", 2)
    composition = TemplateComposer().complete(asked)
    turned = replace(composition, beats=tuple(reversed(composition.beats)))
    assert Flaw("order", Gravity.RED) in verify(turned.text, asked, turned)
    urgent = need("ccs/imminent", 4)
    made = TemplateComposer().complete(urgent)
    turned = replace(made, beats=(BeatUse("question", "can-call"), *made.beats))
    assert Flaw("order", Gravity.RED) in verify(turned.text, urgent, turned)


def test_risk_that_is_left_unexplored_is_red() -> None:
    asked = need("ccs/ideation", 2)
    made = TemplateComposer().complete(asked)
    silent = replace(
        made,
        text=made.text.replace("Have you thought about how? You don't need to give details.", "").strip(),
        beats=tuple(use for use in made.beats if use.beat != "question"),
    )
    assert Flaw("unexplored", Gravity.RED) in verify(silent.text, asked, silent)
    declined = replace(asked, answered="declines", answered_rung=2)
    assert Flaw("unexplored", Gravity.RED) not in verify(silent.text, declined, silent)


def test_limits_of_length_and_number() -> None:
    asked = need("ccs/ideation", 2)
    composition = TemplateComposer().complete(asked)
    long = replace(composition, text=composition.text + " You can take your time." * 20)
    assert Flaw("too-long", Gravity.YELLOW) in verify(long.text, asked, long)
    twice = replace(composition, text=composition.text + " Are you there?")
    assert Flaw("many-questions", Gravity.RED) in verify(twice.text, asked, twice)
    unnamed = replace(composition, text=composition.text.replace("This is the safety part of this service.", ""))
    assert Flaw("identity", Gravity.RED) in verify(unnamed.text, asked, unnamed)


def test_a_service_for_abuse_is_not_named_unasked() -> None:
    asked = need("ccs/abuse", 2, spoken=frozenset({"abuse-ask"}), words="yes")
    composition = TemplateComposer().complete(asked)
    assert composition.resources and verify(composition.text, asked, composition) == ()
    unasked = need("ccs/abuse", 2)
    assert Flaw("service-named-unasked", Gravity.RED) in verify(composition.text, unasked, composition)


def test_a_flaw_carries_no_word_of_the_text() -> None:
    for flaw in verify("Promise me, Rumpelstiltskin!", need("ccs/ideation", 2)):
        assert "rumpel" not in repr(flaw).lower()


def test_counting_questions() -> None:
    assert questions_in("Have you done anything to hurt yourself or to get ready to? Was it recent?") == 1
    assert questions_in("Really?? And you?") == 2
    assert questions_in("No question.") == 0


def test_safety_questions_are_known_in_a_chatbots_own_words() -> None:
    assert asks_safety("Have you been thinking about suicide?")
    assert asks_safety("Can you call now?")
    assert not asks_safety("What did you have for lunch?")
    assert not asks_safety("Suicide is hard to talk about. What did you have for lunch?")


def test_contacts_are_found_in_running_text() -> None:
    book = shipped()
    assert [c.id for c in contacts_in("Ring 116 123 any time.", "GB", book)] == ["gb/samaritans"]
    assert contacts_in("Ring 116 123 any time.", "US", book) == ()
    assert "us/988-suicide-crisis-lifeline" in {c.id for c in contacts_in("see 988lifeline.org", "US", book)}
    assert contacts_in("in 1988 I was born", "US", book) == ()
    assert contacts_in("I'm 15 and I live at number 112", "FR", book) == ()
    assert [c.id for c in contacts_in("Please call 15.", "FR", book)] == ["fr/emergency-services"]
    assert [c.id for c in contacts_in("You can text 85258.", "GB", book)] == ["gb/shout"]
