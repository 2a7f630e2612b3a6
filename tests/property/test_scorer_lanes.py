"""The two lanes: nobody is lost, nobody overtakes in a lane, and nobody waits for more than one of the other lane."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from detectors.scorer.lanes import Lanes

LONG = 100


@dataclass(frozen=True)
class Job:
    key: bytes
    size: int

    @property
    def long(self) -> bool:
        return self.size >= LONG


class LanesModel(RuleBasedStateMachine):
    """The lanes beside two plain lists."""

    @initialize()
    def begin(self) -> None:
        self.lanes: Lanes[Job] = Lanes(LONG)
        self.waiting: list[Job] = []
        self.made = 0
        self.batches: list[bool] = []

    @rule(size=st.integers(0, 2 * LONG))
    def add(self, size: int) -> None:
        job = Job(str(self.made).encode(), size)
        self.made += 1
        self.lanes.add(job)
        self.waiting.append(job)
        assert self.lanes.get(job.key) is job

    @rule(at=st.integers(0, 100))
    def remove(self, at: int) -> None:
        if self.waiting:
            job = self.waiting.pop(at % len(self.waiting))
            assert self.lanes.remove(job)
            assert not self.lanes.remove(job)
            assert self.lanes.get(job.key) is None

    @rule(most=st.integers(1, 4), most_bytes=st.integers(0, 3 * LONG), unwanted=st.sets(st.integers(0, 60)))
    def take(self, most: int, most_bytes: int, unwanted: set[int]) -> None:
        asked: list[Job] = []

        def wanted(job: Job) -> bool:
            asked.append(job)
            return int(job.key) not in unwanted

        batch = self.lanes.take(most, most_bytes, wanted)
        assert batch == [job for job in asked if int(job.key) not in unwanted]
        for long in (False, True):
            gone = [job for job in asked if job.long is long]
            assert gone == [job for job in self.waiting if job.long is long][: len(gone)], "first in, first out"
        kinds = {job.long for job in self.waiting if int(job.key) not in unwanted}
        self.waiting = [job for job in self.waiting if job not in asked]
        assert bool(batch) == bool(kinds)
        if not batch:
            return
        assert len({job.long for job in batch}) == 1
        assert len(batch) <= (1 if batch[0].long else most)
        assert len(batch) == 1 or sum(job.size for job in batch) <= most_bytes
        if self.batches and len(kinds) == 2:
            assert batch[0].long is not self.batches[-1], "the lanes take turns"
        self.batches.append(batch[0].long)

    @rule()
    def clear(self) -> None:
        self.lanes.clear()
        self.waiting.clear()

    @invariant()
    def counts(self) -> None:
        if hasattr(self, "lanes"):
            assert len(self.lanes) == len(self.waiting)
            assert self.lanes.size == sum(job.size for job in self.waiting)


TestLanes = LanesModel.TestCase
TestLanes.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
