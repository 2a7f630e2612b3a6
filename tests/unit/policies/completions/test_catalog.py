"""Templates: every variant by itself, and enough of them."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from policies.completions import RESOURCE_CLASSES, TEMPLATES, phrases
from policies.completions.catalog import FEWEST, VARIED, Variant, shipped
from policies.completions.reading import grade, words
from policies.completions.sentences import (
    ABUSE_ASK,
    CAN_CALL,
    EMERGENCY_IF,
    FIXED_QUESTIONS,
    IDENTITY,
    LIMITS,
    MEDICAL_NOW,
    PEOPLE,
    URGENT,
)

VARIANTS = shipped().variants()


def test_the_templates_that_a_policy_may_name() -> None:
    assert set(shipped().templates) == TEMPLATES and len(TEMPLATES) == 28
    assert {"crisis", "self-harm", "emergency", "abuse", "child", "eating", "substance", "veteran", "perinatal", "poison",
            "lgbtq", "general"} == RESOURCE_CLASSES  # fmt: skip


@pytest.mark.parametrize("identity", sorted(TEMPLATES))
def test_every_beat_has_at_least_eight_variants(identity: str) -> None:
    template = shipped().templates[identity]
    for beat, pool in template.beats.items():
        assert len(pool) >= FEWEST == 8, (identity, beat)
        assert len({variant.text for variant in pool}) == len(pool), (identity, beat)
    full = {"line", "plain"}.isdisjoint({template.family})
    assert set(VARIED) <= set(template.beats) or not full


@pytest.mark.parametrize("pool", sorted(shipped().pools))
def test_every_pool_has_at_least_eight_variants(pool: str) -> None:
    assert len(shipped().pools[pool]) >= (FEWEST if pool != "treatment" else 3)


def test_an_id_stands_once_and_is_written_plainly() -> None:
    ids = [variant.id for variant in VARIANTS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(?:-[a-z]+)*-\d+", identity) for identity in ids)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.id)
def test_a_variant_by_itself(variant: Variant) -> None:
    plain = variant.text.lower()
    for code, pattern in {**phrases.RED, **phrases.YELLOW, "advice": phrases.ADVICE}.items():
        assert not pattern.search(plain), code
    for state, pattern in phrases.PEOPLE_CLAIMS.items():
        assert not pattern.search(plain), state
    assert not re.search(r"[!?\d]", variant.text), "questions and numbers have their own places"
    assert not phrases.EMOJI.search(variant.text)
    assert "veteran" not in plain and "parents" not in plain
    assert "\u2019" not in variant.text and variant.text == variant.text.strip()
    assert set(re.findall(r"\{(\w+)\}", variant.text)) <= {"person", "contact", "gist"}
    assert variant.text[-1] in '.:"' or variant.text.endswith("{contact}.")
    assert grade(variant.text) < 8.5 and len(words(variant.text)) <= 30


def test_the_fixed_strings_are_the_approved_ones() -> None:
    suicide = URGENT["suicide"]
    spoken = " ".join([suicide.urgent, suicide.company, suicide.distance, IDENTITY, LIMITS, CAN_CALL])
    assert spoken == (
        "Please call {emergency} now, or ask someone near you to call. Be with someone you feel safe with if you can. If "
        "anything you could use to hurt yourself is near, move away from it, or ask someone else to keep it. This is the "
        "safety part of this service. I'm a computer program and I can't call for you. Can you call now?"
    )
    assert MEDICAL_NOW == "What you describe needs medical help now, even if you feel all right."
    assert ABUSE_ASK == (
        "Is it safe to read about this here? Someone else may see this device. "
        "We can talk about something else whenever you like."
    )
    assert PEOPLE["open"] == (
        "Because of what you wrote, someone on this service's safety team may read this chat. I don't know how soon."
    )
    assert PEOPLE["acknowledged"] == "Someone on the team has now seen this."
    assert PEOPLE["nobody"] == "Nobody is watching this chat. A crisis line has people now."
    assert {"Do you need medical care now?", "Are they in danger right now?", "And how are you holding up?",
            "Are you thinking of killing yourself?"} <= set(FIXED_QUESTIONS)  # fmt: skip
    assert shipped().pools["continuity"][0].text == "I'm still here with you."


def test_the_fixed_strings_keep_to_the_rules() -> None:
    fixed = [
        text for urgent in URGENT.values() for text in (urgent.urgent, urgent.company, urgent.distance, urgent.company_minor)
    ]
    for text in [*fixed, *EMERGENCY_IF.values(), *FIXED_QUESTIONS]:
        for code, pattern in phrases.RED.items():
            assert not pattern.search(text.lower()), (code, text)
        assert "!" not in text and not re.search(r"\d", text)
    for urgent in URGENT.values():
        assert "{emergency}" in urgent.urgent


def test_no_template_file_is_left_unread() -> None:
    folder = files("policies.completions") / "templates"
    names = {entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml")}
    assert names == {f"{identity.replace('/', '.')}.yaml" for identity in TEMPLATES} | {"pools.yaml", "answers.yaml"}
