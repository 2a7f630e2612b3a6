"""The client and the server over a real socket, in one loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from detectors.contract import Item, Speaker, Utterance
from detectors.errors import ScorerUnavailable
from detectors.scorer.batches import Bounds
from detectors.scorer.client import ScorerClient
from detectors.scorer.frames import FrameReader, Kind, frame
from detectors.scorer.process import claim_socket
from detectors.scorer.server import Server
from detectors.scorer.tiers import Stack, Tiered
from detectors.scorer.wire import Outcome, decode_answer, encode_ask, encode_hello, encode_item
from detectors.signals import Scores, Side
from tests.unit.detectors.scorer.tiers import FIRST, DigestTier, GateTier, expected, serving


def items(*texts: str) -> list[Item]:
    return [Item(Side.USER, text) for text in texts]


def value(scores: Scores) -> float | None:
    return scores.value(FIRST[scores.side])


async def until(condition: object, seconds: float = 5.0) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


class Meter:
    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.reasons: list[str] = []

    def answered(self, seconds: float, items: int, memoised: int) -> None:
        assert 0 <= seconds < 60
        self.calls.append((items, memoised))

    def failed(self, reason: str) -> None:
        self.reasons.append(reason)


async def test_scores_come_in_order_and_depend_on_everything_in_the_item(tmp_path: Path) -> None:
    asked = [
        Item(Side.USER, "hello"),
        Item(Side.USER, "hello", question=0),
        Item(Side.USER, "hello", question=6, language="de"),
        Item(Side.REPLY, "hello", whole=True),
        Item(Side.REPLY, "hello", (Utterance(Speaker.USER, "a"), Utterance(Speaker.ASSISTANT, "b \ud800"))),
        Item(Side.REPLY, "hello", (Utterance(Speaker.ASSISTANT, "a"), Utterance(Speaker.USER, "b \ud800"))),
        Item(Side.USER, ""),
    ]
    async with serving(tmp_path, DigestTier()) as (path, _):
        client = ScorerClient(path)
        got = await client.score(asked, deadline=2)
        assert [value(scores) for scores in got] == [expected(item) for item in asked]
        assert [scores.side for scores in got] == [item.side for item in asked]
        assert client.model == "digest@1"
        assert client.healthy
        assert await client.score([], deadline=2) == []
        await client.close()


async def test_a_long_text_fits_and_a_longer_one_is_refused_without_a_call(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := DigestTier()) as (path, _):
        client = ScorerClient(path)
        words = "überlänge " * 50_000
        (got,) = await client.score(items(words), deadline=5)
        assert value(got) == expected(Item(Side.USER, words))
        with pytest.raises(ScorerUnavailable, match="overloaded"):
            await client.score(items("x" * (24 * 1024 * 1024)), deadline=5)
        assert len(tier.texts) == 1
        assert client.pending == 0
        await client.close()


async def test_the_memo_answers_without_the_server_and_forgets_when_the_model_changes(tmp_path: Path) -> None:
    meter = Meter()
    client = ScorerClient(tmp_path / "run" / "s", memo_entries=2, meter=meter)
    async with serving(tmp_path, first := DigestTier("a@1")):
        await client.score(items("one", "two"), deadline=2)
        await client.score(items("one", "two"), deadline=2)
        assert first.texts == ["one", "two"]
        await client.score(items("three"), deadline=2)
        assert client.remembered == 2
        assert meter.calls == [(2, 0), (2, 2), (1, 0)]
    await until(lambda: not client.healthy)
    assert [None if one is None else one.model for one in client.recall(items("new", "three"))] == [None, "a@1"]
    (known,) = await client.score(items("three"), deadline=2)
    assert known.model == "a@1", "what is known needs no scorer"
    async with serving(tmp_path, DigestTier("a@2")):
        await until(lambda: client.healthy)
        assert client.remembered == 0
        (fresh,) = await client.score(items("three"), deadline=2)
        assert fresh.model == "a@2" == client.model
    await client.close()


async def test_the_servers_memo_serves_a_second_client(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := DigestTier()) as (path, server):
        for _ in range(3):
            client = ScorerClient(path, memo_entries=0)
            await client.score(items("same"), deadline=2)
            await client.close()
        assert tier.texts == ["same"]
        assert server.batches.counts.memoised == 2


async def test_the_same_item_under_way_is_scored_once(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := GateTier()) as (path, server):
        clients = [ScorerClient(path) for _ in range(3)]
        calls = [asyncio.create_task(client.score(items("same"), deadline=5)) for client in clients]
        await until(lambda: server.batches.counts.asked == 3)
        tier.gate.set()
        got = [value(scores) for (scores,) in await asyncio.gather(*calls)]
        assert got == [expected(Item(Side.USER, "same"))] * 3
        assert tier.texts == ["same"]
        for client in clients:
            await client.close()


async def test_what_gathers_while_a_batch_runs_is_scored_together_across_clients(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := GateTier()) as (path, server):
        clients = [ScorerClient(path, connections=2) for _ in range(4)]
        first = asyncio.create_task(clients[0].score(items("first"), deadline=5))
        await until(tier.entered.is_set)
        calls = [
            asyncio.create_task(client.score(items(f"{at} a", f"{at} b", f"{at} c"), deadline=5))
            for at, client in enumerate(clients)
        ]
        await until(lambda: server.batches.queued == 12)
        tier.gate.set()
        await asyncio.gather(first, *calls)
        assert tier.batches == [1, 12]
        for client in clients:
            await client.close()


async def test_a_batch_is_bounded_by_number_and_by_bytes(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := GateTier(), bounds=Bounds(batch=4, batch_bytes=2000)) as (path, server):
        client = ScorerClient(path)
        call = asyncio.create_task(client.score(items("first"), deadline=5))
        await until(tier.entered.is_set)
        texts = [f"{at}" for at in range(6)] + ["x" * 1500, "y" * 1500, "z" * 5000]
        rest = asyncio.create_task(client.score(items(*texts), deadline=5))
        await until(lambda: server.batches.queued == 9)
        tier.gate.set()
        await asyncio.gather(call, rest)
        assert tier.batches == [1, 4, 3, 1, 1]
        await client.close()


async def test_an_expired_item_is_never_computed(tmp_path: Path) -> None:
    meter = Meter()
    async with serving(tmp_path, tier := GateTier()) as (path, server):
        client, patient = ScorerClient(path, meter=meter), ScorerClient(path)
        first = asyncio.create_task(patient.score(items("first"), deadline=5))
        await until(tier.entered.is_set)
        start = time.monotonic()
        with pytest.raises(ScorerUnavailable, match="deadline"):
            await client.score(items("late"), deadline=0.05)
        assert time.monotonic() - start < 1
        kept = asyncio.create_task(patient.score(items("in time"), deadline=5))
        await until(lambda: server.batches.counts.asked == 3)
        tier.gate.set()
        await asyncio.gather(first, kept)
        assert tier.texts == ["first", "in time"]
        assert meter.reasons == ["deadline"]
        assert client.pending == 0
        await client.close()
        await patient.close()


async def test_the_server_drops_what_has_expired_also_for_a_client_that_does_not_cancel(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := GateTier()) as (path, server):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(frame(Kind.HELLO, 0, encode_hello()))
        raw = encode_item(Item(Side.USER, "first"))
        writer.write(frame(Kind.ASK, 1, encode_ask(raw, 5.0)))
        await until(tier.entered.is_set)
        writer.write(frame(Kind.ASK, 2, encode_ask(encode_item(Item(Side.USER, "late")), 0.05)))
        writer.write(frame(Kind.ASK, 3, encode_ask(encode_item(Item(Side.USER, "never")), -1.0)))
        writer.write(frame(Kind.ASK, 4, encode_ask(encode_item(Item(Side.USER, "shared")), 0.05)))
        writer.write(frame(Kind.ASK, 5, encode_ask(encode_item(Item(Side.USER, "shared")), 5.0)))
        await until(lambda: server.batches.counts.asked == 5)
        await asyncio.sleep(0.1)
        tier.gate.set()
        frames = FrameReader()
        outcomes: dict[int, Outcome] = {}
        async with asyncio.timeout(5):
            while len(outcomes) < 5:
                more = frames.feed(await reader.read(65536))
                while more:
                    for one in more:
                        if one.kind is Kind.ANSWER:
                            outcomes[one.number] = decode_answer(one.payload).outcome
                    more = frames.feed(b"")
        expired = Outcome.EXPIRED
        assert outcomes == {1: Outcome.SCORED, 2: expired, 3: expired, 4: expired, 5: Outcome.SCORED}
        assert tier.texts == ["first", "shared"]
        assert server.batches.counts.expired == 3
        writer.close()
        await writer.wait_closed()


async def test_what_a_failing_tier_left_out_is_not_remembered(tmp_path: Path) -> None:
    class Moody(DigestTier):
        broken = True

        def score(self, batch: Sequence[Item]) -> list[Scores]:
            if self.broken:
                raise MemoryError
            return super().score(batch)

    async with serving(tmp_path, upper := Moody("model@1"), DigestTier("lexicon@1")) as (path, server):
        client = ScorerClient(path)
        (got,) = await client.score(items("one"), deadline=2)
        assert got.model == "lexicon@1"
        assert (client.remembered, len(server.batches.memo)) == (0, 0)
        assert (await client.health(deadline=1))["tiers"]["model@1"]["answers"] is False
        upper.broken = False
        (got,) = await client.score(items("one"), deadline=2)
        assert got.model == "model@1"
        assert (client.remembered, len(server.batches.memo)) == (1, 1)
        await client.close()


async def test_a_cancelled_call_is_dropped_from_the_queue(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := GateTier()) as (path, server):
        client = ScorerClient(path)
        first = asyncio.create_task(client.score(items("first"), deadline=5))
        await until(tier.entered.is_set)
        unwanted = asyncio.create_task(client.score(items("u1", "u2"), deadline=5))
        await until(lambda: server.batches.queued == 2)
        unwanted.cancel()
        with pytest.raises(asyncio.CancelledError):
            await unwanted
        await until(lambda: server.batches.queued == 0)
        tier.gate.set()
        await first
        assert tier.texts == ["first"]
        assert server.batches.counts.cancelled == 2
        await client.close()


async def test_a_closed_connection_cancels_what_it_asked(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := GateTier()) as (path, server):
        stays, leaves = ScorerClient(path), ScorerClient(path)
        first = asyncio.create_task(stays.score(items("first"), deadline=5))
        await until(tier.entered.is_set)
        shared = asyncio.create_task(stays.score(items("shared"), deadline=5))
        gone = asyncio.create_task(leaves.score(items("gone", "shared"), deadline=5))
        await until(lambda: server.batches.counts.asked == 4)
        await leaves.close()
        with pytest.raises(ScorerUnavailable, match="closed"):
            await gone
        await until(lambda: server.batches.queued == 1)
        tier.gate.set()
        await asyncio.gather(first, shared)
        assert tier.texts == ["first", "shared"]
        await stays.close()


async def test_overload_is_answered_at_once(tmp_path: Path) -> None:
    meter = Meter()
    async with serving(tmp_path, tier := GateTier(), bounds=Bounds(queued=3)) as (path, server):
        client = ScorerClient(path, meter=meter)
        first = asyncio.create_task(client.score(items("first"), deadline=5))
        await until(tier.entered.is_set)
        kept = asyncio.create_task(client.score(items("1", "2", "3"), deadline=5))
        await until(lambda: server.batches.queued == 3)
        start = time.monotonic()
        with pytest.raises(ScorerUnavailable, match="overloaded"):
            await client.score(items("4"), deadline=5)
        assert time.monotonic() - start < 0.5
        assert client.healthy
        tier.gate.set()
        await asyncio.gather(first, kept)
        assert meter.reasons == ["overloaded"]
        assert server.batches.counts.overloaded == 1
        await client.close()


async def test_a_text_that_no_tier_can_read_fails_alone_and_is_not_remembered(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := DigestTier()) as (path, _):
        client = ScorerClient(path)
        good = asyncio.create_task(client.score(items("good"), deadline=2))
        for _ in range(2):
            with pytest.raises(ScorerUnavailable, match="refused"):
                await client.score(items("fail"), deadline=2)
        assert value((await good)[0]) is not None
        assert client.healthy
        assert tier.texts.count("fail") == 2
        report = await client.health(deadline=1)
        assert report["counts"]["failed"] == 2
        assert report["tiers"] == {"digest@1": {"answers": False, "failures": 2, "device": None}}
        await client.close()


async def test_nobody_there_fails_fast_and_is_found_again(tmp_path: Path) -> None:
    client = ScorerClient(tmp_path / "run" / "s", connections=2)
    for _ in range(3):
        start = time.monotonic()
        with pytest.raises(ScorerUnavailable, match="refused"):
            await client.score(items("x"), deadline=5)
        assert time.monotonic() - start < 0.5
    assert not client.healthy
    assert client.trouble is not None
    assert client.model == "none@0"
    async with serving(tmp_path, DigestTier()):
        assert await client.start(wait_seconds=2)
        assert str(client.trouble) == "None"
        assert len(await client.score(items("x"), deadline=2)) == 1
    await client.close()
    with pytest.raises(ScorerUnavailable, match="closed"):
        await client.score(items("y"), deadline=2)


async def test_draining_answers_what_was_asked_and_refuses_the_rest(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := GateTier()) as (path, server):
        client = ScorerClient(path, connections=1)
        asked = asyncio.create_task(client.score(items("asked"), deadline=5))
        await until(tier.entered.is_set)
        drain = asyncio.create_task(server.drain(5))
        await asyncio.sleep(0.05)
        with pytest.raises(ScorerUnavailable, match="closed"):
            await client.score(items("too late"), deadline=5)
        tier.gate.set()
        assert len(await asked) == 1
        await drain
        await until(lambda: not client.healthy)
        await client.close()


async def test_a_drain_that_takes_too_long_ends(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := GateTier()) as (path, server):
        client = ScorerClient(path)
        asked = asyncio.create_task(client.score(items("asked"), deadline=5))
        await until(tier.entered.is_set)
        start = time.monotonic()
        await server.drain(0.1)
        assert time.monotonic() - start < 1
        with pytest.raises(ScorerUnavailable, match="closed"):
            await asked
        await client.close()


async def test_pending_is_bounded(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := GateTier()) as (path, _):
        client = ScorerClient(path, pending=2)
        asked = asyncio.create_task(client.score(items("1", "2"), deadline=5))
        await until(tier.entered.is_set)
        with pytest.raises(ScorerUnavailable, match="overloaded"):
            await client.score(items("3"), deadline=5)
        tier.gate.set()
        await asked
        await client.close()


async def test_what_cannot_be_reached_in_time_is_refused_at_once_when_many_wait(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := GateTier(), bounds=Bounds(batch=2, linger_seconds=0)) as (path, server):
        client = ScorerClient(path)
        slow = asyncio.create_task(client.score(items("slow"), deadline=5))
        await until(tier.entered.is_set)
        await asyncio.sleep(0.3)  # about 0.001 s a byte from now on
        tier.gate.set()
        await slow
        tier.gate.clear()
        tier.entered.clear()
        first = asyncio.create_task(client.score(items("first"), deadline=5))
        await until(tier.entered.is_set)
        waiting = asyncio.create_task(client.score(items("1", "2", "3", "4"), deadline=5))
        await until(lambda: server.batches.queued == 4)
        start = time.monotonic()
        with pytest.raises(ScorerUnavailable, match="overloaded"):
            await client.score(items("hopeless"), deadline=0.5)
        assert time.monotonic() - start < 0.25
        patient = asyncio.create_task(client.score(items("patient"), deadline=60))
        await until(lambda: server.batches.queued == 5)
        tier.gate.set()
        await asyncio.gather(first, waiting, patient)
        assert "hopeless" not in tier.texts
        await client.close()


async def test_a_text_whose_language_cannot_be_told_is_scored_all_the_same(tmp_path: Path) -> None:
    def identify(text: str, hint: str | None) -> str | None:
        if text == "odd":
            raise RuntimeError(text)
        return hint

    async with serving(tmp_path, DigestTier(), identify=identify) as (path, _):
        client = ScorerClient(path)
        got = await client.score(items("odd", "even"), deadline=2)
        assert [value(one) for one in got] == [expected(item) for item in items("odd", "even")]
        await client.close()


async def test_the_tiers_thread_outlives_whatever_happens_in_it(tmp_path: Path) -> None:
    class Fragile(Stack):
        def score(self, batch: Sequence[Item]) -> list[Tiered]:
            if any(item.text == "odd" for item in batch):
                raise RuntimeError("odd")
            return super().score(batch)

    path = tmp_path / "run" / "s"
    with claim_socket(path) as listening:
        server = Server(Fragile([DigestTier()]))
        await server.start(listening)
        client = ScorerClient(path)
        with pytest.raises(ScorerUnavailable, match="refused"):
            await client.score(items("odd"), deadline=2)
        assert value((await client.score(items("even"), deadline=2))[0]) == expected(Item(Side.USER, "even"))
        await client.close()
        await server.drain(1)


async def test_an_item_that_cannot_be_carried_is_refused_like_any_other(tmp_path: Path) -> None:
    async with serving(tmp_path, DigestTier()) as (path, _):
        client = ScorerClient(path)
        with pytest.raises(ScorerUnavailable, match="refused"):
            await client.score([Item(Side.USER, "x", question=999)], deadline=2)
        assert client.recall([Item(Side.USER, "x", question=999)]) == [None]
        assert client.pending == 0
        await client.close()


async def test_asking_the_same_again_and_again_is_bounded_too(tmp_path: Path) -> None:
    async with serving(tmp_path, tier := GateTier(), bounds=Bounds(askers=5)) as (path, server):
        client = ScorerClient(path)
        calls = [asyncio.create_task(client.score(items("same"), deadline=5)) for _ in range(5)]
        await until(lambda: server.batches.counts.asked == 5)
        with pytest.raises(ScorerUnavailable, match="overloaded"):
            await client.score(items("same"), deadline=5)
        tier.gate.set()
        await asyncio.gather(*calls)
        assert len(await client.score(items("other"), deadline=5)) == 1
        await client.close()
