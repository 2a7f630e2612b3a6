"""Small real tiers, and a scorer that runs in the test's own loop."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from detectors.contract import Item
from detectors.scorer.batches import Bounds
from detectors.scorer.process import claim_socket
from detectors.scorer.server import Server
from detectors.scorer.tiers import Identify, Stack, Tier
from detectors.signals import Scores, Side

__all__ = ["DigestTier", "GateTier", "expected", "serving"]

FIRST = {Side.USER: "risk.suicide", Side.REPLY: "refusal.any", Side.SESSION: "session.forecast"}


def expected(item: Item) -> float:
    """The value that :class:`DigestTier` gives: a number in [0, 1) that depends on everything in the item."""
    context = "|".join(f"{said.speaker}:{said.text}" for said in item.context)
    seed = f"{item.side}|{item.text}|{context}|{item.question}|{item.whole}|{item.language}"
    return int.from_bytes(hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest()[:6], "big") / 2**48


class DigestTier:
    """Answers one signal with :func:`expected`; a text ``sleep N`` takes N seconds, ``fail`` raises."""

    def __init__(self, name: str = "digest@1") -> None:
        self.name = name
        self.batches: list[int] = []
        self.texts: list[str] = []

    def score(self, batch: Sequence[Item]) -> list[Scores]:
        self.batches.append(len(batch))
        self.texts.extend(item.text for item in batch)
        for item in batch:
            word, _, rest = item.text.partition(" ")
            if word == "sleep":
                time.sleep(float(rest.split()[0]))
            elif word == "fail":
                raise RuntimeError(item.text)
        return [Scores.of(item.side, self.name, {FIRST[item.side]: expected(item)}, language="en") for item in batch]


class GateTier(DigestTier):
    """A tier that stands still while its gate is closed, so that a test decides what waits."""

    def __init__(self, name: str = "gate@1") -> None:
        super().__init__(name)
        self.gate = threading.Event()
        self.entered = threading.Event()

    def score(self, batch: Sequence[Item]) -> list[Scores]:
        self.entered.set()
        assert self.gate.wait(20)
        return super().score(batch)


@asynccontextmanager
async def serving(
    folder: Path, *tiers: Tier, bounds: Bounds | None = None, identify: Identify | None = None
) -> AsyncIterator[tuple[Path, Server]]:
    """A scorer on a socket in ``folder``, in this loop."""
    path = folder / "run" / "s"
    with claim_socket(path) as listening:
        server = Server(Stack(tiers, identify), bounds)
        await server.start(listening)
        try:
            yield path, server
        finally:
            for tier in tiers:
                if isinstance(tier, GateTier):
                    tier.gate.set()
            await server.drain(1.0)
            await asyncio.sleep(0.01)
