"""What a completion is told of the session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from guard.turns.contract import Identity
from guard.turns.need import country_of, need_of
from guard.turns.session import Peak, SessionState
from policies.completions.contract import Need
from policies.decision import Decision, Moment, Person

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def needed(state: SessionState, *, people: str = "none", case_open: bool = False, before: str = "") -> Need:
    return need_of(
        "ccs/ideation", Decision(Moment.USER_TURN), state, now=NOW,
        identity=Identity(UUID(int=1), "somebody", people=people), person=Person(), default_country=None, seed=b"", words="",
        before=before, case_open=case_open, identity_spoken=False, asked_last=False, declining=False,
    )  # fmt: skip


def level(peaks: dict[str, float], *, days: int = 0) -> int:
    return needed(SessionState(peaks={name: Peak(value, NOW - timedelta(days=days)) for name, value in peaks.items()})).level


@pytest.mark.parametrize(
    ("peaks", "expected"),
    [
        ({}, 0),
        ({"suicide": 0.49}, 0),
        ({"suicide": 0.5}, 1),
        ({"suicide": 0.9, "suicide_ge2": 0.8, "suicide_ge3": 0.2}, 2),
        ({"suicide": 0.9, "suicide_ge3": 0.6}, 3),
        ({"suicide_ge4": 0.6, "suicide_ge5": 0.4}, 4),
        ({"suicide_ge5": 0.5}, 5),
        ({"violence": 0.9, "self_harm": 0.9}, 0),
    ],
)
def test_the_level_is_the_highest_that_was_shown(peaks: dict[str, float], expected: int) -> None:
    assert level(peaks) == expected


def test_what_was_shown_long_ago_fades() -> None:
    assert level({"suicide": 0.9, "suicide_ge2": 0.6}, days=1) == 2
    assert level({"suicide": 0.9, "suicide_ge2": 0.6}, days=5) == 1
    assert level({"suicide": 0.9, "suicide_ge2": 0.6}, days=30) == 0


@pytest.mark.parametrize(
    ("people", "case_open", "expected"),
    [
        ("always", True, "open"),
        ("always", False, "nobody"),
        ("hours", True, "nobody"),  # which hours is not known, so nobody is said to watch
        ("none", True, "nobody"),
    ],
)
def test_people_are_spoken_of_only_where_there_are_some_at_any_hour(people: str, case_open: bool, expected: str) -> None:
    assert needed(SessionState(), people=people, case_open=case_open).people == expected


@pytest.mark.parametrize("state", ["elevated", "crisis", "recovering"])
def test_a_hard_session_may_have_a_case_that_somebody_reads(state: str) -> None:
    assert needed(SessionState(state), people="always").people == "unknown"
    assert needed(SessionState(state), people="always", case_open=True).people == "open"
    assert needed(SessionState(state), people="hours").people == "nobody"


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("de-AT", "AT"),
        ("zh-Hant-TW", "TW"),
        ("zh-min-nan-TW", "TW"),
        ("en_GB", "GB"),
        ("de-DE-u-ca-gregory", "DE"),
        ("de-u-ca-gregory", None),  # a key of an extension is no country
        ("en-u-rg-gbzzzz-sd-usca", None),
        ("en-x-us", None),
        ("de", None),
    ],
)
def test_a_locale_names_a_country_by_its_region_alone(locale: str, expected: str | None) -> None:
    assert country_of(Person(locale=locale), None) == expected
    assert country_of(Person(locale=locale), "CH") == (expected or "CH")


CALL, SAFE = "I can't call for you. Can you call now?", "Please call 911 now. Are you safe right now?"


@pytest.mark.parametrize(
    ("spoken", "before", "expected"),
    [
        ((), "", None),
        ((), "Hello.", None),
        (("can-call", "ladder-0"), "", "ladder-0"),
        (("ladder-0", "can-call", "answer-unclear-9"), "", "can-call"),
        (("can-call", "voices-safe"), "", "voices-safe"),
        ((), CALL, "can-call"),  # a request without a session knows by the words alone
        ((), SAFE, "ladder-0"),
        (("ladder-0", "can-call"), SAFE, "ladder-0"),  # the chatbot asked by itself
        (("can-call", "ladder-0"), CALL, "can-call"),
    ],
)
def test_which_question_about_now_was_asked_last(spoken: tuple[str, ...], before: str, expected: str | None) -> None:
    assert needed(SessionState(spoken=spoken), before=before).asked_of_now == expected
