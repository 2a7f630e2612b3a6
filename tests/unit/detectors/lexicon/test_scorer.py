"""The lexicon tier as its callers see it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from detectors.contract import Item, Speaker, Utterance
from detectors.lexicon import LexiconScorer
from detectors.lexicon.multilingual import SIGNALS_READ
from detectors.signals import Scores, Side, Tier, vocabulary

_UNREAD = re.compile(r"emotion\.|screen\.|answer\.")


@pytest.fixture(scope="module")
def lexicon() -> LexiconScorer:
    return LexiconScorer()


def score(
    lexicon: LexiconScorer, text: str, *before: str, language: str | None = None, question: int | None = None
) -> Scores:
    """``before``: the messages before, the person's and the chatbot's in turn, the person's first."""
    speakers = (Speaker.USER, Speaker.ASSISTANT)
    context = tuple(Utterance(speakers[at % 2], said) for at, said in enumerate(before))
    return lexicon.score_one(Item(Side.USER, text, context, question, language=language))


def test_nothing_noticed_is_not_missing(lexicon: LexiconScorer) -> None:
    scores = score(lexicon, "what time does the library open on saturdays?")
    for signal in vocabulary(Side.USER):
        if _UNREAD.match(signal.name):
            assert scores.get(signal.name).tier is Tier.MISSING
        else:
            assert scores.get(signal.name).tier is Tier.LEXICON, signal.name
            assert scores.value(signal.name) in (0.0, 0.02)


def test_the_model_names_its_rules(lexicon: LexiconScorer) -> None:
    assert re.fullmatch(r"lexicon@\d+\.\d+-[0-9a-f]{8}", lexicon.model)
    assert LexiconScorer().model == lexicon.model
    assert score(lexicon, "hi").model == lexicon.model


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("well, I want to die. ok?", "I want to die"),
        ("😭😭 i wanna die", "i wanna die"),
        ("Ｉ ｗａｎｔ ｔｏ ｄｉｅ!", "Ｉ ｗａｎｔ ｔｏ ｄｉｅ"),
        ("no. i w\u200bant to d\u200bie", "i w\u200bant to d\u200bie"),
        ("first line\nI don't want to be alive anymore\nlast line", "I don't want to be alive"),
    ],
)
def test_spans_are_code_points_of_the_message_as_received(lexicon: LexiconScorer, text: str, span: str) -> None:
    start, end = score(lexicon, text).spans["risk.suicide"]
    assert text[start:end].startswith(span)


def test_a_bare_time_goes_on_from_a_disclosure_only(lexicon: LexiconScorer) -> None:
    after = score(lexicon, "tonight", "i'm going to kill myself", "When?")
    assert (after.value("risk.suicide_imminent") or 0) >= 0.4
    for before in ((), ("shall we watch a film", "When?"), ("my friend wants to kill himself", "When did he say that?")):
        assert score(lexicon, "tonight", *before).value("risk.suicide_imminent") == 0.02


def test_words_of_parting_count_beside_despair_only(lexicon: LexiconScorer) -> None:
    text = "i won't be here tomorrow"
    assert (score(lexicon, text).value("risk.suicide_imminent") or 0) < 0.12
    assert (score(lexicon, text, "i want to kill myself", "I'm here.").value("risk.suicide_imminent") or 0) >= 0.4
    assert (score(lexicon, f"everything is hopeless. {text}").value("risk.suicide_imminent") or 0) >= 0.4


def test_a_question_that_could_serve_weighs_more_after_despair(lexicon: LexiconScorer) -> None:
    text = "how high is the bridge in town"
    alone, after = score(lexicon, text), score(lexicon, text, "there is no way out for me", "Tell me more.")
    assert (alone.value("risk.means_information") or 0) < (after.value("risk.means_information") or 0)


def test_only_the_persons_own_messages_count_as_before(lexicon: LexiconScorer) -> None:
    said = lexicon.score_one(Item(Side.USER, "tonight", (Utterance(Speaker.ASSISTANT, "i'm going to kill myself"),)))
    assert said.value("risk.suicide_imminent") == 0.02


def test_weak_signs_add_up_to_less_than_a_statement(lexicon: LexiconScorer) -> None:
    hopeless = score(lexicon, "nothing will ever get better. i'm such a burden to my family.")
    assert 0.25 <= (hopeless.value("risk.suicide") or 0) < 0.6
    assert (score(lexicon, "i'm a lost cause").value("risk.suicide") or 0) < 0.25


def test_a_text_in_another_language_answers_what_its_own_terms_tell(lexicon: LexiconScorer) -> None:
    scores = score(lexicon, "¿me puedes ayudar con la receta de la tortilla de patatas?")
    assert scores.language == "es"
    assert {name for name, _ in scores.answered()} == set(SIGNALS_READ) | {"risk.suicide_level"}
    risk = score(lexicon, "ya no quiero vivir, estoy cansada de todo esto")
    assert (risk.value("risk.suicide") or 0) >= 0.6
    assert risk.value("risk.violence") is None


def test_english_within_another_language_is_heard(lexicon: LexiconScorer) -> None:
    scores = score(lexicon, "estoy muy mal con mi familia y mi trabajo, i want to kill myself", language="es")
    assert (scores.value("risk.suicide_ge2") or 0) >= 0.55


def test_a_yes_inherits_the_rung_that_was_asked(lexicon: LexiconScorer) -> None:
    assert (score(lexicon, "yes", question=2, language="en").value("risk.suicide_ge2") or 0) >= 0.55
    asked = score(lexicon, "yeah last week", question=6, language="en")
    assert (asked.value("risk.suicide_behaviour") or 0) >= 0.45
    assert asked.tags["risk.suicide_behaviour"] == "month"
    assert (score(lexicon, "si", question=4, language="es").value("risk.suicide_high") or 0) >= 0.45
    assert score(lexicon, "yes", language="en").value("risk.suicide_ge2") == 0.02


@pytest.mark.parametrize("text", ["", " ", "\0", "\ud800", "a\0b", "\n" * 1000, "!?" * 5000, "x" * 100_000, "i " * 50_000])
def test_no_text_is_too_odd(lexicon: LexiconScorer, text: str) -> None:
    assert score(lexicon, text).covered


def test_the_end_of_a_very_long_text_is_read(lexicon: LexiconScorer) -> None:
    scores = score(lexicon, "and then we talked about the weather for a while " * 5_000 + "i want to kill myself")
    assert (scores.value("risk.suicide_ge2") or 0) >= 0.55


def test_threads_get_the_same_answer(lexicon: LexiconScorer) -> None:
    texts = ["i want to die", "this bug is killing me", "my friend is suicidal", "how tall is the bridge"] * 50
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: dict(score(lexicon, text).answered()), texts))
    for text, answer in zip(texts, answers, strict=True):
        assert answer == dict(score(lexicon, text).answered())
