"""How the scores of a reply's passages and of its whole become the reply's."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.contract import Item
from detectors.passages import Heard, highest, mean, of_message, reply_items, with_whole
from detectors.signals import SIGNALS, Scores, Side, Tier

PIECEMEAL, ON_WHOLE = "refusal.any", "refusal.abrupt"
PROBABILITY = st.floats(0, 1)


def _scores(spans: dict[str, tuple[int, int]] | None = None, tier: Tier = Tier.FULL, **values: float) -> Scores:
    named = {name.replace("_", ".", 1): value for name, value in values.items()}
    return Scores.of(Side.REPLY, "m@1", named, tier=tier, spans=spans or {}, language="en")


@given(PROBABILITY, PROBABILITY)
def test_the_mean_lies_between_both_and_favours_neither(one: float, other: float) -> None:
    found = mean(one, other)
    assert found == pytest.approx(mean(other, one))
    assert min(one, other) - 1e-6 <= found <= max(one, other) + 1e-6


@given(st.floats(1e-5, 1 - 1e-5), st.floats(1e-5, 1 - 1e-5))
def test_the_mean_is_that_of_log_odds(one: float, other: float) -> None:
    def odds(value: float) -> float:
        return math.log(value / (1 - value))

    assert odds(mean(one, other)) == pytest.approx((odds(one) + odds(other)) / 2, abs=1e-6)


@given(st.lists(PROBABILITY, min_size=1, max_size=5), PROBABILITY, PROBABILITY)
def test_a_message_is_its_highest_passage_and_its_whole(passages: list[float], whole: float, abrupt: float) -> None:
    text = " ".join(f"This is sentence number {at}." for at in range(len(passages)))
    items = reply_items(text, ())
    assert [item.whole for item in items] == [False] * len(passages) + [True]
    scores = [*(_scores(refusal_any=value) for value in passages), _scores(refusal_any=whole, refusal_abrupt=abrupt)]
    found = of_message(items, scores)
    assert found is not None
    assert found.value(PIECEMEAL) == mean(max(passages), whole)
    assert found.value(ON_WHOLE) == abrupt
    assert SIGNALS[ON_WHOLE].whole
    assert not SIGNALS[PIECEMEAL].whole


def test_what_one_reading_is_silent_on_is_the_others() -> None:
    passage, whole = _scores(refusal_any=0.8), _scores(refusal_abrupt=0.3, harm_promise=0.2)
    found = with_whole(passage, whole)
    assert dict(found.answered()) == {PIECEMEAL: 0.8, ON_WHOLE: 0.3, "harm.promise": 0.2}
    assert with_whole(None, whole) is whole
    assert of_message([Item(Side.REPLY, "x", whole=True)], [None]) is None
    assert of_message([Item(Side.REPLY, "x")], [passage]) is passage


def test_a_span_goes_with_the_higher_reading_and_a_tie_keeps_the_earlier() -> None:
    first, second = _scores({PIECEMEAL: (0, 3)}, refusal_any=0.8), _scores({PIECEMEAL: (5, 9)}, refusal_any=0.8)
    assert highest(first, second).spans == {PIECEMEAL: (0, 3)}
    higher = _scores({PIECEMEAL: (5, 9)}, refusal_any=0.9)
    assert highest(first, higher).spans == {PIECEMEAL: (5, 9)}
    assert with_whole(first, higher).spans == {PIECEMEAL: (5, 9)}
    assert with_whole(first, _scores(refusal_any=0.1)).spans == {PIECEMEAL: (0, 3)}


def test_what_is_off_stays_so() -> None:
    off = Scores(Side.REPLY, "m@1", *_blank(Tier.OFF))
    assert with_whole(off, off).get(PIECEMEAL).tier is Tier.OFF
    for one, other in ((_scores(refusal_any=0.4), off), (off, _scores(refusal_any=0.4))):
        assert with_whole(one, other).get(PIECEMEAL).tier is Tier.OFF
        assert highest(one, other).get(PIECEMEAL).tier is Tier.OFF


@pytest.mark.parametrize("full", [0.05, 0.95])
def test_a_lower_tier_s_answer_does_not_count_beside_a_higher_one_s(full: float) -> None:
    """That the lexicon found nothing in a whole reply is no second reading of it."""
    model, words = _scores(refusal_any=full), _scores(tier=Tier.LEXICON, refusal_any=0.5)
    for found in (with_whole(model, words), with_whole(words, model)):
        assert (found.value(PIECEMEAL), found.get(PIECEMEAL).tier) == (full, Tier.FULL)


def test_a_reading_without_a_span_leaves_that_of_the_passage() -> None:
    found = with_whole(_scores({PIECEMEAL: (0, 3)}, refusal_any=0.6), _scores(refusal_any=0.9))
    assert found.spans == {PIECEMEAL: (0, 3)}


def test_a_reply_that_went_on_after_its_end_is_judged_on_all_of_it_once() -> None:
    heard = Heard()
    heard.passage(_scores(refusal_any=0.45))
    heard.end(_scores(refusal_any=0.01))
    assert heard.scores is not None
    assert heard.scores.value(PIECEMEAL) == mean(0.45, 0.01)
    heard.passage(_scores(refusal_any=0.1))
    heard.end(_scores(refusal_any=0.9, refusal_abrupt=0.2))
    assert heard.scores is not None
    assert heard.scores.value(PIECEMEAL) == mean(0.45, 0.9)


def test_of_a_reply_that_was_changed_the_whole_counts_only_for_what_nothing_less_shows() -> None:
    heard = Heard(changed=True)
    heard.passage(_scores(refusal_any=0.1))
    heard.end(_scores(refusal_any=0.9, refusal_abrupt=0.7))
    assert heard.scores is not None
    assert dict(heard.scores.answered()) == {PIECEMEAL: 0.1, ON_WHOLE: 0.7}
    alone = Heard(changed=True)
    alone.end(_scores(refusal_any=0.9, refusal_abrupt=0.7))
    assert alone.scores is not None
    assert dict(alone.scores.answered()) == {PIECEMEAL: 0.9, ON_WHOLE: 0.7}  # nothing is missing where nothing was let go


def test_who_answered_is_named_also_where_the_whole_was_not_read() -> None:
    passage = _scores(refusal_any=0.4)
    assert with_whole(passage, Scores.missing(Side.REPLY)).model == "m@1"
    assert with_whole(replace(passage, model="m@1+pack@2"), _scores(refusal_any=0.4)).model == "m@1+pack@2"


def _blank(tier: Tier) -> tuple[tuple[float, ...], bytes]:
    size = len(_scores().values)
    return (math.nan,) * size, bytes([tier]) * size
