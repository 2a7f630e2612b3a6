"""A real `handrail up` for tests, and the processes below it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guard.supervise.paths import Paths
from guard.supervise.postgres import EmbeddedPostgres

__all__ = ["ROOT", "Running", "alive", "descendants", "start"]

ROOT = Path(__file__).parents[1]


@dataclass
class Running:
    """A `handrail up` that was started."""

    home: Path
    process: subprocess.Popen[str]
    output: Path

    @property
    def address(self) -> str:
        """Where its gateway listens."""
        return Paths.of(self.home).address.read_text().strip()

    @property
    def url(self) -> str:
        """Its database."""
        return EmbeddedPostgres(self.home).url

    def until(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        """Waits for a condition."""
        limit = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, f"it ended:\n{self.output.read_text()}"
            assert time.monotonic() < limit, f"it did not come true in time:\n{self.output.read_text()}"
            time.sleep(0.05)

    def children(self) -> dict[int, str]:
        """Living processes that it started, and those that they started, with their command lines."""
        return descendants(self.process.pid)

    def ask(self, text: str, **headers: str) -> tuple[dict[str, Any], dict[str, str]]:
        """One turn: the reply's body and headers."""
        key = (self.home / "first-key").read_text().strip()
        body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": text}]}).encode()
        request = urllib.request.Request(  # noqa: S310
            f"{self.address}/v1/chat/completions",
            body,
            {"authorization": f"Bearer {key}", "content-type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
            return json.load(reply), {name.lower(): value for name, value in reply.headers.items()}

    def end(self) -> None:
        """Ends what is left of it, however the test went."""
        if self.process.poll() is None:
            self.process.kill()  # its children end with it
            self.process.wait(10)

    def ready(self) -> bool:
        """Whether /readyz answers 200."""
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=5) as reply:  # noqa: S310
                return bool(reply.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def descendants(root: int) -> dict[int, str]:
    """All living processes below ``root``. A zombie does not live."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if state not in ("Z", "X"):
                parents[int(entry.name)], names[int(entry.name)] = int(parent), command
    found: dict[int, str] = {}
    frontier = {root}
    while frontier:
        frontier = {pid for pid, parent in parents.items() if parent in frontier and pid not in found}
        found |= {pid: names[pid] for pid in frontier}
    return found


def alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def start(home: Path, *arguments: str, **variables: str) -> Running:
    """Starts one on a free port, with variables of the environment, and waits until it is up."""
    home.parent.mkdir(parents=True, exist_ok=True)
    output = home.with_suffix(".out")
    before = output.stat().st_size if output.exists() else 0
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HANDRAIL_")}
    environment |= variables
    with output.open("a") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "guard.cli.main", "up", "--port", "0", "--data-dir", str(home), *arguments],
            cwd=ROOT, env=environment, stdout=out, stderr=out, text=True,
        )  # fmt: skip
    running = Running(home, process, output)
    try:
        running.until(lambda: b"Handrail is up after" in output.read_bytes()[before:], 120)
    except BaseException:
        running.end()
        raise
    return running
