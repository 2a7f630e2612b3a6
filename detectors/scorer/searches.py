"""Searches for personal data in the scorer process: one thread beside the tiers', bounded, loaded at the first need.

A search never holds up a score: it has its own queue and thread. Who was cancelled, or whose time is over, is left out
before it is begun; who is cancelled later is told nothing. More than fits in one answer is a failure, and so is what takes
longer than any search may, for others wait. What was found is remembered by a keyed digest of the text, never by the text.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol

from detectors.pii.entity import Redacted
from detectors.scorer.found import Found, encode_found, pack_entities
from detectors.scorer.frames import ANSWER_LIMIT
from detectors.scorer.memo import Memo
from detectors.scorer.wire import Outcome

__all__ = ["Redacts", "Searches", "Seeker", "redactor"]

_log = logging.getLogger(__name__)

_QUEUED: Final = 4096
_QUEUED_BYTES: Final = 32 * 1024 * 1024
_MEMO_ENTRIES: Final = 16_384
_MEMO_BYTES: Final = 8 * 1024 * 1024
_REVISION: Final = "entities"
_LONGEST_SECONDS: Final = 20.0
"""Of one search, whoever still waits: what is found late serves the next one who asks."""

_AGAIN_SECONDS: Final = 30.0  # between tries to load what could not be loaded


class Redacts(Protocol):
    """What searches: :class:`detectors.pii.redactor.Redactor`."""

    def redact(self, text: str, *, stop: Callable[[], bool] | None = None) -> Redacted:
        """The text without what is personal, and where that stood. ``stop``: asked now and then whether to give up, by
        raising."""
        ...


class Seeker(Protocol):
    """Whoever asked: one connection of the server."""

    def found(self, number: int, found: Found) -> None:
        """Takes the outcome of the search ``number``."""
        ...


@dataclass(frozen=True, slots=True)
class _Search:
    seeker: Seeker
    number: int
    raw: bytes
    key: bytes
    until: float


def redactor(spared: Callable[[], Collection[str]]) -> Callable[[], Redacts]:
    """Loads the redactor of the installation. ``spared`` gives names and numbers that are nobody's."""

    def load() -> Redacts:
        # Presidio takes 90 MiB: only who is asked for names pays for it.
        from detectors.pii.redactor import Redactor

        return Redactor.load(spared=spared())

    return load


class Searches:
    """Takes texts, answers each exactly once unless it was cancelled. Belongs to the event loop that made it."""

    def __init__(self, load: Callable[[], Redacts] | None) -> None:
        """``load``: makes what searches, at the first search and in the searches' own thread; without it every search
        fails."""
        self._load = load
        self._loop = asyncio.get_running_loop()
        self._memo = Memo(_MEMO_ENTRIES, _MEMO_BYTES)
        self._queue: OrderedDict[tuple[int, int], _Search] = OrderedDict()
        self._begun: dict[tuple[int, int], _Search] = {}  # until answered or cancelled
        self._bytes = 0
        self._ready = threading.Condition()
        self._thread: threading.Thread | None = None
        self._worker: Redacts | None = None
        self._tried = float("-inf")
        self._closed = False
        self.done = 0
        self.failed = 0

    @property
    def waiting(self) -> int:
        """Searches that wait."""
        return len(self._queue)

    def ask(self, seeker: Seeker, number: int, raw: bytes, seconds: float) -> None:
        """Searches the text ``raw`` for ``seeker`` within ``seconds``."""
        key = self._memo.key(raw, _REVISION)
        known = self._memo.get(key)
        if known is not None:
            seeker.found(number, Found(Outcome.SCORED, known))
            return
        if self._closed or self._load is None:
            seeker.found(number, Found(Outcome.DRAINING if self._closed else Outcome.FAILED))
            return
        if seconds <= 0:
            seeker.found(number, Found(Outcome.EXPIRED))
            return
        with self._ready:
            full = len(self._queue) >= _QUEUED or (self._bytes > 0 and self._bytes + len(raw) > _QUEUED_BYTES)
            if not full:
                self._queue[id(seeker), number] = _Search(seeker, number, raw, key, self._loop.time() + seconds)
                self._bytes += len(raw)
                self._ready.notify()
        if full:
            seeker.found(number, Found(Outcome.OVERLOADED))
        elif self._thread is None:
            self._thread = threading.Thread(target=self._work, name="searches", daemon=True)
            self._thread.start()

    def cancel(self, seeker: Seeker, number: int) -> None:
        """Nobody waits for this search any more."""
        with self._ready:
            self._drop((id(seeker), number))

    def forget(self, seeker: Seeker) -> None:
        """The connection has ended."""
        with self._ready:
            for key in [key for key in (*self._queue, *self._begun) if key[0] == id(seeker)]:
                self._drop(key)

    def close(self) -> None:
        """Answers all that waits as draining; the thread ends with the search under way."""
        with self._ready:
            self._closed = True
            left = list(self._queue.values())
            self._queue.clear()
            self._bytes = 0
            self._ready.notify()
        for search in left:
            search.seeker.found(search.number, Found(Outcome.DRAINING))

    def _drop(self, key: tuple[int, int]) -> None:
        search = self._queue.pop(key, None)
        if search is not None:
            self._bytes -= len(search.raw)
        self._begun.pop(key, None)

    def _work(self) -> None:
        while True:
            with self._ready:
                while not self._queue and not self._closed:
                    self._ready.wait()
                if self._closed:
                    return
                key, search = self._queue.popitem(last=False)
                self._bytes -= len(search.raw)
                self._begun[key] = search
            found = self._search(search)
            try:
                self._loop.call_soon_threadsafe(self._answer, search, found)
            except RuntimeError:  # the loop has ended
                return

    def _search(self, search: _Search) -> Found:
        if self._loop.time() >= search.until:
            return Found(Outcome.EXPIRED)
        try:
            worker = self._worker or self._loaded()
            if worker is None:
                return Found(Outcome.FAILED)
            end = self._loop.time() + _LONGEST_SECONDS
            text = search.raw.decode("utf-8", "surrogatepass")
            redacted = worker.redact(text, stop=lambda: self._closed or self._loop.time() >= end)
            found = Found(Outcome.SCORED, pack_entities(redacted.entities))
        except Exception as error:  # only the type is told: a message may quote the text
            _log.error("a search for personal data failed: %s", type(error))
            return Found(Outcome.FAILED)
        if len(encode_found(found)) > ANSWER_LIMIT:
            _log.warning(
                "a search for personal data found %d entities, more than an answer of %d bytes carries; it failed",
                len(redacted.entities),
                ANSWER_LIMIT,
            )
            return Found(Outcome.FAILED)
        return found

    def _loaded(self) -> Redacts | None:
        if self._load is None or self._loop.time() - self._tried < _AGAIN_SECONDS:
            return None
        self._tried = self._loop.time()
        self._worker = self._load()
        return self._worker

    def _answer(self, search: _Search, found: Found) -> None:
        if found.outcome is Outcome.SCORED:
            self.done += 1
            self._memo.put(search.key, found.entities)
        else:
            self.failed += 1
        key = id(search.seeker), search.number
        with self._ready:
            wanted = self._begun.get(key) is search
            if wanted:
                del self._begun[key]
        if wanted:
            search.seeker.found(search.number, found)
