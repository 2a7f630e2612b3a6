"""Group commit: entries that come within a moment are stored in one transaction."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from guard.records.snapshot import Snapshot

__all__ = ["GroupCommit"]

_MOST_AT_ONCE: Final = 256
_MOST_WAITING: Final = 8192
_RECORD_NOW: Final = 3

_Waiting = tuple[Snapshot, "asyncio.Future[None]"]


class GroupCommit:
    """Stores entries at most ``seconds`` after they came.

    An entry that comes to an idle queue is stored at once; while commits follow each other, one begins every ``seconds``.
    ``store`` and ``shed`` never raise; ``shed`` takes what does not fit in the queue.
    """

    def __init__(
        self,
        store: Callable[[Sequence[Snapshot]], Awaitable[None]],
        shed: Callable[[Sequence[Snapshot]], Awaitable[None]],
        *,
        seconds: float,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self._store = store
        self._shed = shed
        self._seconds = seconds
        self._most_waiting = most_waiting
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None
        self._shedding: set[asyncio.Task[None]] = set()
        self._last = float("-inf")

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, snapshot: Snapshot) -> asyncio.Future[None]:
        """Takes ``snapshot``; the future is done when it was stored, and carries no exception."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        if len(self._waiting) >= self._most_waiting:
            self._make_room()
        self._waiting.append((snapshot, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        return future

    async def drain(self) -> None:
        """Returns when everything that was put was stored or shed."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])
        if self._shedding:
            await asyncio.wait(self._shedding)

    def _make_room(self) -> None:
        """The oldest eighth leaves the queue, entries below severity 3 first."""
        count = max(1, self._most_waiting // 8)
        light = [item for item in self._waiting if item[0].entry.severity < _RECORD_NOW][:count]
        leaving = light or list(self._waiting)[:count]
        gone = set(map(id, leaving))
        self._waiting = deque(item for item in self._waiting if id(item) not in gone)
        task = asyncio.create_task(self._finish(self._shed, leaving))
        self._shedding.add(task)
        task.add_done_callback(self._shedding.discard)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)
        while self._waiting:
            wait = self._last + self._seconds - loop.time()
            if wait > 0 and len(self._waiting) < _MOST_AT_ONCE:
                await asyncio.sleep(wait)
            self._last = loop.time()
            count = min(len(self._waiting), _MOST_AT_ONCE)
            await self._finish(self._store, [self._waiting.popleft() for _ in range(count)])

    async def _finish(self, keep: Callable[[Sequence[Snapshot]], Awaitable[None]], items: Sequence[_Waiting]) -> None:
        try:
            await keep([snapshot for snapshot, _ in items])
        finally:
            for _, future in items:
                if not future.done():
                    future.set_result(None)
