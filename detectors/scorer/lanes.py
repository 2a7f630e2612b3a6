"""Two lanes of waiting jobs: a long text may not make short ones wait for more than itself."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

__all__ = ["Lanes", "Sized"]


class Sized(Protocol):
    """What waits: known by its key, as long as its bytes."""

    @property
    def key(self) -> bytes:
        """What it is known by."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...


_Job = TypeVar("_Job", bound=Sized)


class Lanes(Generic[_Job]):
    """First in, first out in each lane; where both have somebody waiting they take turns, a batch each.

    So a flood of long texts costs a short one the time of one of them, and a flood of short ones does not keep a long one
    out for ever. A job of at least ``long_bytes`` is long, and is a batch by itself.
    """

    def __init__(self, long_bytes: int) -> None:
        self._short: OrderedDict[bytes, _Job] = OrderedDict()
        self._long: OrderedDict[bytes, _Job] = OrderedDict()
        self._long_bytes = long_bytes
        self._last_was_long = False
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._short) + len(self._long)

    @property
    def size(self) -> int:
        """Bytes of all that waits."""
        return self._bytes

    def get(self, key: bytes) -> _Job | None:
        """The job of that key, which goes on waiting."""
        return self._short.get(key) or self._long.get(key)

    def add(self, job: _Job) -> None:
        """Lets a job wait, behind those of its lane."""
        self._lane(job)[job.key] = job
        self._bytes += job.size

    def remove(self, job: _Job) -> bool:
        """Lets a job wait no more. False where it did not."""
        if self._lane(job).pop(job.key, None) is None:
            return False
        self._bytes -= job.size
        return True

    def clear(self) -> None:
        """Lets nobody wait."""
        self._short.clear()
        self._long.clear()
        self._bytes = 0

    def take(self, most: int, most_bytes: int, wanted: Callable[[_Job], bool]) -> list[_Job]:
        """The next batch, which waits no more: at most ``most`` jobs of at most ``most_bytes`` together, or one longer one.

        Jobs that are not ``wanted`` any more are left out, and wait no more either.
        """
        for long in (False, True) if self._last_was_long else (True, False):
            batch = self._from(self._long, 1, 0, wanted) if long else self._from(self._short, most, most_bytes, wanted)
            if batch:
                self._last_was_long = long
                return batch
        return []

    def _from(
        self, lane: OrderedDict[bytes, _Job], most: int, most_bytes: int, wanted: Callable[[_Job], bool]
    ) -> list[_Job]:
        batch: list[_Job] = []
        size = 0
        while lane and len(batch) < most:
            job = next(iter(lane.values()))
            if batch and size + job.size > most_bytes:
                break
            self.remove(job)
            if wanted(job):
                batch.append(job)
                size += job.size
        return batch

    def _lane(self, job: _Job) -> OrderedDict[bytes, _Job]:
        return self._long if job.size >= self._long_bytes else self._short
