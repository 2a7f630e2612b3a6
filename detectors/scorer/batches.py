"""The queue before the tiers: what waits, for how long, and what is scored together."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from detectors.contract import Item
from detectors.scorer.lanes import Lanes
from detectors.scorer.memo import Memo
from detectors.scorer.tiers import Stack, Tiered
from detectors.scorer.wire import Answer, Outcome, decode_item, encode_scores

__all__ = ["Asker", "Batches", "Bounds", "Counts"]

_log = logging.getLogger(__name__)

_ITEM_BYTES: Final = 200  # what an item costs beside its text, as if it were text
_PACE_WEIGHT: Final = 0.2
_LAST_SECONDS: Final = 0.1


class Asker(Protocol):
    """Whoever asked: one connection of the server."""

    def answer(self, number: int, answer: Answer) -> None:
        """Takes the outcome of what it asked under ``number``."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the scorer holds at most.

    ``batch`` and ``batch_bytes``: how much is scored together; an item of ``long_bytes`` is scored alone and takes turns
    with the short ones. ``linger_seconds``: how long a batch waits for company, and only when the one before it had some.
    ``queued`` and ``queued_bytes``: what may wait; ``askers``: how many requests may, those for the same item counted
    each. More is answered as overloaded.
    """

    batch: int = 32
    long_bytes: int = 16 * 1024
    batch_bytes: int = 64 * 1024
    linger_seconds: float = 0.001
    queued: int = 2048
    queued_bytes: int = 64 * 1024 * 1024
    askers: int = 16_384
    memo_entries: int = 16_384
    memo_bytes: int = 32 * 1024 * 1024
    connections: int = 256


@dataclass(slots=True)
class Counts:
    """How often what happened since the start."""

    asked: int = 0
    memoised: int = 0
    joined: int = 0
    scored: int = 0
    batches: int = 0
    largest_batch: int = 0
    expired: int = 0
    cancelled: int = 0
    overloaded: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Job:
    """One item, and everybody who waits for it: the same item asked twice is scored once."""

    key: bytes
    item: Item
    size: int
    waiters: dict[tuple[Asker, int], float] = field(default_factory=dict)  # deadline on the loop's clock


class Batches:
    """Takes encoded items, answers each exactly once, unless it was cancelled.

    The tiers run in one thread of their own, so that the loop keeps answering. While a batch is scored the next one
    gathers. What has expired or is no longer wanted is dropped before it is begun.
    """

    def __init__(self, stack: Stack, bounds: Bounds) -> None:
        self._stack = stack
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._memo = Memo(bounds.memo_entries, bounds.memo_bytes)
        self._waiting: Lanes[_Job] = Lanes(bounds.long_bytes)
        self._running: dict[bytes, _Job] = {}
        self._where: dict[tuple[Asker, int], _Job] = {}
        self._pace = 0.0  # seconds a byte, smoothed
        self._company = 1  # how many were last scored together, or could have been
        self._lingering: asyncio.TimerHandle | None = None
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.counts = Counts()
        self._orders: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="tiers", daemon=True)
        self._thread.start()

    @property
    def memo(self) -> Memo:
        """What was scored before."""
        return self._memo

    @property
    def queued(self) -> int:
        """Items that wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Items that are being scored."""
        return len(self._running)

    def ask(self, asker: Asker, number: int, raw: bytes, seconds: float) -> None:
        """Scores the encoded item ``raw`` for ``asker`` within ``seconds``.

        Raises :class:`~detectors.errors.WireError` where ``raw`` is no item; everything else is answered.
        """
        self.counts.asked += 1
        key = self._memo.key(raw, self._stack.revision)
        known = self._memo.get(key)
        if known is not None:
            self.counts.memoised += 1
            asker.answer(number, Answer(Outcome.SCORED, True, known))
            return
        item = decode_item(raw)
        if self._draining:
            asker.answer(number, Answer(Outcome.DRAINING))
            return
        if seconds <= 0:
            self.counts.expired += 1
            asker.answer(number, Answer(Outcome.EXPIRED))
            return
        job = self._waiting.get(key) or self._running.get(key)
        if len(self._where) >= self._bounds.askers or (
            job is None and (self._is_full(len(raw)) or self._is_too_late(seconds))
        ):
            self.counts.overloaded += 1
            asker.answer(number, Answer(Outcome.OVERLOADED))
            return
        if job is None:
            job = _Job(key, item, len(raw))
            self._waiting.add(job)
        else:
            self.counts.joined += 1
        job.waiters[asker, number] = self._loop.time() + seconds
        self._where[asker, number] = job
        self._idle.clear()
        self._begin()

    def _is_full(self, size: int) -> bool:
        return len(self._waiting) >= self._bounds.queued or self._waiting.size + size > self._bounds.queued_bytes

    def _is_too_late(self, seconds: float) -> bool:
        """Whether, at the pace of late, the queue will not come to a new item in time: then it is better said now.

        Only a queue of several batches tells; a short one may be quicker than it looks.
        """
        if len(self._waiting) < 2 * self._bounds.batch:
            return False
        return (self._waiting.size + _ITEM_BYTES * len(self._waiting)) * self._pace > seconds

    def cancel(self, asker: Asker, number: int) -> None:
        """Nobody waits for ``number`` any more. What was already begun is finished, for the memo."""
        job = self._where.pop((asker, number), None)
        if job is None:
            return
        self.counts.cancelled += 1
        job.waiters.pop((asker, number), None)
        if not job.waiters and self._waiting.remove(job):
            self._rest()

    def forget(self, asker: Asker) -> None:
        """The asker has gone: all that it asked is cancelled."""
        for key in [key for key in self._where if key[0] is asker]:
            self.cancel(*key)

    async def drain(self, seconds: float) -> None:
        """Takes nothing new and returns when everything is answered, or after ``seconds``; then the rest is refused."""
        self._draining = True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            for asker, number in list(self._where):
                asker.answer(number, Answer(Outcome.DRAINING))
            self._where.clear()
            self._waiting.clear()
        self._orders.put(None)

    @property
    def stuck(self) -> bool:
        """Whether the tiers' thread is still inside a batch after a drain; it cannot be ended but with the process."""
        self._thread.join(_LAST_SECONDS)
        return self._thread.is_alive()

    def _begin(self) -> None:
        if self._running or not self._waiting:
            return
        if len(self._waiting) < min(self._company, self._bounds.batch) and self._bounds.linger_seconds > 0:
            if self._lingering is None:
                self._lingering = self._loop.call_later(self._bounds.linger_seconds, self._begin_now)
            return
        self._begin_now()

    def _begin_now(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        if self._running:
            return
        batch = self._take()
        if not batch:
            self._rest()
            return
        self._running = {job.key: job for job in batch}
        self.counts.batches += 1
        self.counts.largest_batch = max(self.counts.largest_batch, len(batch))
        self._orders.put(batch)

    def _take(self) -> list[_Job]:
        """The next batch, without what has expired meanwhile."""
        now = self._loop.time()

        def wanted(job: _Job) -> bool:
            for waiter, deadline in list(job.waiters.items()):
                if deadline <= now:
                    self._settle(job, waiter, Answer(Outcome.EXPIRED))
                    self.counts.expired += 1
            return bool(job.waiters)

        return self._waiting.take(self._bounds.batch, self._bounds.batch_bytes, wanted)

    def _settle(self, job: _Job, waiter: tuple[Asker, int], answer: Answer) -> None:
        job.waiters.pop(waiter, None)
        self._where.pop(waiter, None)
        waiter[0].answer(waiter[1], answer)

    def _rest(self) -> None:
        if not self._waiting and not self._running:
            self._idle.set()

    def _finished(self, batch: Sequence[_Job], answers: Sequence[Answer], seconds: float) -> None:
        self._running = {}
        pace = seconds / sum(job.size + _ITEM_BYTES for job in batch)
        self._pace = pace if self._pace == 0 else self._pace + _PACE_WEIGHT * (pace - self._pace)
        # The next batch is on its way before this one's answers are written: the thread does not wait for the loop.
        self._company = max(len(batch), len(self._waiting))
        self._begin()
        for job, answer in zip(batch, answers, strict=True):
            if answer.outcome is Outcome.SCORED:
                self.counts.scored += 1
                if answer.settled:
                    self._memo.put(job.key, answer.scores)
            else:
                self.counts.failed += 1
            for waiter in list(job.waiters):
                self._settle(job, waiter, answer)
        self._rest()

    def _work(self) -> None:
        """The thread of the tiers."""
        while (batch := self._orders.get()) is not None:
            start = time.monotonic()
            try:
                answers = [_answer(tiered) for tiered in self._stack.score([job.item for job in batch])]
            except Exception as error:
                # Without this thread nothing would ever be scored again.
                _log.error("a batch of %d could not be scored: %s", len(batch), type(error))
                answers = [Answer(Outcome.FAILED)] * len(batch)
            try:
                self._loop.call_soon_threadsafe(self._finished, batch, answers, time.monotonic() - start)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return


def _answer(tiered: Tiered) -> Answer:
    if tiered.scores is None:
        return Answer(Outcome.FAILED)
    try:
        return Answer(Outcome.SCORED, tiered.settled, encode_scores(tiered.scores))
    except Exception as error:
        _log.error("scores could not be written: %s", type(error))
        return Answer(Outcome.FAILED)
