"""UUIDv7 as RFC 9562 has it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from guard.records.ids import IdMaker, new_id


def test_ids_rise_and_are_version_7() -> None:
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {(one.version, one.variant) for one in ids} == {(7, "specified in RFC 4122")}


def test_the_time_is_in_it() -> None:
    before = time.time_ns() // 1_000_000
    made = IdMaker()()
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


def test_ids_rise_also_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    maker = IdMaker()
    first = maker()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
    assert first < maker() < maker()


def test_ids_rise_within_one_millisecond_beyond_the_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    maker = IdMaker()
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000)
    first = maker()
    maker._counter = (1 << 42) - 2
    last, over = maker(), maker()
    assert first < last < over
    assert over.int >> 80 == 6


def test_threads_never_get_the_same_id() -> None:
    maker = IdMaker()
    with ThreadPoolExecutor(4) as threads:
        ids = [one for made in threads.map(lambda _: [maker() for _ in range(500)], range(8)) for one in made]
    assert len(set(ids)) == 4000
