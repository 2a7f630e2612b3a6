"""The scorer's client: what a gateway process knows of the scorer. It imports nothing heavy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from detectors.contract import Item
from detectors.errors import ScorerUnavailable, WireError
from detectors.pii.entity import Entity
from detectors.scorer.asking import REASONS, Asking
from detectors.scorer.errors import MessageTooLong
from detectors.scorer.frames import Kind, frame
from detectors.scorer.link import Link
from detectors.scorer.memo import Memo
from detectors.scorer.wire import Answer, Outcome, decode_scores, encode_ask, encode_item
from detectors.signals import Scores

__all__ = ["Meter", "ScorerClient"]

_log = logging.getLogger(__name__)

_PROBE_SECONDS: Final = (0.02, 0.05, 0.1, 0.25)  # between attempts while the scorer is down; the last one repeats
_SILENCE_SECONDS: Final = 3.0  # a connection that answers no probe for so long is given up
_NO_MODEL: Final = "none@0"
_MEMO_ENTRY_BYTES: Final = 2048


class Meter(Protocol):
    """What the client counts for whoever wants to know."""

    def answered(self, seconds: float, items: int, memoised: int) -> None:
        """A call was answered: its duration, its items, and how many of them were known already."""
        ...

    def failed(self, reason: str) -> None:
        """A call was not answered: refused, deadline, closed or overloaded."""
        ...


class _Call:
    """One call's answers as they come in."""

    __slots__ = ("done", "left", "results")

    def __init__(self, size: int, done: asyncio.Future[None]) -> None:
        self.results: list[Scores | None] = [None] * size
        self.left = 0
        self.done = done

    def fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(ScorerUnavailable(reason))


