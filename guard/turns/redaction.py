"""What is stored of what was said: never before it was redacted.

The search for names is the scorer's. Where it does not answer in time, what has a form is taken out here, and names stay
until a later snapshot of the turn: a case without words could not be judged, and what is stored is encrypted.
"""

from __future__ import annotations

import asyncio

from detectors.errors import ScorerUnavailable
from detectors.pii.entity import EntityFinder, Redacted, replaced
from detectors.pii.forms import FormsFinder

__all__ = ["Redaction"]


class Redaction:
    """Redacts the texts of one turn for storage. A search that is late goes on, for whoever asks next.

    ``longest``: seconds that one search may take.
    """

    def __init__(self, finder: EntityFinder, *, longest: float) -> None:
        self._finder = finder
        self._longest = longest
        self._searches: dict[str, asyncio.Task[Redacted | None]] = {}

    def begin(self, text: str) -> None:
        """Begins to search ``text``, so that nobody waits for it later."""
        if text:
            self._search(text)

    async def __call__(self, text: str, *, seconds: float) -> Redacted:
        """``text`` with placeholders, and where they stand for what, after ``seconds`` at most. Never raises."""
        if not text:
            return Redacted("", ())
        task = self._search(text)
        await asyncio.wait({task}, timeout=seconds)
        if task.done() and not task.cancelled() and (redacted := task.result()) is not None:
            return redacted
        [found] = await FormsFinder().entities([text], deadline=seconds)
        return Redacted(replaced(text, found), found)

    def _search(self, text: str) -> asyncio.Task[Redacted | None]:
        task = self._searches.get(text)
        if task is None or (task.done() and (task.cancelled() or task.result() is None)):
            task = self._searches[text] = asyncio.get_running_loop().create_task(self._searched(text))
        return task

    async def _searched(self, text: str) -> Redacted | None:
        try:
            [found] = await self._finder.entities([text], deadline=self._longest)
        except ScorerUnavailable:
            return None
        return Redacted(replaced(text, found), found)
