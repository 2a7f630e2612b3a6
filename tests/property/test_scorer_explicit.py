"""An explicit word of the lexicon raises what the tier above it says."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.scorer.explicit import EXPLICIT, heed, is_heeded
from detectors.scorer.tiers import merge
from detectors.signals import Scores, Side, Tier, vocabulary

_SIDES = st.sampled_from((Side.USER, Side.REPLY))


@st.composite
def _tier(draw: st.DrawFn, side: Side, tier: Tier) -> Scores:
    names = [signal.name for signal in vocabulary(side)]
    chosen = draw(st.lists(st.sampled_from(names), max_size=12, unique=True)) if tier is Tier.FULL else names
    given = draw(st.lists(st.floats(0, 1), min_size=len(chosen), max_size=len(chosen)))
    values = dict(zip(chosen, given, strict=True))
    spans = {name: (0, 5) for name in chosen if tier is Tier.LEXICON and values[name] >= EXPLICIT}
    tags = dict.fromkeys(spans, "now")
    return Scores.of(side, f"{tier.name}@1", values, tier=tier, spans=spans, tags=tags)


_PAIRS = _SIDES.flatmap(lambda side: st.tuples(_tier(side, Tier.FULL), _tier(side, Tier.LEXICON)))


@settings(max_examples=80)
@given(_PAIRS)
def test_explicit_words_raise_with_their_evidence_and_the_rest_is_the_models(pair: tuple[Scores, Scores]) -> None:
    model, words = pair
    found = heed(merge(model, words), words)
    read = ("answer.affirm", "answer.deny", "answer.declines")
    answers = any(name in read and value >= EXPLICIT for name, value in words.answered())
    for signal in vocabulary(words.side):
        name = signal.name
        word, own, value = words.value(name), model.value(name), found.value(name)
        assert word is not None and value is not None
        if own is None:
            assert value == word
            continue
        assert found.get(name).tier is Tier.FULL
        if name.startswith("answer."):
            assert value == (math.sqrt(max(word, 1e-3) * own) if answers else own)
        elif is_heeded(name) and word >= EXPLICIT:
            assert own <= value <= max(word, own)
            assert value == (own if own >= word else math.sqrt(word * own))
            if value > own or own >= EXPLICIT:
                assert found.spans[name] == words.spans[name]
            assert value <= own or found.tags[name] == "now"
        else:
            assert value == own


@settings(max_examples=40)
@given(_PAIRS)
def test_nothing_is_heeded_without_a_model(pair: tuple[Scores, Scores]) -> None:
    _, words = pair
    assert heed(words, words) is words


def test_a_level_is_no_probability() -> None:
    words = Scores.of(Side.USER, "words@1", {"risk.suicide_level": 6.0, "risk.suicide": 0.9}, tier=Tier.LEXICON)
    model = Scores.of(Side.USER, "model@1", {"risk.suicide_level": 2.0, "risk.suicide": 0.4}, tier=Tier.FULL)
    found = heed(merge(model, words), words)
    assert found.value("risk.suicide_level") == 2.0
    assert found.value("risk.suicide") == math.sqrt(0.9 * 0.4)


@pytest.mark.parametrize(
    ("model", "words", "when"),
    [
        ("24h", "month", "month"),
        ("24h", "now", "24h"),
        ("24h", "unknown", "24h"),
        ("now", "month", "now"),
        ("month", "24h", "month"),
    ],
)
def test_a_time_in_so_many_words_goes_before_a_guess_of_the_last_day(model: str, words: str, when: str) -> None:
    name = "risk.suicide_behaviour"
    upper = Scores.of(Side.USER, "m@1", {name: 0.9}, tier=Tier.FULL, tags={name: model})
    lower = Scores.of(Side.USER, "l@1", {name: 0.8}, tags={name: words})
    assert heed(merge(upper, lower), lower).tags[name] == when