class ScorerClient:
    """A :class:`detectors.contract.Scorer` over the scorer's Unix socket.

    Requests are pipelined over ``connections`` persistent connections. While the scorer is away calls fail at once with
    ``refused``, and it is probed at most every 250 ms, so that it is found again by itself. A call is never repeated: a
    text that ended one scorer must not end the next.

    Belongs to the event loop of its first use. ``memo_entries`` bounds the answers that are remembered (about 1.5 KiB
    each); they are forgotten when the scorer's model changes. ``pending`` bounds the items that may be under way.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        connections: int = 1,
        memo_entries: int = 4096,
        pending: int = 4096,
        handshake_seconds: float = 1.0,
        meter: Meter | None = None,
    ) -> None:
        if connections < 1 or pending < 1:
            raise ValueError("a client needs at least one connection and room for one item")
        self._path = str(path)
        self._memo = Memo(memo_entries, memo_entries * _MEMO_ENTRY_BYTES)
        self._pending = pending
        self._asking = Asking(self._memo, pending)
        self._handshake_seconds = handshake_seconds
        self._meter = meter
        self._links: list[Link | None] = [None] * connections
        self._keepers: list[asyncio.Task[None]] = []
        self._tried = asyncio.Event()  # the first attempt to connect has ended
        self._up = asyncio.Event()  # some connection stands
        self._model = _NO_MODEL
        self._revision = ""
        self._waiting: dict[int, tuple[_Call, int, bytes, Link]] = {}
        self._reports: dict[int, asyncio.Future[bytes]] = {}
        self._number = 0
        self._next = 0
        self._closed = False
        self._trouble: str | None = None

    @property
    def model(self) -> str:
        """Who scores, ``name@version``; the last that was known while the scorer is away, ``none@0`` before the first."""
        return self._model

    @property
    def healthy(self) -> bool:
        """Whether a connection stands that answers."""
        return any(link is not None and link.usable for link in self._links)

    @property
    def trouble(self) -> str | None:
        """Why the last attempt to connect failed, in words for an operator; ``None`` while all is well."""
        return None if self.healthy else self._trouble

    @property
    def pending(self) -> int:
        """Items under way."""
        return len(self._waiting)

    @property
    def remembered(self) -> int:
        """Answers in the memo."""
        return len(self._memo)

    async def start(self, wait_seconds: float = 0.0) -> bool:
        """Begins to connect; waits at most ``wait_seconds`` for the scorer. Returns :attr:`healthy`; never raises for it."""
        self._keep()
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_seconds):
                await self._up.wait()
        return self.healthy

    async def close(self) -> None:
        """Ends the connections; calls under way fail with ``closed``."""
        self._closed = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers.clear()
        for link in self._links:
            if link is not None:
                link.close()
        self._links = [None] * len(self._links)
        for call, _, _, _ in list(self._waiting.values()):
            call.fail("closed")
        self._waiting.clear()

    async def score(self, items: Sequence[Item], *, deadline: float) -> list[Scores]:
        """See :meth:`detectors.contract.Scorer.score`."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            results, memoised = await self._score(items, start + deadline)
        except ScorerUnavailable as error:
            if self._meter is not None:
                self._meter.failed(error.reason)
            raise
        if self._meter is not None:
            self._meter.answered(loop.time() - start, len(items), memoised)
        return results

    def recall(self, items: Sequence[Item]) -> list[Scores | None]:
        """What is remembered of each item; it needs no scorer."""
        return [self._recall(item) for item in items]

    def _recall(self, item: Item) -> Scores | None:
        try:
            known = self._memo.get(self._memo.key(encode_item(item), ""))
        except WireError:
            return None
        return None if known is None else decode_scores(known)

    async def health(self, *, deadline: float) -> dict[str, Any]:
        """The scorer's own report of itself. Raises :class:`~detectors.errors.ScorerUnavailable`."""
        loop = asyncio.get_running_loop()
        link = await self._link(loop.time() + deadline)
        number = self._take_number()
        future: asyncio.Future[bytes] = loop.create_future()
        self._reports[number] = future
        try:
            link.send(frame(Kind.HEALTH, number))
            async with asyncio.timeout(deadline):
                report: dict[str, Any] = orjson.loads(await future)
        except TimeoutError:
            raise ScorerUnavailable("deadline") from None
        except orjson.JSONDecodeError:
            raise ScorerUnavailable("closed") from None
        finally:
            self._reports.pop(number, None)
        return report

    async def entities(self, texts: Sequence[str], *, deadline: float) -> list[tuple[Entity, ...]]:
        """See :meth:`detectors.pii.entity.EntityFinder.entities`. What was found is remembered, as scores are."""
        end = asyncio.get_running_loop().time() + deadline
        return await self._asking.entities(texts, end, self._link, self._take_number)

    async def _score(self, items: Sequence[Item], end: float) -> tuple[list[Scores], int]:
        loop = asyncio.get_running_loop()
        call = _Call(len(items), loop.create_future())
        asks: list[tuple[int, bytes, bytes]] = []
        for at, item in enumerate(items):
            try:
                raw = encode_item(item)
            except (
                WireError
            ) as error:  # a rung or a language that is none: a fault of the caller's, but no reason to fail a turn
                _log.error("an item cannot be asked for: %s", error)
                raise ScorerUnavailable("refused") from None
            key = self._memo.key(raw, "")
            known = self._memo.get(key)
            if known is None:
                asks.append((at, key, raw))
            else:
                call.results[at] = decode_scores(known)
        if asks:
            await self._ask(call, asks, end)
        results = [scores for scores in call.results if scores is not None]
        if len(results) != len(items):
            raise ScorerUnavailable("closed")
        return results, len(items) - len(asks)

    async def _ask(self, call: _Call, asks: Sequence[tuple[int, bytes, bytes]], end: float) -> None:
        link = await self._link(end)
        if len(self._waiting) + len(asks) > self._pending or link.congested:
            raise ScorerUnavailable("overloaded")
        loop = asyncio.get_running_loop()
        now = loop.time()
        heard = link.heard
        frames: list[bytes] = []
        numbers: list[int] = []
        try:
            for at, key, raw in asks:
                number = self._take_number()
                frames.append(frame(Kind.ASK, number, encode_ask(raw, end - now)))
                self._waiting[number] = (call, at, key, link)
                numbers.append(number)
                call.left += 1
            link.send(b"".join(frames))
            timer = loop.call_at(end, call.fail, "deadline")
            try:
                await call.done
            finally:
                timer.cancel()
        except MessageTooLong:
            raise ScorerUnavailable("overloaded") from None
        except ScorerUnavailable as error:
            if error.reason == "deadline" and link.heard == heard:
                # Not one byte since the call began: the scorer may hang, and then it does so on every connection.
                for any_link in self._links:
                    if any_link is not None:
                        any_link.doubt()
            raise
        finally:
            left = [number for number in numbers if self._waiting.pop(number, None) is not None]
            if left and not link.closed:
                link.send(b"".join(frame(Kind.CANCEL, number) for number in left))

    async def _link(self, end: float) -> Link:
        """A connection that answers. Only before the very first attempt has ended is one waited for."""
        self._keep()
        if not self._tried.is_set():
            try:
                async with asyncio.timeout_at(end):
                    await self._tried.wait()
            except TimeoutError:
                raise ScorerUnavailable("deadline") from None
        for _ in self._links:
            self._next = (self._next + 1) % len(self._links)
            link = self._links[self._next]
            if link is not None and link.usable:
                return link
        raise ScorerUnavailable("refused")

    def _take_number(self) -> int:
        self._number = (self._number + 1) & 0xFFFFFFFF
        return self._number

    def _keep(self) -> None:
        if self._closed:
            raise ScorerUnavailable("closed")
        if not self._keepers:
            self._keepers = [asyncio.create_task(self._keep_always(slot)) for slot in range(len(self._links))]

    async def _keep_always(self, slot: int) -> None:
        while True:
            try:
                await self._keep_one(slot)
            except Exception as error:
                # Nobody else would ever connect again.
                self._tried.set()
                _log.exception("a connection to the scorer could not be kept: %s", type(error))
                await asyncio.sleep(_PROBE_SECONDS[-1])

    async def _keep_one(self, slot: int) -> None:
        """Keeps one connection: makes it, watches it, makes it anew."""
        attempt = 0
        while True:
            link = await self._connect()
            self._tried.set()
            if link is None:
                await asyncio.sleep(_PROBE_SECONDS[min(attempt, len(_PROBE_SECONDS) - 1)])
                attempt += 1
                continue
            attempt = 0
            self._links[slot] = link
            self._up.set()
            try:
                await self._watch(link)
            finally:
                self._links[slot] = None
                if not any(self._links):
                    self._up.clear()
                link.close()
                self._lost(link)

    async def _connect(self) -> Link | None:
        try:
            link = await Link.open(self._path, self._heard, self._handshake_seconds)
        except (OSError, WireError, TimeoutError) as error:
            trouble = str(error) if isinstance(error, WireError) else f"{type(error).__name__} at the scorer's socket"
            if trouble != self._trouble:
                self._trouble = trouble
                _log.warning("the scorer cannot be reached: %s", error)
            return None
        if (link.welcome.model, link.welcome.revision) != (self._model, self._revision):
            self._model, self._revision = link.welcome.model, link.welcome.revision
            self._memo.clear()
        if self._trouble is not None:
            self._trouble = None
            _log.info("the scorer is reached again", extra={"model": self._model})
        return link

    async def _watch(self, link: Link) -> None:
        """Returns when the connection has ended or has answered no probe for too long."""
        silent = 0.0
        while not link.closed:
            if not link.doubted:
                silent = 0.0
                await link.changed.wait()
                link.changed.clear()
                continue
            link.send(frame(Kind.HEALTH, 0))
            try:
                async with asyncio.timeout(_PROBE_SECONDS[-1]):
                    await link.changed.wait()
                    link.changed.clear()
            except TimeoutError:
                silent += _PROBE_SECONDS[-1]
                if silent >= _SILENCE_SECONDS:
                    return

    def _lost(self, link: Link) -> None:
        for call, _, _, used in list(self._waiting.values()):
            if used is link:
                call.fail("closed")
        self._asking.lost(link)

    def _heard(self, kind: Kind, number: int, payload: bytes, answer: Answer | None) -> None:
        """One message of the scorer. Raises ``WireError`` where its scores make no sense; the link then ends."""
        if kind is Kind.REPORT:
            report = self._reports.get(number)
            if report is not None and not report.done():
                report.set_result(payload)
            return
        if kind is Kind.FOUND:
            self._asking.heard(number, payload)
            return
        asked = self._waiting.pop(number, None)
        if asked is None or answer is None:
            return
        call, at, key, link = asked
        if answer.outcome is not Outcome.SCORED:
            call.fail(REASONS[answer.outcome])
            return
        try:
            call.results[at] = decode_scores(answer.scores)
        except WireError:
            call.fail("closed")
            raise
        if answer.settled and link.welcome.revision == self._revision:
            self._memo.put(key, answer.scores)
        call.left -= 1
        if call.left == 0 and not call.done.done():
            call.done.set_result(None)
