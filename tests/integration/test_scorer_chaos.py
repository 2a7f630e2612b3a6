"""Many users, and a scorer that is killed, stopped and restarted all the while: every call ends in time with true scores."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from detectors.contract import Item
from detectors.scorer.client import ScorerClient
from detectors.scorer.fallback import FallbackScorer
from detectors.signals import Scores, Side
from tests.unit.detectors.scorer.tiers import FIRST, expected

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 4.0
SLACK = 0.25  # seconds past a deadline, on a machine that others use too
TICK = 0.01  # seconds


class Local:
    """What is asked when the scorer is away; it says the same under another name."""

    def score_one(self, item: Item) -> Scores:
        return Scores.of(item.side, "local@1", {FIRST[item.side]: expected(item)})


def text(rng: random.Random) -> str:
    return rng.choice(
        [
            f"sleep {rng.random() * 0.05:.3f} {rng.random()}",
            f"again {rng.randint(0, 200)}",
            "x" * rng.randint(0, 30_000),
            "fail",
            f"new {rng.random()}",
        ]
    )


class Pulse:
    """Counts for how long this process itself stood still, which no deadline in it can help: garbage, a busy machine."""

    def __init__(self) -> None:
        self.stood = 0.0

    async def beat(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK)
            self.stood += max(0.0, time.monotonic() - before - 2 * TICK)


async def test_every_call_ends_in_time_with_true_scores(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s"
    end = time.monotonic() + SECONDS
    reasons: Counter[str] = Counter()
    models: Counter[str] = Counter()
    late: list[float] = []
    pulse = Pulse()

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.integration.scorer_child", str(path), "--queued", "64", "--memo", "200"]
        return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)

    async def user(scorer: FallbackScorer, rng: random.Random) -> None:
        while time.monotonic() < end:
            items = [Item(Side.USER, text(rng)) for _ in range(rng.randint(1, 4))]
            deadline = rng.choice([0.01, 0.1, 0.5])
            began, stood = time.monotonic(), pulse.stood
            call = asyncio.create_task(scorer.score(items, deadline=deadline))
            if rng.random() < 0.1:
                await asyncio.sleep(rng.random() * 0.02)
                call.cancel()
            try:
                got = await call
            except asyncio.CancelledError:
                continue
            over = time.monotonic() - began - deadline
            if over > SLACK:
                await asyncio.sleep(3 * TICK)  # a standstill counts with the beat after it
                if over - (pulse.stood - stood) > SLACK:
                    late.append(over)
            assert [scores.value(FIRST[scores.side]) for scores in got] == [expected(item) for item in items]
            models.update(scores.model for scores in got)
            await asyncio.sleep(rng.random() * 0.01)

    async def disturb(process: subprocess.Popen[bytes], rng: random.Random) -> subprocess.Popen[bytes]:
        while time.monotonic() < end - 1:
            await asyncio.sleep(rng.random())
            how = rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
            process.send_signal(how)
            if how is signal.SIGSTOP:
                await asyncio.sleep(rng.random() * 0.5)
                process.send_signal(signal.SIGCONT)
            else:
                await asyncio.to_thread(process.wait, 10)
                await asyncio.sleep(rng.random() * 0.2)
                process = await asyncio.to_thread(start)
        return process

    clients = [ScorerClient(path, connections=1 + at % 2, memo_entries=50) for at in range(3)]
    scorers = [FallbackScorer(client, Local, on_failure=lambda reason: reasons.update([reason])) for client in clients]
    process = start()
    beating = asyncio.create_task(pulse.beat())
    try:
        assert await clients[0].start(10)
        disturbing = asyncio.create_task(disturb(process, random.Random(3)))
        await asyncio.gather(*(user(scorers[at % 3], random.Random(at)) for at in range(24)))
        process = await disturbing
        assert all([await client.start(10) for client in clients]), "it is found again by itself"
        assert late == []
        assert models["digest@1"] > 0
        assert models["local@1"] > 0
        assert reasons["closed"] > 0
        assert [client.pending for client in clients] == [0, 0, 0]
        await asyncio.sleep(0.2)
        report = await clients[0].health(deadline=2)
        assert report["queued"] == report["running"] == 0
    finally:
        beating.cancel()
        for client in clients:
            await client.close()
        process.kill()
        process.wait(10)
