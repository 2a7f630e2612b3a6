"""How much longer than the chatbot a client waits."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from guard.gateway.lag import Lag
from guard.gateway.meters import NoMeters


class Seen(NoMeters):
    """Keeps what was counted."""

    def __init__(self) -> None:
        self.added_: list[tuple[str, float]] = []

    def added(self, until: str, seconds: float) -> None:
        self.added_.append((until, seconds))


def clock(*instants: float) -> Iterator[float]:
    return iter(instants)


def test_a_stream_counts_to_its_first_bytes_and_to_its_last() -> None:
    seen = Seen()
    times = clock(0.0, 0.125, 0.625, 1.625, 1.0, 2.0)  # made, asked, heard twice, first sent, end
    lag = Lag(seen, times.__next__)
    lag.asked()
    lag.heard()
    lag.heard()
    lag.sent()
    lag.sent()
    lag.ended()
    assert seen.added_ == [("first", 0.5), ("last", 0.5)]


def test_a_call_that_was_made_again_starts_anew() -> None:
    seen = Seen()
    times = clock(0.0, 0.0, 0.25, 1.0, 1.25, 1.5)
    lag = Lag(seen, times.__next__)
    lag.asked()
    lag.heard()
    lag.asked()
    lag.heard()
    lag.sent()
    assert seen.added_ == [("first", 1.25)]


def test_a_reply_without_the_chatbot_adds_nothing_to_it() -> None:
    seen = Seen()
    lag = Lag(seen)
    lag.sent()
    lag.ended()
    lag = Lag(seen)
    lag.asked()
    lag.sent()
    lag.ended()
    assert seen.added_ == []


@given(st.lists(st.floats(0, 1e6), min_size=6, max_size=6).map(sorted))
def test_it_is_never_negative(times: list[float]) -> None:
    seen = Seen()
    lag = Lag(seen, iter(times).__next__)
    lag.asked()
    lag.heard()
    lag.sent()
    lag.heard()
    lag.ended()
    assert [until for until, _ in seen.added_] == ["first", "last"]
    assert all(seconds >= 0 for _, seconds in seen.added_)
