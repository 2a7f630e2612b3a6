"""How another model's answers go together with ours, and what the scorer's stack does with such a tier."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from detectors.contract import Item
from detectors.external.joining import join, open_to
from detectors.external.pack import Use
from detectors.scorer.tiers import Stack
from detectors.signals import Scores, Side, Tier, position, vocabulary

FILL, HIGHEST, REPLACE = Use.FILL, Use.HIGHEST, Use.REPLACE


def model(values: dict[str, float], name: str = "ours@1", **more: object) -> Scores:
    return Scores.of(Side.USER, name, values, tier=Tier.FULL, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("use", "above", "own", "outcome"),
    [
        (FILL, 0.2, 0.9, 0.2),
        (FILL, None, 0.9, 0.9),
        (HIGHEST, 0.2, 0.9, 0.9),
        (HIGHEST, 0.9, 0.2, 0.9),
        (HIGHEST, None, 0.2, 0.2),
        (REPLACE, 0.9, 0.2, 0.2),
        (REPLACE, 0.9, math.nan, 0.9),
    ],
)
def test_each_use(use: Use, above: float | None, own: float, outcome: float) -> None:
    ours = model({"emotion.joy": 0.5} | ({} if above is None else {"distress": above}))
    found = join(ours, model({"distress": own}, "theirs@2"), {"distress": use})
    assert found.value("distress") == outcome
    assert found.value("emotion.joy") == 0.5
    assert found.model == ("ours@1+theirs@2" if outcome == own else "ours@1")


def test_what_is_off_stays_off() -> None:
    tiers = bytearray(len(vocabulary(Side.USER)))
    tiers[position(Side.USER)["distress"]] = Tier.OFF
    off = Scores(Side.USER, "ours@1", (math.nan,) * len(tiers), bytes(tiers))
    found = join(off, model({"distress": 0.9}, "theirs@2"), {"distress": REPLACE})
    assert found.get("distress").tier is Tier.OFF
    assert not open_to(off, {"distress": REPLACE}, Side.USER)


def test_a_span_goes_with_its_value_and_a_tag_stays() -> None:
    name = "risk.suicide_behaviour"
    ours = model({name: 0.9, "distress": 0.4}, spans={name: (0, 3), "distress": (1, 2)}, tags={name: "month"})
    found = join(
        ours,
        model({name: 0.7, "distress": 0.8}, "theirs@2", spans={"distress": (4, 9)}),
        {name: REPLACE, "distress": HIGHEST},
    )
    assert found.spans == {"distress": (4, 9)}
    assert found.tags == {name: "month"}


def test_a_level_that_was_replaced_never_lies_below_a_higher_one() -> None:
    ours = model({"risk.suicide": 0.9, "risk.suicide_ge2": 0.8, "risk.suicide_ge3": 0.7})
    found = join(ours, model({"risk.suicide": 0.1}, "theirs@2"), {"risk.suicide": REPLACE})
    assert [found.value(name) for name in ("risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3")] == [0.8, 0.8, 0.7]


def test_what_ours_could_not_read_is_covered_where_the_other_reads_it() -> None:
    other = model({"distress": 0.9}, "theirs@2", language="de")
    alone = join(Scores.missing(Side.USER, "ours@1"), other, {"distress": FILL})
    assert (alone.model, alone.covered, alone.language) == ("theirs@2", True, "de")
    partly = join(model({"emotion.joy": 0.5}, covered=False), other, {"distress": FILL})
    assert not partly.covered


class Fixed:
    """A tier with the same answers for every text; remembers what it was asked."""

    def __init__(self, name: str, values: dict[str, float], tier: Tier = Tier.FULL) -> None:
        self.name, self.values, self.tier = name, values, tier
        self.asked: list[str] = []

    def score(self, batch: Sequence[Item]) -> list[Scores]:
        self.asked += [item.text for item in batch]
        if any(item.text == "fail" for item in batch):
            raise RuntimeError("never told")
        return [Scores.of(item.side, self.name, self.values, tier=self.tier) for item in batch]


class Other(Fixed):
    """The same, joining as its uses say."""

    def __init__(self, name: str, values: dict[str, float], uses: dict[str, Use]) -> None:
        super().__init__(name, values)
        self.uses = uses

    def wanted(self, item: Item, above: Scores | None) -> bool:
        return item.text != "unwanted" and open_to(above, self.uses, item.side)

    def join(self, above: Scores, own: Scores) -> Scores:
        return join(above, own, self.uses)


def test_the_stack_asks_others_between_ours_and_the_words() -> None:
    ours = Fixed("ours@1", {"distress": 0.2})
    first = Other("first@1", {"distress": 0.6, "risk.self_harm": 0.1}, {"distress": HIGHEST, "risk.self_harm": FILL})
    second = Other("second@1", {"distress": 0.9, "emotion.joy": 0.3}, {"distress": FILL, "emotion.joy": FILL})
    words = Fixed("words@1", {"distress": 0.9, "risk.self_harm": 0.8, "emotion.grief": 0.7}, Tier.LEXICON)
    stack = Stack([ours, first, second, words])
    plain, unwanted = (told.told(Side.USER) for told in stack.score([Item(Side.USER, "hello"), Item(Side.USER, "unwanted")]))
    assert plain.value("distress") == 0.6
    raised = plain.value("risk.self_harm")
    assert raised == pytest.approx((0.8 * 0.1) ** 0.5), "an explicit word raises another model's answer, as it does ours"
    assert plain.get("risk.self_harm").tier is Tier.FULL
    assert (plain.value("emotion.joy"), plain.value("emotion.grief")) == (0.3, 0.7)
    assert plain.model == "ours@1+first@1+second@1"
    assert (unwanted.value("distress"), unwanted.get("risk.self_harm").tier) == (0.2, Tier.LEXICON)
    assert first.asked == second.asked == ["hello"]
    assert words.asked == ["hello", "unwanted"]


def test_a_tier_that_only_fills_is_not_asked_where_nothing_is_missing() -> None:
    other = Other("other@1", {"distress": 0.9}, {"distress": FILL})
    Stack([Fixed("ours@1", {"distress": 0.2}), other]).score([Item(Side.USER, "hello")])
    assert other.asked == []


def test_a_failure_is_counted_and_costs_no_other_answer() -> None:
    other = Other("other@1", {"emotion.joy": 0.9}, {"emotion.joy": FILL})
    stack = Stack([Fixed("words@1", {"distress": 0.2}, Tier.LEXICON)])
    assert stack.score([Item(Side.USER, "hello")])[0].settled

    class Calm(Fixed):
        def score(self, batch: Sequence[Item]) -> list[Scores]:
            return [Scores.of(item.side, self.name, self.values, tier=self.tier) for item in batch]

    stack = Stack([Calm("ours@1", {"distress": 0.2}), other])
    failed, good = stack.score([Item(Side.USER, "fail"), Item(Side.USER, "hello")])
    assert stack.failures["other@1"] == 2
    assert not failed.settled
    assert failed.told(Side.USER).value("distress") == 0.2
    assert good.settled
    assert good.told(Side.USER).value("emotion.joy") == 0.9
    assert not stack.ailing["other@1"]
