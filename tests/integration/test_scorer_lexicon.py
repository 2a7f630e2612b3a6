"""The scorer as it is installed: ``python -m detectors.scorer`` with the lexicon tier, and the fallback beside it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from detectors.contract import Item, Speaker, Utterance
from detectors.lexicon import LexiconScorer
from detectors.scorer.client import ScorerClient
from detectors.scorer.fallback import FallbackScorer
from detectors.scorer.process import stack_for
from detectors.signals import Scores, Side, Tier

ROOT = Path(__file__).resolve().parents[2]

ITEMS = [
    Item(Side.USER, "I can't go on like this, I want to die"),
    Item(Side.USER, "this bug is killing me, but the day was fine"),
    Item(Side.USER, "yes", question=2, language="en"),
    Item(Side.REPLY, "I'm sorry, I can't talk about that.", (Utterance(Speaker.USER, "I feel hopeless"),), whole=True),
    Item(Side.USER, ""),
    Item(Side.USER, "\ud800 broken \udfff"),
]


def seen(scores: Scores) -> tuple[object, ...]:
    return (dict(scores.answered()), dict(scores.spans), dict(scores.tags), scores.language, scores.model)


async def test_the_process_says_what_the_lexicon_says_and_so_does_the_fallback(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s"
    command = [sys.executable, "-m", "detectors.scorer", str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    client = ScorerClient(path)
    reasons: list[str] = []
    scorer = FallbackScorer(client, on_failure=reasons.append)
    here = LexiconScorer()
    try:
        assert await client.start(20)
        over_the_socket = await client.score(ITEMS, deadline=10)
        assert [seen(scores) for scores in over_the_socket] == [
            seen(tiered.scores) for tiered in stack_for("cpu", model=False).score(ITEMS) if tiered.scores is not None
        ]
        for item, scores in zip(ITEMS, over_the_socket, strict=True):
            assert dict(scores.answered()) == dict(here.score_one(item).answered())
        assert over_the_socket[0].get("risk.suicide").tier is Tier.LEXICON
        assert over_the_socket[0].value("risk.suicide") != over_the_socket[1].value("risk.suicide")

        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert second.returncode == 2
        assert "stop it first" in second.stderr

        process.kill()
        await asyncio.to_thread(process.wait, 10)
        fresh = [Item(Side.USER, f"{item.text} again") for item in ITEMS]
        in_process = await scorer.score(fresh, deadline=5)
        assert [seen(scores) for scores in in_process] == [seen(here.score_one(item)) for item in fresh]
        assert reasons
    finally:
        await client.close()
        process.kill()
        process.wait(10)
        if process.stderr is not None:
            process.stderr.close()


async def test_a_very_long_text_is_read_and_others_go_on(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s"
    process = subprocess.Popen([sys.executable, "-m", "detectors.scorer", str(path)], cwd=ROOT, stderr=subprocess.DEVNULL)
    client = ScorerClient(path, connections=2)
    try:
        assert await client.start(20)
        long = asyncio.create_task(client.score([Item(Side.USER, "some words of a long day " * 10_000)], deadline=60))
        await asyncio.sleep(0.05)
        await client.health(deadline=5)
        assert len(await client.score([Item(Side.USER, "short")], deadline=60)) == 1
        (scores,) = await long
        assert scores.covered
    finally:
        await client.close()
        process.terminate()
        process.wait(10)
