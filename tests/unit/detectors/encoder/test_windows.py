"""Windows over long texts, and what is made of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.encoder.windows import MOST, combine, plan


@given(st.integers(1, 30_000))
def test_windows_are_few_in_order_and_cover_what_they_say(size: int) -> None:
    found = plan(size)
    assert 1 <= len(found.windows) <= MOST
    assert all(0 <= start < end <= size and end - start <= 500 for start, end in found.windows)
    assert found.windows[0][0] == 0
    assert found.windows[-1][1] == size
    held = [False] * size
    for start, end in found.windows:
        held[start:end] = [True] * (end - start)
    assert all(held) == found.covered


def test_short_texts_are_read_at_once() -> None:
    assert plan(120).windows == ((0, 120),)
    assert len(plan(121).windows) == 2


def test_a_whole_reply_is_read_in_pieces_as_long_as_can_be() -> None:
    assert plan(500, whole=True).windows == ((0, 500),)
    assert [end - start for start, end in plan(900, whole=True).windows] == [500, 500]


def test_weight_chooses_where_not_all_can_be_read() -> None:
    wanted = 9_000
    found = plan(20_000, lambda start, end: float(start <= wanted < end))
    assert not found.covered
    assert any(start <= wanted < end for start, end in found.windows)


def test_the_highest_counts_and_context_is_read_where_the_risk_is() -> None:
    calm = {"risk.suicide": 0.1, "context.figurative": 0.9, "distress": 0.2}
    grave = {"risk.suicide": 0.8, "context.figurative": 0.1, "distress": 0.1}
    assert combine([calm, grave]) == {"risk.suicide": 0.8, "context.figurative": 0.1, "distress": 0.2}
    assert combine([calm]) == calm
