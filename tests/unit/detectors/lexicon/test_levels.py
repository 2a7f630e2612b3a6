"""The suicide signals as one consistent answer."""

from __future__ import annotations

import pytest

from detectors.lexicon.levels import DERIVED_FROM, LADDER, derive

BEHAVIOUR, IMMINENT, HIGH = "risk.suicide_behaviour", "risk.suicide_imminent", "risk.suicide_high"


def derived(raised: dict[str, float], tag: str | None = None) -> dict[str, float]:
    values = dict.fromkeys(DERIVED_FROM, 0.02) | {f"risk.{name}": value for name, value in raised.items()}
    derive(values, {}, {} if tag is None else {BEHAVIOUR: tag})
    return values


@pytest.mark.parametrize(
    ("raised", "level"),
    [
        ({}, 0.0),
        ({"suicide": 0.35}, 0.35),
        ({"suicide": 0.9}, 1.0),
        ({"suicide_ge2": 0.9}, 2.0),
        ({"suicide_ge3": 0.7}, 3.0),
        ({"suicide_ge4": 0.9}, 4.0),
        ({"suicide_ge5": 0.9}, 5.0),
        ({"suicide_behaviour": 0.9}, 6.0),
        ({"suicide_imminent": 0.9}, 4.0),
    ],
)
def test_the_number_follows_the_levels(raised: dict[str, float], level: float) -> None:
    assert derived(raised)["risk.suicide_level"] == level


def test_a_level_raises_all_below_it() -> None:
    values = derived({"suicide_ge4": 0.8})
    assert [values[name] for name in LADDER] == [0.8, 0.8, 0.8, 0.8, 0.02]
    assert values[HIGH] == 0.8


@pytest.mark.parametrize("tag", ["now", "24h", "month", "3months", "unknown", None])
def test_behaviour_that_may_be_recent_is_high_risk(tag: str | None) -> None:
    values = derived({"suicide_behaviour": 0.9}, tag)
    assert values[HIGH] == 0.9
    assert values["risk.suicide"] == 0.9
    assert values["risk.suicide_ge2"] == 0.02


def test_behaviour_of_long_ago_is_neither_high_risk_nor_ideation_now() -> None:
    values = derived({"suicide_behaviour": 0.9}, "earlier")
    assert values[HIGH] == 0.02
    assert values["risk.suicide"] == 0.02
    assert values["risk.suicide_level"] == 0.0


def test_whoever_acts_within_a_day_has_an_intent() -> None:
    values = derived({"suicide_imminent": 0.7})
    assert [values[name] for name in LADDER] == [0.7, 0.7, 0.7, 0.7, 0.02]
    assert values[HIGH] == 0.7


def test_a_span_goes_with_the_value_that_it_belongs_to() -> None:
    values = dict.fromkeys(DERIVED_FROM, 0.02) | {IMMINENT: 0.9, "risk.suicide": 0.95}
    spans = {IMMINENT: (0, 4), "risk.suicide": (7, 9)}
    derive(values, spans, {})
    assert spans["risk.suicide"] == (7, 9)
    assert spans["risk.suicide_ge4"] == (0, 4)
