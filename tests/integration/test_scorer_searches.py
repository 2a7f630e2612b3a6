"""Searches for personal data over the scorer's socket, in this process: the wire, the bounds and who is told what."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from detectors.contract import Item
from detectors.errors import ScorerUnavailable, SearchStopped
from detectors.pii.entity import Entity, Redacted
from detectors.scorer import searches
from detectors.scorer.client import ScorerClient
from detectors.scorer.found import Found, decode_found, encode_find, encode_found, pack_entities
from detectors.scorer.frames import ANSWER_LIMIT, Frame, FrameReader, Kind, frame
from detectors.scorer.process import serve
from detectors.scorer.tiers import Stack
from detectors.scorer.wire import Outcome, encode_hello, encode_welcome
from detectors.signals import Side
from tests.unit.detectors.scorer.tiers import DigestTier


class Marks:
    """Finds the word "Ann", and each x. ``slow`` holds it up, ``fails`` breaks it; ``read`` counts its texts."""

    def __init__(self) -> None:
        self.slow = threading.Event()
        self.slow.set()
        self.begun = threading.Event()
        self.fails = False
        self.read: list[str] = []

    def redact(self, text: str, *, stop: Callable[[], bool] | None = None) -> Redacted:
        assert stop is not None
        self.begun.set()
        while text == "endless":
            if stop():
                raise SearchStopped("longer than it may")
            time.sleep(0.01)
        self.slow.wait(10)
        if self.fails:
            raise RuntimeError(text)
        self.read.append(text)
        if text[0] == "x":
            return Redacted(text, tuple(Entity(at, at + 1, "PERSON") for at in range(len(text))))
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


async def test_a_search_without_end_is_given_up_for_those_who_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(searches, "_LONGEST_SECONDS", 0.3)
    async with serving(tmp_path, Marks) as client:
        endless = asyncio.create_task(client.entities(["endless"], deadline=20))
        assert await client.entities(["Ann"], deadline=20) == [(Entity(0, 3, "PERSON"),)]
        with pytest.raises(ScorerUnavailable, match="refused"):
            await endless
    assert "endless" not in caplog.text


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


_MOST = (ANSWER_LIMIT - len(encode_found(Found(Outcome.SCORED, pack_entities([Entity(0, 1, "PERSON")]))))) // 9 + 1


async def test_more_than_an_answer_carries_fails_that_search_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    marks = Marks()
    async with serving(tmp_path, lambda: marks) as client:
        assert len((await client.entities(["x" * _MOST], deadline=20))[0]) == _MOST
        for tries in (1, 2):  # what failed was not remembered: it is searched again
            marks.slow.clear()
            marks.begun.clear()
            asked = asyncio.create_task(client.entities(["x" * (_MOST + 1)], deadline=20))
            await _set(marks.begun)
            other = asyncio.create_task(client.entities([f"Ann {tries}"], deadline=20))
            await client.health(deadline=5)
            marks.slow.set()
            with pytest.raises(ScorerUnavailable, match="refused"):
                await asked
            assert await other == [(Entity(0, 3, "PERSON"),)]
        report = await client.health(deadline=5)
        assert (report["searches"], report["faults"]) == ({"waiting": 0, "done": 3, "failed": 2}, 0)
        assert marks.read.count("x" * (_MOST + 1)) == 2
    assert "xx" not in caplog.text


async def test_what_was_cancelled_while_it_was_searched_is_told_nothing(tmp_path: Path) -> None:
    marks = Marks()
    async with serving(tmp_path, lambda: marks):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
        marks.slow.clear()
        writer.write(frame(Kind.HELLO, 0, encode_hello()) + frame(Kind.FIND, 1, encode_find("Ann", 20)))
        await _set(marks.begun)
        for number, text in ((2, "one"), (3, "two")):
            writer.write(frame(Kind.FIND, number, encode_find(text, 20)))
        writer.write(b"".join(frame(Kind.CANCEL, number) for number in (1, 2)) + frame(Kind.HEALTH, 9))
        frames = _frames(reader)
        assert [(await anext(frames)).kind for _ in range(2)] == [Kind.WELCOME, Kind.REPORT]
        marks.slow.set()
        assert (await anext(frames)).number == 3
        writer.write(frame(Kind.FIND, 4, encode_find("Ann", 20)))
        told = await anext(frames)
        assert (told.number, decode_found(told.payload).outcome) == (4, Outcome.SCORED)
        assert marks.read == ["Ann", "two"]  # the work that was done is not lost
        writer.close()
        await writer.wait_closed()


async def test_a_message_that_is_too_long_fails_its_call_and_no_other(tmp_path: Path) -> None:
    """A scorer that keeps to no limit, as one of another release might."""
    long = bytes(ANSWER_LIMIT + 1)

    async def scorer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(Kind.WELCOME, 0, encode_welcome("d@1", "r")))
        waiting: int | None = None
        async for one in _frames(reader):
            if one.kind is Kind.ASK:
                writer.write(frame(Kind.ANSWER, one.number, long))
            elif one.kind is Kind.HEALTH:
                writer.write(frame(Kind.REPORT, one.number, long if waiting is None else b"{}"))
            elif one.kind is Kind.FIND and waiting is None:
                waiting = one.number
            elif one.kind is Kind.FIND and waiting is not None:
                writer.write(frame(Kind.FOUND, one.number, long))
                writer.write(frame(Kind.FOUND, waiting, encode_found(Found(Outcome.SCORED, pack_entities([])))))
        writer.close()

    server = await asyncio.start_unix_server(scorer, str(tmp_path / "s"))
    client = ScorerClient(tmp_path / "s")
    assert await client.start(5)
    with pytest.raises(ScorerUnavailable, match="closed"):
        await client.health(deadline=5)
    first = asyncio.create_task(client.entities(["first"], deadline=5))
    await asyncio.sleep(0)
    with pytest.raises(ScorerUnavailable, match="refused"):
        await client.score([Item(Side.USER, "hello")], deadline=5)
    with pytest.raises(ScorerUnavailable, match="refused"):
        await client.entities(["second"], deadline=5)
    assert await first == [()]
    assert await client.health(deadline=5) == {}
    assert (client.healthy, client.trouble) == (True, None)
    await client.close()
    server.close()
    await server.wait_closed()


async def _set(event: threading.Event) -> None:
    async with asyncio.timeout(10):
        while not event.is_set():
            await asyncio.sleep(0.005)


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[Frame]:
    frames = FrameReader()
    while raw := await reader.read(65536):
        more = frames.feed(raw)
        while more:
            for one in more:
                yield one
            more = frames.feed(b"")
