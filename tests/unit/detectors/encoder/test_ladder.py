"""From a device that fails to the CPU and back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.encoder.backend import Logits
from detectors.encoder.errors import DeviceFailed
from detectors.encoder.ladder import Breaker, Ladder

Array = NDArray[np.int64]
ONE = np.ones((1, 3), dtype=np.int64)
QUICK = Breaker(failures=3, first_seconds=0.02, most_seconds=0.04)


class Device:
    """Answers with its number, or fails as it was told to."""

    def __init__(self, number: float) -> None:
        self.number, self.fault = number, None
        self.calls: list[Array] = []

    fault: Exception | None

    def run(self, ids: Array, mask: Array, types: Array) -> tuple[Logits, Logits]:
        self.calls.append(ids)
        if self.fault is not None:
            raise self.fault
        return np.full((len(ids), 1), self.number, np.float32), np.full((*ids.shape, 1), self.number, np.float32)


class Stair:
    def __init__(self, breaker: Breaker = QUICK) -> None:
        self.upper, self.lower = Device(1), Device(0)
        self.ladder = Ladder("cuda", self.upper, self.lower, breaker=breaker)

    def answer(self) -> float:
        return float(self.ladder.run(ONE, ONE, ONE)[0][0, 0])


@pytest.fixture
def stair() -> Iterator[Stair]:
    made = Stair()
    yield made
    made.ladder.close()


@pytest.fixture
def patient() -> Iterator[Stair]:
    """One whose device is not tried again in this test."""
    made = Stair(Breaker(failures=3, first_seconds=600, most_seconds=600))
    yield made
    made.ladder.close()


def test_a_call_that_fails_is_answered_below_in_the_same_call(patient: Stair) -> None:
    patient.upper.fault = DeviceFailed("deadline", "it took too long")
    assert patient.answer() == 0
    placement = patient.ladder.placement
    assert (placement.wanted, placement.used, placement.reason) == ("cuda", "cpu", "deadline")
    assert placement.failures == {"deadline": 1}
    patient.upper.fault = None
    assert patient.answer() == 1
    assert patient.ladder.placement.used == "cuda"
    assert patient.ladder.placement.trouble is None


def test_after_failures_in_a_row_no_call_waits_for_it(patient: Stair) -> None:
    patient.upper.fault = DeviceFailed("deadline", "it took too long")
    assert [patient.answer() for _ in range(6)] == [0] * 6
    assert len(patient.upper.calls) == 3


def test_failures_that_are_not_in_a_row_do_not_add_up(patient: Stair) -> None:
    for _ in range(4):
        patient.upper.fault = DeviceFailed("unreachable", "gone")
        assert patient.answer() == patient.answer() == 0
        patient.upper.fault = None
        assert patient.answer() == 1


@pytest.mark.parametrize(
    "fault",
    [
        DeviceFailed("overloaded", "no room", rest_seconds=1.0),
        DeviceFailed("mismatch", "other weights", final=True),
    ],
)
def test_one_that_asks_for_rest_or_cannot_get_better_is_left_alone_at_once(patient: Stair, fault: DeviceFailed) -> None:
    patient.upper.fault = fault
    assert [patient.answer() for _ in range(3)] == [0] * 3
    assert len(patient.upper.calls) == 1


def test_it_is_tried_with_nobodys_words_until_it_answers_again(stair: Stair) -> None:
    stair.upper.fault = RuntimeError("the text: i want to die")
    assert [stair.answer() for _ in range(3)] == [0] * 3
    tried = len(stair.upper.calls)
    _until(lambda: len(stair.upper.calls) > tried + 1)
    assert all((ids == 0).all() for ids in stair.upper.calls[tried:])
    assert "want" not in (stair.ladder.placement.trouble or "")
    stair.upper.fault = None
    _until(lambda: stair.ladder.placement.used == "cuda")
    assert stair.answer() == 1
    assert stair.ladder.placement.failures["error"] >= 4


def test_a_batch_that_the_cpu_cannot_read_either_says_nothing_of_the_device(patient: Stair) -> None:
    patient.upper.fault = patient.lower.fault = ValueError("no batch")
    for _ in range(5):
        with pytest.raises(ValueError, match="no batch"):
            patient.answer()
    assert patient.ladder.placement.failures == {}
    patient.upper.fault = None
    assert patient.answer() == 1


def test_a_batch_made_for_a_larger_device_goes_below_in_parts(patient: Stair) -> None:
    patient.upper.fault = DeviceFailed("deadline", "it took too long")
    many = np.ones((100, 512), dtype=np.int64)
    logits, votes = patient.ladder.run(many, many, many)
    assert (logits.shape, votes.shape) == ((100, 1), (100, 512, 1))
    assert [len(ids) for ids in patient.lower.calls] == [8] * 12 + [4]


def test_a_device_that_could_not_be_had_is_told_and_not_tried() -> None:
    threads = threading.active_count()
    ladder = Ladder("cuda", None, Device(0), absent=DeviceFailed("absent", "no card here", final=True))
    assert float(ladder.run(ONE, ONE, ONE)[0][0, 0]) == 0
    assert ladder.placement.as_json() == {
        "wanted": "cuda", "used": "cpu", "failures": {"absent": 1}, "reason": "absent", "trouble": "no card here",
    }  # fmt: skip
    assert threading.active_count() == threads


def _until(true: object, seconds: float = 20.0) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)
