"""What holds of the lexicon for any text."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.contract import Item, Speaker, Utterance
from detectors.lexicon import LexiconScorer
from detectors.lexicon.clauses import sentences
from detectors.lexicon.levels import LADDER
from detectors.signals import Scores, Side

_WORDS = st.sampled_from(
    """i want to die kill myself not never don't my friend he she you said tonight when i was 16 lol jk suicide suicidal
    pills the movie character novel homework goodbye . , ! ? " ' ... 😂 💀 😭 k.m.s w a n t hurt him cut again wish
    was dead plan tried ago last night how many much no longer because but and if""".split()  # noqa: SIM905
)
_TEXTS = st.one_of(st.text(max_size=300), st.lists(_WORDS, max_size=60).map(" ".join))
_PLAIN = st.sampled_from(
    [
        "The bus was late again. ",
        "I had soup for lunch. ",
        "Good evening. ",
        "It rained all day here. ",
        "My sister is visiting on Sunday. ",
    ]
)
_CLEAR = st.sampled_from(
    [
        "I want to kill myself.",
        "I don't want to be alive anymore.",
        "I tried to kill myself last night.",
        "I'm going to end my life.",
    ]
)


@cache
def lexicon() -> LexiconScorer:
    return LexiconScorer()


def score(text: str, before: str | None = None, question: int | None = None) -> Scores:
    context = () if before is None else (Utterance(Speaker.USER, before),)
    return lexicon().score_one(Item(Side.USER, text, context, question))


@settings(deadline=None, max_examples=300)
@given(_TEXTS, st.none() | _TEXTS, st.none() | st.integers(0, 6))
def test_scores_are_sound(text: str, before: str | None, question: int | None) -> None:
    scores = score(text, before, question)
    values = dict(scores.answered())
    assert all(0.0 <= value <= (6.0 if name == "risk.suicide_level" else 1.0) for name, value in values.items())
    ladder = [values[name] for name in LADDER if name in values]
    assert ladder == sorted(ladder, reverse=True)
    if "risk.suicide_ge4" in values:
        assert values["risk.suicide_high"] >= values["risk.suicide_ge4"]
    for start, end in scores.spans.values():
        assert 0 <= start < end <= len(text)
    assert scores.spans.keys() <= values.keys()
    assert set(scores.tags.values()) <= {"now", "24h", "month", "3months", "earlier", "unknown"}


@settings(deadline=None, max_examples=100)
@given(_TEXTS, st.none() | _TEXTS)
def test_the_same_text_gets_the_same_scores(text: str, before: str | None) -> None:
    one, two = score(text, before), score(text, before)
    assert dict(one.answered()) == dict(two.answered())
    assert (dict(one.spans), dict(one.tags), one.language) == (dict(two.spans), dict(two.tags), two.language)


@settings(deadline=None, max_examples=100)
@given(st.lists(_PLAIN, max_size=12).map("".join), _CLEAR, st.lists(_PLAIN, max_size=12).map("".join))
def test_plain_talk_around_a_statement_does_not_hide_it(before: str, statement: str, after: str) -> None:
    text = f"{before}{statement} {after}"
    alone, within = score(statement), score(text)
    for name, value in alone.answered():
        if name.startswith("risk.suicide") and value >= 0.5:
            assert (within.value(name) or 0.0) >= 0.5
    start, end = within.spans["risk.suicide"]
    assert len(before) <= start < end <= len(before) + len(statement)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=3000))
def test_sentences_are_in_order_and_bounded(text: str) -> None:
    spans = sentences(text)
    assert all(0 <= start < end <= len(text) and end - start <= 480 for start, end in spans)
    assert spans == sorted(spans)
    covered = set[int]().union(*(range(start, end) for start, end in spans))
    assert all(text[at].isspace() for at in range(len(text)) if at not in covered)
