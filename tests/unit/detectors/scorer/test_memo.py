"""The memo: bounded both ways, and nothing in it can be read."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.scorer.memo import Memo


@settings(max_examples=80)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 900)), max_size=60))
def test_it_holds_what_its_bounds_allow_and_the_latest_at_that(puts: list[tuple[int, int]]) -> None:
    memo = Memo(5, 2500)
    latest: dict[bytes, bytes] = {}
    for name, size in puts:
        key = memo.key(str(name).encode(), "r")
        memo.put(key, b"v" * size)
        latest.pop(key, None)
        latest[key] = b"v" * size
        assert len(memo) <= 5
        assert memo.size <= 2500
        assert memo.get(key) == b"v" * size
    kept = {key: value for key, value in latest.items() if memo.get(key) is not None}
    assert all(memo.get(key) == value for key, value in kept.items())
    assert list(latest)[len(latest) - len(kept) :] == list(kept), "the oldest left first"
    assert memo.size == sum(len(value) + 200 for value in kept.values())


def test_use_keeps_an_entry() -> None:
    memo = Memo(2, 10_000)
    memo.put(b"a", b"1")
    memo.put(b"b", b"2")
    assert memo.get(b"a") == b"1"
    memo.put(b"c", b"3")
    assert memo.get(b"b") is None
    assert memo.get(b"a") == b"1"
    assert (memo.hits, memo.misses) == (2, 1)
    memo.clear()
    assert (len(memo), memo.size) == (0, 0)


def test_nothing_is_kept_where_nothing_may_be() -> None:
    for memo in (Memo(0, 1000), Memo(10, 0)):
        memo.put(b"a", b"1")
        assert len(memo) == 0


def test_a_key_tells_nothing_outside_its_process() -> None:
    one, other = Memo(1, 1), Memo(1, 1)
    assert one.key(b"text", "r") == one.key(b"text", "r")
    assert one.key(b"text", "r") != one.key(b"text", "s")
    assert one.key(b"text", "r") != other.key(b"text", "r")
    assert len(one.key(b"text" * 1000, "r")) == 16
