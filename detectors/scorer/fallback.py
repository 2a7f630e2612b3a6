"""What is asked when the scorer is away: the lexicon, in this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol, runtime_checkable

from detectors.contract import Item, Scorer
from detectors.errors import ScorerUnavailable
from detectors.language import identify
from detectors.signals import Scores

__all__ = ["FallbackScorer", "ItemScorer", "Recalls", "lexicon"]

_log = logging.getLogger(__name__)

_LONG_CHARACTERS: Final = 8192
_YIELD_CHARACTERS: Final = 4096  # text scored in this process before the loop may turn to somebody else


class ItemScorer(Protocol):
    """Scores one item at once, in this thread."""

    def score_one(self, item: Item) -> Scores:
        """The scores of one item."""
        ...


@runtime_checkable
class Recalls(Protocol):
    """A scorer that remembers."""

    def recall(self, items: Sequence[Item]) -> list[Scores | None]:
        """What is known of each item without asking anybody."""
        ...


def lexicon() -> ItemScorer:
    """The lexicon tier. Imported only when it is needed."""
    from detectors.lexicon import LexiconScorer

    return LexiconScorer()


class FallbackScorer:
    """Asks ``primary``; where that is unavailable, scores here with what ``make`` gives, made at the first need.

    Never raises :class:`~detectors.errors.ScorerUnavailable`: somebody always reads the text. ``on_failure`` is told the
    reason of every failed call (and ``lexicon`` where even the fallback fails on an item, whose scores are then missing);
    ``on_answer`` is called at every call that the primary answers, be it from what it remembers. Whether that becomes an
    alert, or ends one, is the caller's matter. The primary is asked at every call: it fails at once while it is away, and so
    is found again by itself.
    """

    def __init__(
        self,
        primary: Scorer,
        make: Callable[[], ItemScorer] = lexicon,
        *,
        on_failure: Callable[[str], None] | None = None,
        on_answer: Callable[[], None] | None = None,
    ) -> None:
        self._primary = primary
        self._make = make
        self._fallback: ItemScorer | None = None
        self._on_failure = on_failure
        self._on_answer = on_answer
        self._degraded = False
        self._long = asyncio.Lock()

    @property
    def degraded(self) -> bool:
        """Whether the last call was answered by the fallback."""
        return self._degraded

    def prepare(self) -> None:
        """Makes the fallback now, so that the first failure does not pay for it."""
        if self._fallback is None:
            self._fallback = self._make()

    async def score(self, items: Sequence[Item], *, deadline: float) -> list[Scores]:
        """Scores in the order of ``items``; never raises for an outage."""
        try:
            scores = await self._primary.score(items, deadline=deadline)
        except ScorerUnavailable as error:
            self._degraded = True
            self._tell(error.reason)
            return await self._here(items, self._remembered(items))
        self._degraded = False
        if self._on_answer is not None:
            self._on_answer()
        return scores

    def _remembered(self, items: Sequence[Item]) -> list[Scores | None]:
        """What the primary scored before stands: an outage takes nothing back."""
        return self._primary.recall(items) if isinstance(self._primary, Recalls) else [None] * len(items)

    async def _here(self, items: Sequence[Item], known: Sequence[Scores | None]) -> list[Scores]:
        results: list[Scores] = []
        read = 0
        for item, scores in zip(items, known, strict=True):
            if scores is not None:
                results.append(scores)
                continue
            if len(item.text) >= _LONG_CHARACTERS:
                # One at a time and beside the loop: others' tokens go on flowing meanwhile.
                async with self._long:
                    found = await asyncio.to_thread(self._one, item)
            else:
                found = self._one(item)
                read += len(item.text)
            if found is None:
                self._tell("lexicon")
            results.append(Scores.missing(item.side) if found is None else found)
            if read >= _YIELD_CHARACTERS:
                read = 0
                await asyncio.sleep(0)
        return results

    def _one(self, item: Item) -> Scores | None:
        """The item's scores; ``None`` where even the lexicon fails, which is not zero: the policy says what follows."""
        try:
            self.prepare()
            assert self._fallback is not None  # noqa: S101  (prepare has just made it)
            # As the scorer does: what the session was written in before is only a hint.
            return self._fallback.score_one(replace(item, language=identify(item.text, item.language)))
        except Exception as error:
            # Only the type is told: a message may quote the text.
            _log.error("the lexicon failed on an item: %s", type(error))
            return None

    def _tell(self, reason: str) -> None:
        if self._on_failure is not None:
            self._on_failure(reason)
