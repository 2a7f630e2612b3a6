"""Searches for personal data over the scorer's socket, in this process: the wire, the bounds and who is told what."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from detectors.contract import Item
from detectors.errors import ScorerUnavailable
from detectors.pii.entity import Entity, Redacted
from detectors.scorer.client import ScorerClient
from detectors.scorer.process import serve
from detectors.scorer.tiers import Stack
from detectors.signals import Side
from tests.unit.detectors.scorer.tiers import DigestTier


class Marks:
    """Finds the word "Ann". ``slow`` holds it up, ``fails`` breaks it; ``read`` counts its texts."""

    def __init__(self) -> None:
        self.slow = threading.Event()
        self.slow.set()
        self.fails = False
        self.read: list[str] = []

    def redact(self, text: str) -> Redacted:
        self.slow.wait(10)
        if self.fails:
            raise RuntimeError(text)
        self.read.append(text)
        at = text.find("Ann")
        return Redacted(text, (Entity(at, at + 3, "PERSON"),) if at >= 0 else ())


@asynccontextmanager
async def serving(folder: Path, load: Callable[[], Marks] | None) -> AsyncIterator[ScorerClient]:
    folder.chmod(0o700)
    stop = asyncio.Event()
    server = asyncio.create_task(serve(Stack([DigestTier("d@1")]), folder / "s", redactor=load, stop=stop))
    client = ScorerClient(folder / "s")
    assert await client.start(5)
    try:
        yield client
    finally:
        await client.close()
        stop.set()
        await server


async def test_what_is_found_is_told_and_remembered_without_the_text(tmp_path: Path) -> None:
    marks = Marks()
    texts = ["I am Ann", "nobody", "", "…", "é Ann \ud800", "I am Ann"]
    async with serving(tmp_path, lambda: marks) as client:
        found = await client.entities(texts, deadline=5)
        assert found == [(Entity(5, 8, "PERSON"),), (), (), (), (Entity(2, 5, "PERSON"),), (Entity(5, 8, "PERSON"),)]
        assert await client.entities(texts, deadline=5) == found
        assert sorted(marks.read) == sorted({"I am Ann", "nobody", "é Ann \ud800"})
        other = ScorerClient(tmp_path / "s")
        assert await other.entities(["I am Ann"], deadline=5) == found[:1]
        await other.close()
        assert len(marks.read) == 3
        assert (await client.health(deadline=5))["searches"] == {"waiting": 0, "done": 3, "failed": 0}


async def test_a_search_that_is_late_is_told_and_holds_up_no_score(tmp_path: Path) -> None:
    marks = Marks()
    async with serving(tmp_path, lambda: marks) as client:
        marks.slow.clear()
        with pytest.raises(ScorerUnavailable, match="deadline"):
            await client.entities(["Ann", "one", "two"], deadline=0.2)
        assert await client.score([Item(Side.USER, "hello")], deadline=5)
        marks.slow.set()
        assert await client.entities(["Ann"], deadline=5) == [(Entity(0, 3, "PERSON"),)]
        assert "two" not in marks.read  # nobody waited for it any more


async def test_a_search_that_fails_fails_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    marks = Marks()
    async with serving(tmp_path, lambda: marks) as client:
        marks.fails = True
        with pytest.raises(ScorerUnavailable, match="refused"):
            await client.entities(["Ann secret"], deadline=5)
        marks.fails = False
        assert await client.entities(["Ann secret"], deadline=5) == [(Entity(0, 3, "PERSON"),)]
    assert "secret" not in caplog.text


async def test_a_scorer_without_a_redactor_or_one_that_cannot_be_loaded_says_so(tmp_path: Path) -> None:
    def broken() -> Marks:
        raise OSError("no such head")

    for name, load in (("a", None), ("b", broken)):
        (tmp_path / name).mkdir()
        async with serving(tmp_path / name, load) as client:
            for _ in range(2):
                with pytest.raises(ScorerUnavailable, match="refused"):
                    await client.entities(["Ann"], deadline=5)


async def test_searches_under_way_are_told_when_the_scorer_ends(tmp_path: Path) -> None:
    marks = Marks()
    marks.slow.clear()
    async with serving(tmp_path, lambda: marks) as client:
        asking = asyncio.create_task(client.entities(["Ann", "one"], deadline=5))
        await asyncio.sleep(0.1)
        await client.close()
        with pytest.raises(ScorerUnavailable, match="closed"):
            await asking
        marks.slow.set()
