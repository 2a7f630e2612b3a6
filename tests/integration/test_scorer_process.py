"""The scorer as a real process on a real socket: what happens when it is slow, busy, dead or talked to by strangers."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from detectors.contract import Item
from detectors.errors import ScorerUnavailable
from detectors.scorer.client import ScorerClient
from detectors.scorer.fallback import FallbackScorer
from detectors.scorer.frames import Kind, frame
from detectors.scorer.wire import encode_ask, encode_hello, encode_item
from detectors.signals import Scores, Side
from tests.unit.detectors.scorer.tiers import FIRST, expected

ROOT = Path(__file__).resolve().parents[2]


def value(scores: Scores) -> float | None:
    return scores.value(FIRST[scores.side])


def user(text: str) -> Item:
    return Item(Side.USER, text)


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


class Scorers:
    """Starts scorer processes and sees to it that none is left."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "run" / "scorer.sock"
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *options: str, module: str = "tests.integration.scorer_child") -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(self.path), *options],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(10)
            if process.stderr is not None:
                process.stderr.close()


@pytest.fixture
def scorers(tmp_path: Path) -> Iterator[Scorers]:
    made = Scorers(tmp_path)
    yield made
    made.end()


@pytest.fixture
async def client(scorers: Scorers) -> AsyncIterator[ScorerClient]:
    made = ScorerClient(scorers.path, memo_entries=0)
    yield made
    await made.close()


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_clients_share_batches(scorers: Scorers) -> None:
    scorers.start()
    clients = [ScorerClient(scorers.path, connections=2, memo_entries=0) for _ in range(3)]
    assert all([await one.start(10) for one in clients])
    busy = asyncio.create_task(clients[0].score([user("sleep 0.3")], deadline=5))
    await asyncio.sleep(0.1)
    asked = [user(f"{at} of many") for at in range(24)]
    calls = [asyncio.create_task(clients[at % 3].score([item], deadline=5)) for at, item in enumerate(asked)]
    assert [value(got[0]) for got in await asyncio.gather(*calls)] == [expected(item) for item in asked]
    await busy
    report = await clients[0].health(deadline=1)
    assert report["counts"]["largest_batch"] == 24
    assert report["counts"]["batches"] == 2
    for one in clients:
        await one.close()


async def test_a_busy_scorer_keeps_answering_and_drops_what_nobody_waits_for(scorers: Scorers, client: ScorerClient) -> None:
    scorers.start()
    assert await client.start(10)
    busy = asyncio.create_task(client.score([user("sleep 1")], deadline=5))
    await asyncio.sleep(0.1)
    start = time.monotonic()
    with pytest.raises(ScorerUnavailable, match="deadline"):
        await client.score([user("expires"), user("too")], deadline=0.1)
    assert 0.09 < time.monotonic() - start < 0.4
    unwanted = asyncio.create_task(client.score([user("cancelled")], deadline=5))
    await asyncio.sleep(0.05)
    unwanted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await unwanted
    report = await client.health(deadline=0.3)  # answered while the tiers are busy
    assert (report["running"], report["queued"]) == (1, 0)
    await busy
    report = await client.health(deadline=1)
    assert report["counts"]["scored"] == 1
    assert report["counts"]["cancelled"] == 3


async def test_a_killed_scorer_costs_no_call_and_is_found_again(scorers: Scorers, client: ScorerClient) -> None:
    class Local:
        def score_one(self, item: Item) -> Scores:
            return Scores.of(item.side, "local@1", {FIRST[item.side]: 0.5})

    first = scorers.start()
    reasons: list[str] = []
    answers: list[float] = []
    scorer = FallbackScorer(client, Local, on_failure=reasons.append, on_answer=lambda: answers.append(time.monotonic()))
    assert await client.start(10)
    assert (await scorer.score([user("a")], deadline=1))[0].model == "digest@1"

    under_way = asyncio.create_task(scorer.score([user("sleep 2"), user("b")], deadline=3))
    await asyncio.sleep(0.1)
    first.kill()
    start = time.monotonic()
    assert [scores.model for scores in await under_way] == ["local@1", "local@1"]
    assert time.monotonic() - start < 0.5, "a closed connection is not waited for"
    for _ in range(20):
        start = time.monotonic()
        assert (await scorer.score([user("c")], deadline=5))[0].model == "local@1"
        assert time.monotonic() - start < 0.5
    assert scorer.degraded is True
    assert set(reasons) <= {"closed", "refused"}
    assert len(reasons) == 21
    assert not client.healthy

    scorers.start("--model", "digest@2")  # over the stale socket
    await until(lambda: client.healthy, 10)
    assert (await scorer.score([user("c")], deadline=1))[0].model == "digest@2"
    assert bool(scorer.degraded) is False
    assert len(answers) == 2


