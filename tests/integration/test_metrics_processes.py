"""Metrics of several real processes, read as one: right while they run, when one is killed, and when it comes back."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from guard.errors import StartFailed
from guard.telemetry.exposition import VARIABLE, prepare, retire

ROOT = Path(__file__).resolve().parents[2]
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Child:
    """One process with metrics."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.metrics_child"],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != VARIABLE} | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def __call__(self, name: str, *arguments: Any) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        answer: str = json.loads(self._process.stdout.readline())
        return answer

    def samples(self) -> Samples:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(self("render"))
            for sample in family.samples
        }

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


Start = Callable[[], Child]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


@pytest.fixture
def start(directory: Path) -> Iterator[Start]:
    variables = prepare(directory)
    children: list[Child] = []

    def make() -> Child:
        children.append(Child(variables))
        return children[-1]

    yield make
    for child in children:
        child.kill()


TURN = ("handrail_turns_total", (("action", "allow"), ("protocol", "chat.completions"), ("status", "full")))


def test_counts_add_up_over_processes_deaths_and_restarts(start: Start, directory: Path) -> None:
    one, two, three = start(), start(), start()
    for times, child in enumerate((one, two, three), 1):
        child("many", times)
    assert one.samples() == two.samples() == three.samples()
    assert one.samples()[TURN] == 6
    assert one.samples()["handrail_stage_seconds_count", (("stage", "score"),)] == 6
    assert one.samples()["handrail_stage_seconds_bucket", (("le", "0.005"), ("stage", "score"))] == 6

    three.kill()
    assert one.samples()[TURN] == 6
    retire(directory, three.pid)
    assert one.samples()[TURN] == 6
    assert not list(directory.glob(f"*_{three.pid}.db"))
    two.kill()
    retire(directory, two.pid)
    again = start()
    again("many", 10)
    assert again.samples()[TURN] == 16
    assert again.samples()["handrail_stage_seconds_sum", (("stage", "score"),)] == pytest.approx(16 * 0.003)


def test_gauges_tell_what_is_true_now(start: Start, directory: Path) -> None:
    one, two = start(), start()
    one("policy", "aaa", "core-safety")
    two("policy", "aaa", "core-safety")
    one("journal_bytes", 100)
    two("journal_bytes", 50)
    one("outbox_waiting", 7)
    one("cases", [4, "open", 2])
    two("alert", "scorer-away", True)
    one("alert", "scorer-away", False)
    got = one.samples()
    assert got["handrail_policy_info", (("hash", "aaa"), ("name", "core-safety"))] == 1
    assert got["handrail_journal_bytes", ()] == 150
    assert got["handrail_outbox_waiting", ()] == 7
    assert got["handrail_cases", (("severity", "4"), ("state", "open"))] == 2
    assert got["handrail_operational_alerts", (("kind", "scorer-away"),)] == 1

    two("policy", "bbb", "core-safety")  # a roll-over seen half way: both are true
    two("outbox_waiting", 3)
    two("cases", [4, "acknowledged", 2])
    got = one.samples()
    assert {labels[0][1] for (name, labels) in got if name == "handrail_policy_info"} == {"aaa", "bbb"}
    assert got["handrail_outbox_waiting", ()] == 3
    assert got["handrail_cases", (("severity", "4"), ("state", "open"))] == 0
    assert got["handrail_cases", (("severity", "4"), ("state", "acknowledged"))] == 2
    one("policy", "bbb", "core-safety")

    two.kill()
    retire(directory, two.pid)
    got = one.samples()
    assert {labels[0][1] for (name, labels) in got if name == "handrail_policy_info"} == {"bbb"}
    assert got["handrail_operational_alerts", (("kind", "scorer-away"),)] == 0, "only the dead one saw it"
    assert got["handrail_journal_bytes", ()] == 100
    assert got["handrail_outbox_waiting", ()] == 3, "the database's number stands until somebody reads it again"
    one("outbox_waiting", 0)
    assert one.samples()["handrail_outbox_waiting", ()] == 0


def test_nobody_ever_sees_a_total_go_back(start: Start, directory: Path) -> None:
    reader = start()
    reader("many", 5)
    seen: list[float] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.append(reader.samples()[TURN])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(4):
            child = start()
            child("many", 100)
            child.kill()
            retire(directory, child.pid)
    finally:
        stop.set()
        watcher.join()
    assert seen == sorted(seen)
    assert reader.samples()[TURN] == 405
    assert len(list(directory.glob("*.db"))) <= 10, "the dead share their files"


def test_nobody_reads_while_the_dead_are_booked_off(start: Start, directory: Path) -> None:
    reader = start()
    done = threading.Event()
    with (directory / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        def read() -> None:
            reader("render")
            done.set()

        thread = threading.Thread(target=read)
        thread.start()
        assert not done.wait(0.3)
    thread.join(5)
    assert done.is_set()


def test_what_a_killed_process_left_half_made_stops_nobody(start: Start, directory: Path) -> None:
    child = start()
    child("many", 2)
    (directory / "counter_999999.db").touch()
    (directory / "histogram_999999.db").write_bytes(b"\xff\xff\xff\x7f" + b"junk" * 8)
    retire(directory, 999999)
    assert child.samples()[TURN] == 2
    assert not list(directory.glob("*_999999.db"))
    (directory / "counter_999998.db").touch()
    assert child.samples()[TURN] == 2


def test_an_earlier_runs_numbers_are_gone_and_nothing_else_is(start: Start, directory: Path, tmp_path: Path) -> None:
    child = start()
    child("many", 2)
    child.kill()
    kept = directory / "notes.txt"
    kept.write_text("x")
    variables = prepare(directory)
    assert variables == {"PROMETHEUS_MULTIPROC_DIR": str(directory)}
    assert kept.exists()
    assert start().samples()[TURN] == 0
    link = tmp_path / "link"
    link.symlink_to(directory)
    with pytest.raises(StartFailed, match="is a link"):
        prepare(link)


def test_a_process_alone_needs_no_folder() -> None:
    alone = Child({})
    try:
        alone("many", 3)
        assert alone.samples()[TURN] == 3
    finally:
        alone.kill()


@pytest.mark.parametrize("folder", ["nowhere", ""])
def test_a_missing_folder_is_an_error_that_says_so(tmp_path: Path, folder: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from guard.telemetry.metrics import Metrics; Metrics()"],
        cwd=ROOT,
        env=os.environ | {VARIABLE: str(tmp_path / folder) if folder else ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert "which is no folder" in done.stderr
