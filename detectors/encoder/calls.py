"""The queue of a model server: what waits, for how long, and which calls run together."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.encoder.backend import Backend, Logits
from detectors.encoder.errors import CallExpired, CallFailed, CallRefused

__all__ = ["Array", "Calls", "Limits", "merge", "together"]

_log = logging.getLogger(__name__)

Array = NDArray[np.int64]

_WASTE: Final = 1.3  # a call joins others while the longest has at most so many times its tokens
_SLACK: Final = 8  # tokens of padding that never matter


@dataclass(frozen=True, slots=True)
class Limits:
    """``batch_tokens``: how much runs together, padding included. ``linger_seconds``: how long a call waits for company, and
    only when the ones before it had some. ``calls``, ``tokens``: what may wait."""

    batch_tokens: int = 16_384
    linger_seconds: float = 0.002
    calls: int = 512
    tokens: int = 1 << 20


@dataclass(slots=True, eq=False)
class _Call:
    ids: Array
    mask: Array
    types: Array
    end: float  # on the loop's clock
    done: asyncio.Future[tuple[Logits, Logits]] = field(repr=False)


def together(shapes: Sequence[tuple[int, int]], most: int) -> list[int]:
    """Which of the calls, by (rows, tokens) in the order in which they came, run with the first one: those of like length,
    while they hold at most ``most`` tokens when all are padded to the longest. The first always runs."""
    chosen = [0]
    rows, shortest = shapes[0]
    longest = shortest
    for at in range(1, len(shapes)):
        more, tokens = shapes[at]
        low, high = min(shortest, tokens), max(longest, tokens)
        if high <= max(low * _WASTE, low + _SLACK) and (rows + more) * high <= most:
            chosen.append(at)
            rows, shortest, longest = rows + more, low, high
    return chosen


def merge(batches: Sequence[tuple[Array, Array, Array]]) -> tuple[Array, Array, Array]:
    """Padded batches as one, padded with zeros to the longest."""
    longest = max(ids.shape[1] for ids, _, _ in batches)
    ids, mask, types = (
        np.concatenate([np.pad(batch[part], ((0, 0), (0, longest - batch[part].shape[1]))) for batch in batches])
        for part in range(3)
    )
    return ids, mask, types


class Calls:
    """Runs calls on a backend, each answered exactly once, those of several callers together. Belongs to one event loop; the
    backend runs in one thread of its own."""

    def __init__(
        self, backend: Backend, limits: Limits | None = None, *, ran: Callable[[int, int, float], None] | None = None
    ) -> None:
        """``ran``: is told the calls, tokens and seconds of each run."""
        self._backend, self._limits, self._ran = backend, limits or Limits(), ran
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Call] = deque()
        self._running: Sequence[_Call] = ()
        self._tokens = 0
        self._company = 1
        self._closed = False
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._task = self._loop.create_task(self._serve())

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        return len(self._waiting)

    async def run(self, ids: Array, mask: Array, types: Array, seconds: float) -> tuple[Logits, Logits]:
        """What the backend says of a padded batch, for a caller that waits ``seconds``.

        Raises :class:`~detectors.encoder.errors.CallRefused`, :class:`~detectors.encoder.errors.CallExpired` and
        :class:`~detectors.encoder.errors.CallFailed`.
        """
        if self._closed or len(self._waiting) >= self._limits.calls or self._tokens + ids.size > self._limits.tokens:
            raise CallRefused
        call = _Call(ids, mask, types, self._loop.time() + seconds, self._loop.create_future())
        self._waiting.append(call)
        self._tokens += ids.size
        self._wake.set()
        return await call.done

    async def close(self, seconds: float = 2.0) -> None:
        """Takes nothing new, answers what waits within ``seconds``, refuses the rest."""
        self._closed = True
        self._wake.set()
        _, pending = await asyncio.wait((self._task,), timeout=seconds)
        for task in pending:
            task.cancel()
        for call in (*self._running, *self._waiting):
            self._settle(call, CallRefused())
        self._waiting.clear()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _serve(self) -> None:
        while not self._closed or self._waiting:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            if len(self._waiting) < self._company and not self._closed:
                await asyncio.sleep(self._limits.linger_seconds)
            batch = self._take()
            if batch:
                await self._answer(batch)

    def _take(self) -> list[_Call]:
        now = self._loop.time()
        for call in [call for call in self._waiting if call.end <= now or call.done.done()]:
            self._waiting.remove(call)
            self._settle(call, CallExpired())
        if not self._waiting:
            return []
        shapes = [(call.ids.shape[0], call.ids.shape[1]) for call in self._waiting]
        batch = [self._waiting[at] for at in together(shapes, self._limits.batch_tokens)]
        for call in batch:
            self._waiting.remove(call)
        return batch

    async def _answer(self, batch: Sequence[_Call]) -> None:
        self._running = batch
        began = self._loop.time()
        outcomes = await self._loop.run_in_executor(self._thread, self._work, batch)
        self._running = ()
        if self._ran is not None:
            self._ran(len(batch), sum(call.ids.size for call in batch), self._loop.time() - began)
        self._company = max(len(batch), len(self._waiting))
        for call, outcome in zip(batch, outcomes, strict=True):
            self._settle(call, outcome)

    def _settle(self, call: _Call, outcome: tuple[Logits, Logits] | Exception) -> None:
        self._tokens -= call.ids.size
        if call.done.done():  # the caller has gone
            return
        if isinstance(outcome, Exception):
            call.done.set_exception(outcome)
        else:
            call.done.set_result(outcome)

    def _work(self, batch: Sequence[_Call]) -> list[tuple[Logits, Logits] | Exception]:
        """In the network's thread. One call must not take its neighbours' answers away: where they fail together, each is
        tried by itself."""
        found = self._attempt(batch)
        if found is None and len(batch) > 1:
            return [own[0] if (own := self._attempt((call,))) is not None else CallFailed() for call in batch]
        return [CallFailed()] * len(batch) if found is None else list(found)

    def _attempt(self, batch: Sequence[_Call]) -> list[tuple[Logits, Logits]] | None:
        try:
            logits, votes = self._backend.run(*merge([(call.ids, call.mask, call.types) for call in batch]))
        except Exception as error:
            # Only the type is told: a message may quote what was asked.
            _log.error("the network failed on %d calls together: %s", len(batch), type(error))
            return None
        found = []
        row = 0
        for call in batch:
            rows, tokens = call.ids.shape
            found.append((logits[row : row + rows], votes[row : row + rows, :tokens]))
            row += rows
        return found
