"""Core terms in other languages: what is meant, and what only looks like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from detectors.lexicon.multilingual import LANGUAGES, SIGNALS_READ, _languages, read
from detectors.lexicon.terms import TermError, parse
from detectors.normalise import normalise

SENTENCES: dict[str, dict[str, list[str]]] = YAML(typ="safe").load(
    Path(__file__).with_name("multilingual.yaml").read_text("utf-8")
)
MEANT = {
    "suicide": ("risk.suicide",),
    "thoughts": ("risk.suicide", "risk.suicide_ge2"),
    "harm": ("risk.self_harm",),
    "emergency": ("risk.emergency_now",),
}


def cases(kinds: tuple[str, ...]) -> list[Any]:
    return [
        pytest.param(language, kind, text, id=f"{language}-{kind}-{text}")
        for language, groups in SENTENCES.items()
        for kind in kinds
        for text in groups[kind]
    ]


def test_every_language_has_its_sentences() -> None:
    assert set(SENTENCES) == LANGUAGES == _languages()
    for language, groups in SENTENCES.items():
        assert len(groups["suicide"]) >= 5, language
        assert len(groups["thoughts"]) >= 5, language
        assert len(groups["harm"]) >= 3, language
        assert len(groups["emergency"]) >= 3, language
        assert len(groups["nothing"]) >= 5, language


@pytest.mark.parametrize(("language", "kind", "text"), cases(("suicide", "thoughts", "harm", "emergency")))
def test_what_is_meant_is_found(language: str, kind: str, text: str) -> None:
    normal = normalise(text)
    for told in (language, None):
        found = read(normal, told)
        for name in MEANT[kind]:
            value, span = found[name]
            assert value >= 0.5
            assert span is not None
            start, end = normal.span(*span)
            assert 0 <= start < end <= len(text)


@pytest.mark.parametrize(("language", "kind", "text"), cases(("nothing",)))
def test_what_only_looks_like_it_is_not(language: str, kind: str, text: str) -> None:
    found = read(normalise(text), language)
    assert set(found) == set(SIGNALS_READ)
    assert all(value < 0.5 for value, _ in found.values()), found
    assert not any(value >= 0.5 for value, _ in read(normalise(text), None).values())


def test_nothing_found_is_low_in_a_known_language_and_missing_in_another() -> None:
    assert {value for value, _ in read(normalise("hace buen tiempo hoy"), "es").values()} == {0.03}
    assert read(normalise("hace buen tiempo hoy"), None) == {}
    assert read(normalise("txawm li cas los xij"), "hmn") == {}
    assert set(read(normalise("cuaca bagus hari ini"), "ms")) == set(SIGNALS_READ)


def test_a_language_mistaken_for_another_is_read_all_the_same() -> None:
    assert read(normalise("quiero morirme"), "pt")["risk.suicide"][0] >= 0.5
    assert read(normalise("jeg vil dø"), "sv")["risk.suicide"][0] >= 0.5


@pytest.mark.parametrize(
    "text",
    [
        "I want to do my homework and die laughing",
        "the die is cast, and the mort rate is high",
        "no one in the house can do the dishes today",
        "my mate made a tart for the vita magazine",
        "just a normal tuesday with a long queue at the bank",
    ],
)
def test_english_says_nothing_here(text: str) -> None:
    assert read(normalise(text), None) == {}


@given(st.text(max_size=80), st.sampled_from([None, "es", "ja", "ar", "vi", "xx"]))
def test_never_raises_and_stays_in_range(text: str, language: str | None) -> None:
    normal = normalise(text)
    for name, (value, span) in read(normal, language).items():
        assert name in SIGNALS_READ
        assert 0.0 <= value <= 1.0
        assert span is None or 0 <= span[0] < span[1] <= len(normal.text)


EVERY = [text for groups in SENTENCES.values() for kind in MEANT for text in groups[kind]]


@given(st.sampled_from(EVERY), st.text(st.sampled_from(" \n.!…\u200b"), max_size=5))
def test_what_stands_around_changes_nothing(text: str, around: str) -> None:
    inside = {name: value for name, (value, _) in read(normalise(text), None).items()}
    assert {name: value for name, (value, _) in read(normalise(f"{around}\n{text}\n{around}"), None).items()} == inside


@pytest.mark.parametrize("source", ["(a | b", "a | b)", "a ? b", "( )", "a | | b", "~", "x (?)"])
def test_a_term_that_cannot_be_read_says_so(source: str) -> None:
    with pytest.raises(TermError):
        parse(source)
