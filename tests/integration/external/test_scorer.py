"""The scorer process with a pack, over its socket: what is served, merged, remembered and counted."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors.contract import Item
from detectors.external.tier import ExternalTier
from detectors.scorer.client import ScorerClient
from detectors.scorer.process import LexiconTier, stack_for
from detectors.scorer.tiers import Stack
from detectors.signals import Side, Tier
from tests.integration.external.tiny import pack

ROOT = Path(__file__).resolve().parents[3]
STORM = "we walk home by the sea with thunder today"


class Processes:
    """Scorer processes of a test."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "run" / "s"
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Runs ``python -m detectors.scorer``."""
        command = [sys.executable, "-m", "detectors.scorer", str(self.path), "--device", "cpu", *options]
        self._started.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True))
        return self._started[-1]

    def end(self) -> None:
        """Ends what still runs."""
        for process in self._started:
            process.kill()
            process.communicate(timeout=20)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    found = Processes(tmp_path)
    yield found
    found.end()


async def test_a_pack_is_served_over_the_socket(weather: Path, tmp_path: Path, processes: Processes) -> None:
    signals = "screen.anxiety: storm\nrisk.self_harm: {labels: [storm], use: highest}"
    file = pack(weather, signals, file=tmp_path / "p.yaml")
    process = processes.start("--pack", str(file))
    client = ScorerClient(processes.path)
    try:
        assert await client.start(120)
        items = [
            Item(Side.USER, STORM, language="en"),
            Item(Side.USER, "the sky is blue today", language="en"),
            Item(Side.USER, "i cut myself again last night", language="en"),
            Item(Side.USER, "wir gehen heute mit dem Hund ans Meer und essen Brot", language="de"),
            Item(Side.REPLY, STORM, language="en"),
        ]
        storm, plain, words, german, reply = await client.score(items, deadline=30)
        assert storm.get("screen.anxiety").tier is Tier.FULL
        assert (storm.value("screen.anxiety") or 0) > 0.9 > 0.1 > (plain.value("screen.anxiety") or 1)
        assert storm.model.startswith("weather@")
        [alone] = ExternalTier.load(file).score(items[2:3])
        raised = math.sqrt(0.9 * (alone.value("risk.self_harm") or 0))
        assert words.value("risk.self_harm") == pytest.approx(raised, rel=0.05), "the lexicon's explicit word raises it"
        assert raised > 2 * (alone.value("risk.self_harm") or 1)
        assert german.value("screen.anxiety") is None
        assert german.covered
        assert reply.value("screen.anxiety") is None
        report = await client.health(deadline=5)
        assert next(iter(report["tiers"])).startswith("weather@")
        assert all(tier["answers"] and not tier["failures"] for tier in report["tiers"].values())
        assert report["revision"] == Stack([ExternalTier.load(file), LexiconTier()]).revision
    finally:
        await client.close()
    process.terminate()
    assert process.wait(20) == 0


def test_the_memo_knows_one_pack_from_another(weather: Path, tmp_path: Path) -> None:
    def revision(signals: str) -> str:
        return Stack([ExternalTier.load(pack(weather, signals, file=tmp_path / "p.yaml"))]).revision

    first = revision("distress: storm")
    assert revision("distress: storm") == first
    assert revision("distress: {labels: [storm], use: highest}") != first
    assert revision("distress: {labels: [storm], calibration: {slope: 1, offset: 1}}") != first


def test_a_scorer_with_a_pack_that_cannot_be_used_does_not_start(
    weather: Path, tmp_path: Path, processes: Processes
) -> None:
    file = pack(weather, "distres: storm", file=tmp_path / "p.yaml")
    _, said = processes.start("--pack", str(file)).communicate(timeout=60)
    assert f"the scorer cannot start: {file}:9: 'distres' is no signal; did you mean 'distress'?" in said


def test_the_shipped_model_and_a_pack_answer_side_by_side(weather: Path, tmp_path: Path) -> None:
    from detectors.encoder.manifest import shipped

    assert shipped() is not None
    signals = (
        "distress: {labels: [storm], use: highest}\nemotion.joy: {labels: [storm], use: replace}\nscreen.anxiety: storm"
    )
    with_pack = stack_for("cpu", packs=[pack(weather, signals, file=tmp_path / "p.yaml")])
    alone = stack_for("cpu")
    item = Item(Side.USER, STORM, language="en")
    [told], [before] = with_pack.score([item]), alone.score([item])
    assert told.scores is not None
    assert before.scores is not None
    for name, value in before.scores.answered():
        if name not in ("distress", "emotion.joy", "screen.anxiety"):
            assert told.scores.value(name) == value
    assert (told.scores.value("distress") or 0) >= (before.scores.value("distress") or 0)
    assert (told.scores.value("emotion.joy") or 0) > 0.9 > (before.scores.value("emotion.joy") or 0)
    assert told.scores.model.startswith(f"{alone.model}+weather@")
    assert with_pack.model == alone.model
    assert with_pack.revision != alone.revision
