"""What the supervisor does while everything runs: PostgreSQL, with a program in its place, and the logs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from rich.console import Console

from guard.errors import StartFailed
from guard.settings import Settings
from guard.supervise.paths import Paths
from guard.supervise.postgres import EmbeddedPostgres
from guard.supervise.screen import Screen
from guard.supervise.up import _Supervisor


class Stub:
    """Starts a program that only sleeps, after as many failures as it is given."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.child: subprocess.Popen[bytes] | None = sleeper()

    async def restart(self) -> None:
        """As the real one: nothing runs after a failure."""
        self.child = None
        if self.failures:
            raise self.failures.pop(0)
        self.child = sleeper()


def sleeper() -> subprocess.Popen[bytes]:
    """A program that lives until it is killed."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def made(folder: Path, shown: StringIO) -> _Supervisor:
    """A supervisor that has started nothing, and shows what it hears in ``shown``."""
    settings: dict[str, Any] = {"data_dir": folder}
    return _Supervisor(Settings(**settings), Screen(Console(file=shown)), Paths.of(folder).prepare())


async def test_logs_are_cut_also_after_the_disk_was_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be cut keeps none of the others from it, and is tried again."""
    monkeypatch.setattr("guard.supervise.up._TRIM_SECONDS", 0.01)
    logs = Paths.of(tmp_path).prepare().logs
    for name in ("gateway.log", "scorer.log", "worker.log"):
        (logs / name).write_bytes(b"x" * (4 * 1024 * 1024 + 1))
    full = logs / "scorer.log.1"
    full.symlink_to("/dev/full")
    trimming = asyncio.create_task(made(tmp_path, StringIO())._trim())
    try:
        async with asyncio.timeout(5):
            while [path.name for path in logs.glob("*.log") if path.stat().st_size] != ["scorer.log"]:
                assert not trimming.done(), trimming.exception()
                await asyncio.sleep(0.02)
            full.unlink()
            while (logs / "scorer.log").stat().st_size:
                await asyncio.sleep(0.02)
    finally:
        trimming.cancel()
    assert full.stat().st_size == 4 * 1024 * 1024 + 1


async def test_postgres_is_started_again_whatever_its_start_failed_of(tmp_path: Path) -> None:
    """Also of what no sentence of ours tells; each failure is shown."""
    shown = StringIO()
    supervisor = made(tmp_path, shown)
    stub = Stub(psycopg.OperationalError("the server closed the connection"), StartFailed("it was not ready"))
    assert stub.child is not None
    watch = asyncio.create_task(supervisor._keep(cast(EmbeddedPostgres, stub)))
    stub.child.kill()
    try:
        async with asyncio.timeout(5):
            while "is back" not in shown.getvalue():
                assert not watch.done()
                await asyncio.sleep(0.02)
    finally:
        watch.cancel()
        if stub.child is not None:
            stub.child.kill()
            stub.child.wait()
    lines = [line.strip() for line in shown.getvalue().splitlines()]
    assert "was ended by SIGKILL" in lines[0]
    assert lines[1:3] == [
        "postgres could not be started (OperationalError); trying again in 0.4 s",
        "postgres could not be started (it was not ready); trying again in 0.8 s",
    ]
