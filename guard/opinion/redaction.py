"""What leaves the house is redacted first: names, addresses and numbers become placeholders.

The search is the scorer's, which holds what is needed for it. Where it does not answer nothing leaves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

from detectors.pii.entity import EntityFinder, replaced
from detectors.scorer.client import ScorerClient

__all__ = ["SEARCH_SECONDS", "Finders", "redacted", "scorer_at"]

Finders = Callable[[], AbstractAsyncContextManager[EntityFinder]]
"""Opens what searches, for one event loop."""

_CONNECT_SECONDS: Final = 2.0
SEARCH_SECONDS: Final = 8.0
"""Longest wait for one search: the first one of a scorer reads what it searches with."""


def scorer_at(socket: Path) -> Finders:
    """The searches of the scorer that listens at ``socket``."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[EntityFinder]:
        client = ScorerClient(socket)
        try:
            await client.start(_CONNECT_SECONDS)
            yield client
        finally:
            await client.close()

    return opened


async def redacted(finder: EntityFinder, said: Mapping[str, str]) -> dict[str, str]:
    """``said`` by the same names, without what is personal. Raises :class:`~detectors.errors.ScorerUnavailable`."""
    found = await finder.entities(list(said.values()), deadline=SEARCH_SECONDS)
    return {name: replaced(text, entities) for (name, text), entities in zip(said.items(), found, strict=True)}
