"""Processes as ``/proc`` shows them."""

from __future__ import annotations

import os
from pathlib import Path

from guard.telemetry.processes import family


def make(proc: Path, pid: int, parent: int, *command: str, kilobytes: int = 10, state: str = "S") -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} (a ) name) {state} {parent} 1 1")
    (folder / "cmdline").write_bytes(b"\0".join(word.encode() for word in command) + b"\0")
    (folder / "smaps_rollup").write_text(f"Rss: 999 kB\nPss:   {kilobytes} kB\nPss_Dirty: 5 kB\n")


def child(role: str) -> tuple[str, ...]:
    return ("python", "-m", "guard.supervise.children", role)


def test_each_role_has_its_processes_and_all_below_them(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    make(tmp_path, 10, 1, "handrail", "up")
    make(tmp_path, 11, 10, *child("gateway"))
    make(tmp_path, 12, 10, *child("gateway"), kilobytes=20)
    make(tmp_path, 13, 10, *child("worker"))
    make(tmp_path, 14, 13, "python", kilobytes=7)
    make(tmp_path, 15, 14, "python", kilobytes=5)
    make(tmp_path, 16, 10, *child("scorer"), state="Z")  # it has ended
    make(tmp_path, 17, 10, "postgres")
    make(tmp_path, 20, 1, "handrail", "up")  # another installation
    make(tmp_path, 21, 20, *child("gateway"))
    (tmp_path / "99").mkdir()  # it ended while we looked
    assert family(tmp_path, 11) == {"gateway": (2, 30 * 1024), "worker": (1, 22 * 1024)}


def test_without_a_supervisor_it_is_this_process_alone(tmp_path: Path) -> None:
    make(tmp_path, 11, 1, "handrail", "serve")
    make(tmp_path, 12, 1, *child("gateway"))
    assert family(tmp_path, 11) == {"gateway": (1, 10 * 1024)}


def test_this_very_process_has_a_size() -> None:
    [(role, (number, size))] = family(own=os.getpid()).items()
    assert (role, number) == ("gateway", 1)
    assert size > 1024 * 1024
