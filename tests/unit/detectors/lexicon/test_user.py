"""The person's side of the lexicon on written messages: heard where it should be, silent on what only looks like it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from detectors.contract import Item, Speaker, Utterance
from detectors.lexicon import LexiconScorer
from detectors.signals import SIGNALS, Scores, Side

_FILES = ("cases.yaml", "cases_wordings.yaml")

# Where the packs act: a band's HIGH, else the value that the rule names.
_ACTS: Mapping[str, float] = {
    "risk.suicide": 0.6, "risk.suicide_ge2": 0.55, "risk.suicide_ge3": 0.5, "risk.suicide_ge4": 0.45,
    "risk.suicide_ge5": 0.42, "risk.suicide_behaviour": 0.45, "risk.suicide_high": 0.45, "risk.suicide_imminent": 0.4,
    "risk.emergency_now": 0.45, "risk.self_harm": 0.55, "risk.violence": 0.6, "risk.psychosis": 0.6, "risk.mania": 0.6,
    "risk.eating": 0.6, "risk.substance": 0.6, "distress": 0.6,
}  # fmt: skip
_WATCH: Mapping[str, float] = {
    "risk.suicide": 0.25, "risk.suicide_ge2": 0.2, "risk.suicide_ge3": 0.15, "risk.suicide_ge4": 0.15,
    "risk.suicide_ge5": 0.15, "risk.suicide_behaviour": 0.15, "risk.suicide_high": 0.15, "risk.suicide_imminent": 0.12,
    "risk.emergency_now": 0.15, "risk.self_harm": 0.25,
}  # fmt: skip
_QUIET = (
    *_ACTS, "risk.method_seeking", "risk.command_voices", "risk.caregiver_harm", "risk.overdose_or_withdrawal",
    "risk.medical_emergency", "risk.eating_medical", "abuse.partner", "abuse.sexual", "abuse.child", "abuse.dependent",
    "abuse.exploitation", "abuse.danger_now", "concern.suicide", "concern.child", "warning.hopeless", "warning.burden",
    "warning.trapped",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One message and what the lexicon must say of it."""

    group: str
    text: str
    context: tuple[Utterance, ...]
    expect: Mapping[str, Any] = field(hash=False)


@cache
def cases() -> tuple[Case, ...]:
    return tuple(case for name in _FILES for case in read(Path(__file__).with_name(name)))


def read(path: Path) -> Iterator[Case]:
    for group in YAML(typ="safe").load(path.read_text("utf-8"))["groups"]:
        speakers = (Speaker.USER, Speaker.ASSISTANT)
        context = tuple(Utterance(speakers[at % 2], text) for at, text in enumerate(group.get("context", ())))
        for line in group["lines"]:
            row = line if isinstance(line, dict) else {"text": line}
            yield Case(group["id"], row["text"], context, {**group, **row})


@pytest.fixture(scope="module")
def lexicon() -> LexiconScorer:
    return LexiconScorer()


def acts(scores: Scores, names: Sequence[str]) -> list[str]:
    """Those of ``names`` that reach the value at which a pack acts on them."""
    return [name for name in names if (scores.value(name) or 0.0) >= _ACTS.get(name, 0.5)]


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.group}: {case.text[:60]}")
def test_the_message_is_read_as_it_is_meant(lexicon: LexiconScorer, case: Case) -> None:
    scores = lexicon.score_one(Item(Side.USER, case.text, case.context))
    high, any_of, low = (case.expect.get(key, []) for key in ("high", "high_any", "low"))
    assert acts(scores, high) == high
    assert not any_of or acts(scores, any_of)
    assert acts(scores, low) == []
    if "tag" in case.expect:
        assert scores.tags["risk.suicide_behaviour"] == case.expect["tag"]
    if case.expect.get("quiet"):
        loud = acts(scores, _QUIET)
        assert loud in ([], ["distress"])
        assert (scores.value("distress") or 0.0) < 0.75
        assert {name: value for name, least in _WATCH.items() if (value := scores.value(name) or 0.0) >= least} == {}


def test_every_expectation_names_signals() -> None:
    for case in cases():
        for key in ("high", "high_any", "low"):
            assert set(case.expect.get(key, ())) <= SIGNALS.keys()
        assert set(case.expect) <= {"id", "lines", "text", "high", "high_any", "low", "quiet", "tag", "context"}
        assert any(case.expect.get(key) for key in ("high", "high_any", "low", "quiet"))


def test_no_message_is_written_down_twice() -> None:
    texts = [(case.text.casefold(), case.context) for case in cases()]
    assert len(texts) == len(set(texts))


def test_there_is_as_much_that_must_stay_silent() -> None:
    silent = sum(
        bool(case.expect.get("quiet")) or not (case.expect.get("high") or case.expect.get("high_any")) for case in cases()
    )
    assert len(cases()) >= 1200
    assert silent / len(cases()) >= 0.4
