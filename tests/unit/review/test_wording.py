"""Words for rules, times and hostile characters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.signals import Tier
from guard.review import wording
from policies.completions.sentences import PEOPLE
from policies.load import load_policy

_NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_every_rule_that_ships_has_words() -> None:
    ids = {rule.id for pack in ("core-safety", "companion-app") for rule in load_policy(pack).rules}
    assert ids - set(wording.RULES) == set()


def test_words_never_diagnose_nor_exclaim() -> None:
    for words in wording.RULES.values():
        assert not set(words) & set("!.")
        assert not words.startswith(("is suicidal", "has a disorder", "suffers"))


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        (["imminent"], "The person says or implies acting within about a day, or says goodbye."),
        (
            ["imminent", "ideation", "imminent"],
            "The person says or implies acting within about a day, or says goodbye, and writes of thoughts of suicide.",
        ),
        (["ideation", "self-harm", "abuse"], "The person writes of thoughts of suicide; 2 further rules agree."),
        (["our-own-rule"], "The person met the rule “our own rule”."),
        ([], "A rule of the policy opened this case; which one was not recorded."),
        (None, "A rule of the policy opened this case; which one was not recorded."),
    ],
)
def test_a_reason_is_one_sentence(rules: list[str] | None, sentence: str) -> None:
    assert wording.reason(rules) == sentence


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "less than a minute"),
        (1, "1 minute"),
        (119, "119 minutes"),
        (120, "2 hours"),
        (47 * 60, "47 hours"),
        (48 * 60, "2 days"),
    ],
)
def test_times_in_words(minutes: int, words: str) -> None:
    length = timedelta(minutes=minutes)
    assert wording.ago(_NOW - length, _NOW) == f"{words} ago"
    assert wording.due_in(_NOW + length, _NOW) == f"in {words}"
    if minutes:
        assert wording.due_in(_NOW - length, _NOW) == f"{words} late"


def test_confidence_is_said_apart_from_what_it_is_about() -> None:
    assert wording.confidence(0.95, Tier.FULL) == "very likely"
    assert wording.confidence(0.5, Tier.LEXICON) == "more likely than not, by the word list alone"
    assert wording.confidence(0.01, Tier.FULL) == "very unlikely"
    assert wording.confidence(None, Tier.MISSING) == "not answered"
    assert wording.confidence(None, Tier.OFF) == "switched off for this tenant"


def test_behaviour_of_unknown_time_counts_as_recent_until_answered() -> None:
    assert "within three months until answered" in wording.behaviour("unknown")
    assert wording.behaviour(None) == "none known"


def test_what_was_said_about_people_is_the_sentence_itself() -> None:
    for state, sentence in PEOPLE.items():
        assert wording.people_line(f"people-{state}") == sentence
    assert "people-new" in wording.people_line("people-new")


def test_local_time() -> None:
    assert wording.local_time("Asia/Tokyo", _NOW) == ("21:00, Sunday", "evening")
    for zone in (None, "", "Mars/Olympus", "../../etc/passwd", "a" * 500, "\0"):
        assert wording.local_time(zone, _NOW) is None


def test_what_suppressed_a_rule() -> None:
    assert wording.suppressed_by(None) == ""
    assert wording.suppressed_by("session.state crisis") == "because the session is crisis"
    assert "what the tenant wrote" in wording.suppressed_by("what the tenant wrote")
    assert "voices that command harm" in wording.lacking("risk.command_voices")


@given(st.text())
def test_what_is_shown_moves_nothing_around_it_and_can_be_sent(text: str) -> None:
    shown = wording.legible(text)
    shown.encode()
    assert not set(shown) & {
        chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, 0x7F)
    }
    assert all(character in "\n\t" or ord(character) >= 0x20 for character in shown)
    if text.isascii() and text.isprintable():
        assert shown == text
