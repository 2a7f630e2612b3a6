"""Integrated gradients of the shipped weights, by the command and by the library."""

from __future__ import annotations

import json

import pytest

from detectors.attribution.errors import AttributionUnfit
from detectors.attribution.gradients import Attributed
from detectors.attribution.message import Attribution, Attributor
from detectors.attribution.page import MOST, Page
from detectors.attribution.rows import attribute_rows
from detectors.contract import Item, Speaker, Utterance
from detectors.encoder.manifest import shipped
from detectors.passages import reply_items
from detectors.scorer.explicit import lifted
from detectors.scorer.process import LexiconTier
from detectors.signals import Side

GRAVE = "The bus was late again, then it rained. I want to kill myself. Anyway, what is for dinner?"


@pytest.fixture(scope="module")
def attributor() -> Attributor:
    folder = shipped()
    assert folder is not None
    return Attributor(folder, words=LexiconTier().words)


def _words(text: str, found: Attribution) -> dict[str, float]:
    return {text[word.start : word.end]: word.weight for word in found.words}


def test_the_words_that_say_it_weigh_most_and_add_up(attributor: Attributor) -> None:
    found = attributor.attribute([Item(Side.USER, GRAVE)], GRAVE, "risk.suicide")
    assert found is not None
    assert found.value > 0.3
    weights = _words(GRAVE, found)
    assert set(GRAVE.split()) == set(weights)
    heaviest = sorted(weights, key=lambda word: -weights[word])[:3]
    assert {"kill", "myself."} & set(heaviest)
    assert weights["kill"] > weights["bus"]
    total = found.baseline + found.context + sum(word.weight for word in found.words) + found.gap
    # The tags and the closing token are the same in the baseline: they add nothing.
    assert total == pytest.approx(found.logit, abs=1e-3)
    assert found.complete


def test_the_value_is_the_score_s_where_the_lexicon_s_words_changed_it() -> None:
    folder = shipped()
    assert folder is not None
    text, name, said = "The bus was late again, then it rained.", "risk.suicide", {"risk.suicide": 0.9}
    attributor = Attributor(folder, words=lambda items: [said] * len(items))
    found = attributor.attribute([Item(Side.USER, text, language="en")], text, name)
    assert found is not None
    assert found.lexicon == 0.9
    assert found.value == lifted(name, found.calibrated, said) > found.calibrated
    page = Page(name, attributor.model)
    page.add("a", text, found)
    assert "with the lexicon" in page.html()


def test_without_the_lexicon_the_value_is_the_model_s() -> None:
    folder = shipped()
    assert folder is not None
    found = Attributor(folder).attribute([Item(Side.USER, GRAVE)], GRAVE, "risk.suicide")
    assert found is not None
    assert (found.value, found.lexicon) == (found.calibrated, 0.0)


def test_what_was_said_before_has_its_share(attributor: Attributor) -> None:
    before = (Utterance(Speaker.ASSISTANT, "Have you been thinking about killing yourself?"),)
    found = attributor.attribute([Item(Side.USER, "yes", before, question=2)], "yes", "risk.suicide")
    assert found is not None
    assert found.context > 1.0
    assert [word.start for word in found.words] == [0]


def test_a_reply_is_attributed_in_the_passage_that_is_highest(attributor: Attributor) -> None:
    text = "I hear you. That sounds like a hard week. Nobody else understands you as I do, you only need me, stay with me."
    items = reply_items(text, (Utterance(Speaker.USER, "I feel awful and want to talk"),), language="en")
    found = attributor.attribute(items, text, "companion.isolation")
    assert found is not None
    assert found.words
    assert all(word.start >= text.index("Nobody") for word in found.words)
    assert {text[word.start : word.end] for word in found.words} >= {"Nobody", "me."}
    assert attributor.attribute(items, text, "risk.suicide") is None


def test_a_signal_without_a_head_is_told(attributor: Attributor) -> None:
    with pytest.raises(AttributionUnfit, match=r"did you mean risk\.suicide"):
        attributor.head("risk.suicid")
    with pytest.raises(AttributionUnfit, match="handrail model show"):
        attributor.head("session.forecast")


def test_rows_hold_no_text_and_bad_ones_say_why(attributor: Attributor) -> None:
    shown: list[str] = []
    rows = [
        json.dumps({"id": "a", "messages": [{"role": "user", "content": GRAVE}]}),
        json.dumps({"id": "b", "messages": [{"role": "assistant", "content": "Hello there."}]}),
        json.dumps({"id": "c", "messages": []}),
        json.dumps({"id": "d", "messages": [{"role": "user", "content": ""}]}),
        json.dumps(
            {"id": "e", "messages": [{"role": "user", "content": "hoy fui al mercado con mi hermana y no quiero vivir"}]}
        ),
    ]
    found = [
        json.loads(line)
        for line in attribute_rows(rows, attributor, "risk.suicide", shown=lambda row, _: shown.append(row.id))
    ]
    assert [row["id"] for row in found] == ["a", "b", "c", "d", "e"]
    assert found[0]["words"]
    assert found[0]["value"] >= found[0]["calibrated"] > 0
    assert found[0]["complete"] is True
    assert "kill" not in json.dumps(found[0])
    assert found[1]["value"] is None
    assert found[2]["error"].startswith("messages must be a list")
    assert found[3]["value"] is None
    assert found[4]["value"] is None, "the model reads no Spanish"
    assert shown == ["a"]


def test_nothing_answers_a_question_that_was_not_asked(attributor: Attributor) -> None:
    before = (Utterance(Speaker.ASSISTANT, "Are you thinking of killing yourself?"),)
    asked, unasked = Item(Side.USER, "yes", before, question=2), Item(Side.USER, "yes", before)
    assert attributor.attribute([asked], "yes", "answer.affirm") is not None
    assert attributor.attribute([unasked], "yes", "answer.affirm") is None


def test_the_page_shows_text_as_text_and_is_bounded(attributor: Attributor) -> None:
    text = '<script>alert(1)</script> I want to kill myself & "die"'
    found = attributor.attribute([Item(Side.USER, text)], text, "risk.suicide")
    assert found is not None
    page = Page("risk.suicide", attributor.model)
    for at in range(MOST + 3):
        page.add(f"row <{at}>", text, found)
    html = page.html()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "3 more are in the output file alone" in html
    assert html.count("<article>") == MOST


def test_what_is_complete_is_measured_against_what_is_attributed() -> None:
    import numpy as np

    assert Attributed(4.0, 0.0, np.array([1.0, 2.9])).complete
    assert not Attributed(4.0, 0.0, np.array([1.0, 2.0])).complete
    assert Attributed(0.1, 0.0, np.array([0.07])).complete
