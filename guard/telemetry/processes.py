"""The processes of this machine's Handrail, read from ``/proc``: those with the same supervisor, and all below them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["family"]

_PROC: Final = Path("/proc")
_SUPERVISED: Final = b"guard.supervise.children"
_OWN_ROLE: Final = "gateway"


def family(proc: Path = _PROC, own: int | None = None) -> Mapping[str, tuple[int, int]]:
    """Of each role: how many processes the supervisor started, and the bytes that these and their children hold, each
    shared page counted by its share. Without a supervisor it is this process alone. Raises ``OSError`` without ``/proc``."""
    own = own or os.getpid()
    parents, roles = _look(proc)
    siblings = {pid: role for pid, role in roles.items() if parents.get(pid) == parents.get(own)}
    if own not in siblings:
        siblings = {own: _OWN_ROLE}
    below: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        below.setdefault(parent, []).append(pid)
    found: dict[str, tuple[int, int]] = {}
    for pid, role in siblings.items():
        number, size = found.get(role, (0, 0))
        tree = [pid]
        for one in tree:
            tree.extend(below.get(one, ()))
            size += _held(proc / str(one))
        found[role] = number + 1, size
    return found


def _look(proc: Path) -> tuple[dict[int, int], dict[int, str]]:
    """Every living process's parent, and the role of those that a supervisor started."""
    parents, roles = {}, {}
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_text("ascii", "replace").rsplit(")", 1)[1].split()[:2]
            if state in ("Z", "X"):
                continue
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile, or is somebody else's
            continue
        parents[int(entry.name)] = int(parent)
        if _SUPERVISED in command[:-1]:
            roles[int(entry.name)] = command[command.index(_SUPERVISED) + 1].decode("ascii", "replace")
    return parents, roles


def _held(process: Path) -> int:
    try:
        for line in (process / "smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
