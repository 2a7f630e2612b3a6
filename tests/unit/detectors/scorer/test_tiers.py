"""The stack of tiers: what a failing tier costs, and whom."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from detectors.contract import Item
from detectors.scorer.tiers import Stack
from detectors.signals import Scores, Side, Tier
from tests.unit.detectors.scorer.tiers import DigestTier, expected


class Model(DigestTier):
    """An upper tier that answers distress only, and has its bad days."""

    def __init__(self) -> None:
        super().__init__("model@7")
        self.broken: Exception | None = None
        self.odd: list[Scores] | None = None

    def score(self, batch: Sequence[Item]) -> list[Scores]:
        super().score(batch)
        if self.broken is not None:
            raise self.broken
        if self.odd is not None:
            return self.odd
        return [Scores.of(item.side, self.name, {"distress": 0.25}, tier=Tier.FULL) for item in batch]


ASKED = [Item(Side.USER, "one"), Item(Side.USER, "two")]


def test_the_upper_tier_answers_and_the_lower_fills_in() -> None:
    stack = Stack([Model(), DigestTier("lexicon@1")])
    for item, got in zip(ASKED, stack.score(ASKED), strict=True):
        assert got.settled
        assert got.scores is not None
        assert got.scores.model == "model@7"
        assert got.scores.get("distress").tier is Tier.FULL
        assert got.scores.get("risk.suicide").tier is Tier.LEXICON
        assert got.scores.value("risk.suicide") == expected(item)
    assert stack.model == "model@7"


def test_a_failing_upper_tier_leaves_the_lower_ones_answers_unsettled(caplog: pytest.LogCaptureFixture) -> None:
    model = Model()
    stack = Stack([model, DigestTier("lexicon@1")])
    model.broken = MemoryError("one, two: words of a person")
    for got in stack.score(ASKED):
        assert not got.settled
        assert got.scores is not None
        assert got.scores.model == "lexicon@1"
    assert stack.ailing == {"model@7": True, "lexicon@1": False}
    assert stack.failures == {"model@7": 3, "lexicon@1": 0}
    assert "MemoryError" in caplog.text
    assert "words of a person" not in caplog.text
    model.broken = None
    assert all(got.settled for got in stack.score(ASKED))
    assert stack.ailing == {"model@7": False, "lexicon@1": False}


def test_one_bad_text_takes_nobody_with_it() -> None:
    stack = Stack([DigestTier("only@1")])
    asked = [Item(Side.USER, "good"), Item(Side.USER, "fail"), Item(Side.REPLY, "good too")]
    got = stack.score(asked)
    assert [one.scores is None for one in got] == [False, True, False]
    assert [one.settled for one in got] == [True, False, True]
    assert not stack.ailing["only@1"]


@pytest.mark.parametrize("odd", [[], [Scores.missing(Side.REPLY)] * 2, [Scores.missing(Side.USER)] * 3])
def test_answers_of_another_number_or_side_are_no_answers(odd: list[Scores]) -> None:
    model = Model()
    model.odd = odd
    for got in Stack([model, DigestTier("lexicon@1")]).score(ASKED):
        assert not got.settled
        assert got.scores is not None
        assert got.scores.model == "lexicon@1"


def test_what_is_not_finite_is_missing() -> None:
    model = Model()
    model.odd = [Scores.of(Side.USER, "model@7", {"distress": math.nan, "risk.suicide": math.inf})]
    (got,) = Stack([model]).score(ASKED[:1])
    assert got.scores is not None
    assert list(got.scores.answered()) == []


def test_the_revision_names_every_tier() -> None:
    revisions = {
        Stack([DigestTier("a@1")]).revision,
        Stack([DigestTier("a@2")]).revision,
        Stack([DigestTier("a@1"), DigestTier("b@1")]).revision,
        Stack([DigestTier("b@1"), DigestTier("a@1")]).revision,
    }
    assert len(revisions) == 4
    with pytest.raises(ValueError, match="at least one tier"):
        Stack([])


def test_every_tier_gets_the_language_that_was_identified() -> None:
    heard: list[tuple[str, str | None]] = []

    def identify(text: str, hint: str | None) -> str | None:
        return {"hallo du": "de", "?": None}.get(text, hint)

    class Listener:
        name = "listener@1"

        def score(self, batch: Sequence[Item]) -> list[Scores]:
            heard.extend((item.text, item.language) for item in batch)
            return [Scores.of(item.side, self.name, {}) for item in batch]

    asked = [Item(Side.USER, "hallo du"), Item(Side.USER, "ok", language="fr"), Item(Side.USER, "?", language="fr")]
    got = Stack([Listener()], identify).score(asked)
    assert heard == [("hallo du", "de"), ("ok", "fr"), ("?", None)]
    assert [one.scores.language for one in got if one.scores is not None] == ["de", "fr", None]
    (kept,) = Stack([DigestTier()], identify).score(asked[:1])
    assert kept.scores is not None
    assert kept.scores.language == "en", "what a tier says of the language stands"
