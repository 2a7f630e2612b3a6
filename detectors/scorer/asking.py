"""What the scorer's client knows of its searches for personal data."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from detectors.errors import ScorerUnavailable
from detectors.pii.entity import Entity
from detectors.scorer.errors import MessageTooLong
from detectors.scorer.found import decode_found, encode_find, pack_entities, unpack_entities
from detectors.scorer.frames import Kind, frame
from detectors.scorer.link import Link
from detectors.scorer.memo import Memo
from detectors.scorer.wire import Outcome

__all__ = ["REASONS", "Asking"]

REASONS: Final = {
    Outcome.EXPIRED: "deadline",
    Outcome.OVERLOADED: "overloaded",
    Outcome.FAILED: "refused",
    Outcome.DRAINING: "closed",
}
"""What an outcome other than an answer is called by who counts it."""

_SEARCHES: Final = "entities"  # what a memo's key of a search is made with, beside the text
_NOTHING: Final = pack_entities(())


class Asking:
    """The searches under way, at most ``most``, and a memo of what was found, by a keyed digest of the text."""

    def __init__(self, memo: Memo, most: int) -> None:
        self._memo = memo
        self._most = most
        self._waiting: dict[int, tuple[asyncio.Future[bytes], Link]] = {}

    async def entities(
        self,
        texts: Sequence[str],
        end: float,
        link: Callable[[float], Awaitable[Link]],
        number: Callable[[], int],
    ) -> list[tuple[Entity, ...]]:
        """Of each text its entities, by ``end`` of the loop's clock. ``link`` gives a connection, ``number`` a number for a
        message. Raises :class:`~detectors.errors.ScorerUnavailable`."""
        keys: list[bytes] = []
        known: dict[bytes, bytes] = {}
        wanted: dict[bytes, str] = {}
        for text in texts:
            key = self._memo.key(text.encode("utf-8", "surrogatepass"), _SEARCHES)
            keys.append(key)
            found = self._memo.get(key) if any(map(str.isalnum, text)) else _NOTHING
            if found is not None:
                known[key] = found
            else:
                wanted[key] = text
        if wanted:
            known.update(await self._search(wanted, end, await link(end), number))
        return [unpack_entities(known[key]) for key in keys]

    async def _search(
        self, wanted: Mapping[bytes, str], end: float, link: Link, number: Callable[[], int]
    ) -> dict[bytes, bytes]:
        if len(self._waiting) + len(wanted) > self._most or link.congested:
            raise ScorerUnavailable("overloaded")
        loop = asyncio.get_running_loop()
        waits: dict[int, asyncio.Future[bytes]] = {}
        try:
            frames = []
            for text in wanted.values():
                own = number()
                frames.append(frame(Kind.FIND, own, encode_find(text, end - loop.time())))
                waits[own] = loop.create_future()
                self._waiting[own] = waits[own], link
            link.send(b"".join(frames))
            async with asyncio.timeout_at(end):
                found = await asyncio.gather(*waits.values())
        except MessageTooLong:
            raise ScorerUnavailable("overloaded") from None
        except TimeoutError:
            raise ScorerUnavailable("deadline") from None
        finally:
            left = [own for own, future in waits.items() if not future.done() or future.cancelled()]
            for own in waits:
                self._waiting.pop(own, None)
            if left and not link.closed:
                link.send(b"".join(frame(Kind.CANCEL, own) for own in left))
        for key, entities in zip(wanted, found, strict=True):
            self._memo.put(key, entities)
        return dict(zip(wanted, found, strict=True))

    def heard(self, number: int, payload: bytes) -> None:
        """A search's answer. Raises :class:`~detectors.errors.WireError` where it makes no sense; the link then ends."""
        found = decode_found(payload)
        if found.outcome is Outcome.SCORED:
            unpack_entities(found.entities)
        waiting = self._waiting.get(number)
        if waiting is None or waiting[0].done():
            return
        if found.outcome is Outcome.SCORED:
            waiting[0].set_result(found.entities)
        else:
            waiting[0].set_exception(ScorerUnavailable(REASONS[found.outcome]))

    def lost(self, link: Link) -> None:
        """A connection has ended."""
        for future, used in list(self._waiting.values()):
            if used is link and not future.done():
                future.set_exception(ScorerUnavailable("closed"))