@pytest.mark.parametrize("connections", [1, 2])
async def test_a_hanging_scorer_costs_one_deadline_not_one_each(scorers: Scorers, connections: int) -> None:
    process = scorers.start()
    client = ScorerClient(scorers.path, memo_entries=0, connections=connections)
    assert await client.start(10)
    await asyncio.sleep(0.1)
    await client.score([user("a")], deadline=1)
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(ScorerUnavailable, match="deadline"):
        await client.score([user("b")], deadline=0.2)
    await asyncio.sleep(0.1)
    for _ in range(50):
        start = time.monotonic()
        with pytest.raises(ScorerUnavailable, match="refused"):
            await client.score([user("c")], deadline=5)
        assert time.monotonic() - start < 0.5
    process.send_signal(signal.SIGCONT)
    await until(lambda: client.healthy, 2)
    assert value((await client.score([user("d")], deadline=1))[0]) == expected(user("d"))
    await client.close()


async def test_overload_is_bounded_and_answered_at_once(scorers: Scorers) -> None:
    process = scorers.start("--queued", "50")
    clients = [ScorerClient(scorers.path, memo_entries=0, pending=10_000) for _ in range(4)]
    assert all([await one.start(10) for one in clients])
    before = resident(process.pid)
    busy = asyncio.create_task(clients[0].score([user("sleep 1")], deadline=5))
    await asyncio.sleep(0.1)
    start = time.monotonic()
    filler = "many words " * 500
    calls = [asyncio.create_task(clients[at % 4].score([user(f"{at} {filler}")], deadline=0.5)) for at in range(2000)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert time.monotonic() - start < 4
    reasons = [result.reason for result in results if isinstance(result, ScorerUnavailable)]
    assert len(reasons) == 2000
    assert 50 <= reasons.count("deadline") <= 200, "those that found room, and those after them when their time was up"
    assert reasons.count("overloaded") == 2000 - reasons.count("deadline")
    report = await clients[0].health(deadline=1)
    assert report["queued"] <= 50
    await busy
    assert resident(process.pid) - before < 30 * 1024 * 1024
    for one in clients:
        assert value((await one.score([user("after")], deadline=2))[0]) == expected(user("after"))
        await one.close()


async def test_memory_is_flat(scorers: Scorers, client: ScorerClient) -> None:
    process = scorers.start("--memo", "500")
    assert await client.start(10)

    async def calls(first: int, last: int) -> None:
        for start in range(first, last, 200):
            await asyncio.gather(
                *(
                    client.score([user(f"{at} some words of a turn"), user("again")], deadline=5)
                    for at in range(start, start + 200)
                )
            )

    await calls(0, 4000)
    warm = resident(process.pid)
    await calls(4000, 16_000)
    assert resident(process.pid) - warm < 3 * 1024 * 1024
    assert client.pending == 0
    report = await client.health(deadline=1)
    assert report["memo"]["entries"] == 500
    assert report["queued"] == report["running"] == 0


async def test_strangers_disturb_nobody(scorers: Scorers, client: ScorerClient) -> None:
    process = scorers.start()
    assert await client.start(10)
    before = resident(process.pid)
    rng = random.Random(7)
    hello = frame(Kind.HELLO, 0, encode_hello())
    ask = frame(Kind.ASK, 1, encode_ask(encode_item(user("x")), 1.0))
    openings = [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        struct.pack("<IBI", 2**32 - 1, Kind.ASK, 1),
        struct.pack("<IBI", 20 * 1024 * 1024, Kind.HELLO, 1),
        ask,  # before the handshake
        hello + hello,
        hello + frame(Kind.ASK, 1, b""),
        hello + frame(Kind.ASK, 1, encode_ask(b"\xff" * 40, 1.0)),
        hello + frame(Kind.ANSWER, 1, b"\x00\x01"),
        hello + frame(Kind.CANCEL, 99) + frame(Kind.CANCEL, 99) + ask[:-1],
        hello + struct.pack("<IBI", 20 * 1024 * 1024, Kind.ASK, 1) + b"z",
        frame(Kind.HELLO, 0, struct.pack("<4sHH", b"HRSC", 999, 1)),
        hello + ask * 50,  # the same number again and again
        *(rng.randbytes(rng.randint(1, 3000)) for _ in range(40)),
        *(hello + rng.randbytes(rng.randint(1, 3000)) for _ in range(40)),
    ]
    strangers = []
    for raw in openings:
        stranger = socket.socket(socket.AF_UNIX)
        stranger.connect(str(scorers.path))
        with suppress(BrokenPipeError, ConnectionResetError):
            stranger.sendall(raw)
        strangers.append(stranger)
    for at in range(50):
        assert value((await client.score([user(f"{at}")], deadline=1))[0]) == expected(user(f"{at}"))
    assert process.poll() is None
    for stranger in strangers:
        stranger.close()
    report = await client.health(deadline=1)
    assert report["faults"] >= 40
    await asyncio.sleep(0.05)
    assert (await client.health(deadline=1))["connections"] == 1
    assert resident(process.pid) - before < 10 * 1024 * 1024


async def test_a_client_of_another_version_is_told(scorers: Scorers, client: ScorerClient) -> None:
    scorers.start()
    assert await client.start(10)
    reader, writer = await asyncio.open_unix_connection(str(scorers.path))
    writer.write(frame(Kind.HELLO, 0, struct.pack("<4sHH", b"HRSC", 999, 1)))
    heard = await asyncio.wait_for(reader.read(), 2)
    assert b"start both from the same release" in heard
    writer.close()


async def test_sigterm_answers_what_was_asked_and_leaves_nothing(scorers: Scorers, client: ScorerClient) -> None:
    process = scorers.start()
    assert await client.start(10)
    assert stat.S_IMODE(scorers.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(scorers.path.parent.stat().st_mode) == 0o700
    asked = asyncio.create_task(client.score([user("sleep 0.4")], deadline=3))
    await asyncio.sleep(0.1)
    process.terminate()
    assert value((await asked)[0]) == expected(user("sleep 0.4"))
    assert await asyncio.to_thread(process.wait, 5) == 0
    assert not scorers.path.exists()


async def test_sigterm_ends_a_scorer_that_is_busy_for_longer_than_it_may(scorers: Scorers, client: ScorerClient) -> None:
    process = scorers.start()
    assert await client.start(10)
    asked = asyncio.create_task(client.score([user("sleep 60")], deadline=60))
    await asyncio.sleep(0.1)
    start = time.monotonic()
    process.terminate()
    with pytest.raises(ScorerUnavailable, match="closed"):
        await asked
    assert await asyncio.to_thread(process.wait, 5) == 0
    assert 2.5 < time.monotonic() - start < 8
    assert not scorers.path.exists()


async def test_a_second_scorer_does_not_start_and_a_stale_socket_does_not_stop_one(
    scorers: Scorers, client: ScorerClient
) -> None:
    first = scorers.start()
    assert await client.start(10)
    second = scorers.start()
    assert await asyncio.to_thread(second.wait, 10) == 1
    assert second.stderr is not None
    assert b"ScorerRunning" in second.stderr.read()
    assert first.poll() is None
    assert len(await client.score([user("still here")], deadline=1)) == 1
    first.kill()
    await asyncio.to_thread(first.wait, 5)
    assert scorers.path.exists(), "a killed scorer leaves its socket"
    scorers.start()
    await until(lambda: client.healthy, 10)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_the_scorer_ends_with_its_supervisor(scorers: Scorers, client: ScorerClient, number: signal.Signals) -> None:
    script = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'tests.integration.scorer_child', sys.argv[1],"
        " '--parent-pid', str(os.getpid())])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", script, str(scorers.path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert supervisor.stdout is not None
    pid = int(supervisor.stdout.readline())
    try:
        assert await client.start(10)
        busy = asyncio.create_task(client.score([user("sleep 10")], deadline=20))
        await asyncio.sleep(0.1)
        supervisor.send_signal(number)
        supervisor.wait(5)
        with pytest.raises(ScorerUnavailable):
            await asyncio.wait_for(busy, 2)
        await until(lambda: not _alive(pid), 2)
    finally:
        supervisor.kill()
        supervisor.stdout.close()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_client_brings_nothing_heavy_into_a_gateway() -> None:
    script = (
        "import sys, json\n"
        "import detectors.scorer.client, detectors.scorer.fallback\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, timeout=30)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)} | set(json.loads(done.stdout))
    assert not loaded & {
        "torch", "numpy", "onnxruntime", "presidio_analyzer", "tokenizers", "transformers",
        "detectors.lexicon", "detectors.scorer.server", "detectors.scorer.tiers",
    }  # fmt: skip
