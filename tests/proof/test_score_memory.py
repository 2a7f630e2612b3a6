"""`handrail score` in constant memory: the peak of its resident size at 10,000 and at 100,000 rows, with the model."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import orjson

from detectors.corpus.reading import read_corpus
from tests.proof.record import record

_SIZES = (10_000, 100_000)
_MOST_GROWTH = 24 * 1024  # KiB


def _rows(path: Path, count: int) -> None:
    said = [(item.context, item) for item in read_corpus().items]
    with path.open("wb") as out:
        for n in range(count):
            context, item = said[n % len(said)]
            messages = [{"role": turn.speaker.value, "content": turn.text} for turn in context]
            role = "user" if item.side.value == "user" else "assistant"
            messages.append({"role": role, "content": f"{item.text} {n}"})
            out.write(orjson.dumps({"id": str(n), "messages": messages}) + b"\n")


def test_memory_stays_the_same_however_many_rows(tmp_path: Path) -> None:
    lines = []
    peaks = []
    for count in _SIZES:
        source, target = tmp_path / f"{count}.jsonl", tmp_path / f"{count}.out"
        _rows(source, count)
        command = [sys.executable, "-m", "guard.cli.main", "score", "--input", str(source), "--output", str(target)]
        began = time.monotonic()
        running = subprocess.Popen(command)
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        assert running.returncode == 0
        with target.open("rb") as out:
            assert sum(1 for _ in out) == count
        peaks.append(usage.ru_maxrss)
        lines.append(f"| {count:,} | {usage.ru_maxrss / 1024:.0f} MiB | {seconds:.0f} s | {count / seconds:.0f} |")
    assert peaks[1] - peaks[0] < _MOST_GROWTH, peaks
    table = "| rows | peak of the resident size | time | rows a second |\n|---|---|---|---|"
    record(
        "score-memory",
        f"`handrail score` with the model, rows of the corpus, each made distinct.\n\n{table}\n" + "\n".join(lines),
    )
