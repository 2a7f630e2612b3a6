"""One child process: how it is started and how it is ended."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guard.errors import StartFailed

__all__ = ["AS_CALLER", "Standing", "bury", "end", "open_log", "spawn", "tail"]

_LAUNCHER: Final = Path(__file__).with_name("launch.py")
_LOG_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Standing:
    """As whom a child runs: as the caller, as ``map_uid`` in a user namespace, or as user ``uid``."""

    map_uid: int | None = None
    uid: int | None = None
    gid: int | None = None

    def options(self) -> list[str]:
        """For the launcher."""
        if self.map_uid is not None:
            return ["--map-uid", str(self.map_uid)]
        if self.uid is not None:
            return ["--uid", str(self.uid), "--gid", str(self.gid)]
        return []


AS_CALLER: Final = Standing()


def spawn(
    program: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: int = subprocess.DEVNULL,
    death_signal: int = signal.SIGKILL,
    standing: Standing = AS_CALLER,
    files: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Starts ``program`` in a process group of its own, with ``log`` for both its outputs and ``files`` kept open.

    The kernel sends it ``death_signal`` when this thread ends; hence only the main thread may start children.
    """
    if threading.current_thread() is not threading.main_thread():
        raise StartFailed("children are started from the main thread only: they end with the thread that started them")
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), "--parent", str(os.getpid()), "--signal", str(int(death_signal))]
    return subprocess.Popen(
        [*launcher, *standing.options(), "--", *program],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=tuple(files),
        process_group=0,
    )


def end(child: subprocess.Popen[bytes], steps: Sequence[tuple[int, float]]) -> None:
    """Ends ``child`` and its group: each step is a signal and how many seconds to wait after it; at the end SIGKILL."""
    for number, seconds in steps:
        if not _signal(child, number) or _over(child, seconds):
            break
    bury(child)


def bury(child: subprocess.Popen[bytes]) -> int:
    """SIGKILL for ``child`` and whatever is left of its group; returns its status when it is gone.

    The group goes before its leader is reaped: until then nobody else can get that number.
    """
    if child.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    return child.wait()


def _signal(child: subprocess.Popen[bytes], number: int) -> bool:
    if child.returncode is not None:
        return False
    with suppress(ProcessLookupError):
        os.kill(child.pid, number)
    return True


def _over(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether ``child`` ended within ``seconds``. Does not reap it."""
    file = os.pidfd_open(child.pid)
    try:
        watch = select.poll()
        watch.register(file, select.POLLIN)
        return bool(watch.poll(seconds * 1000))
    finally:
        os.close(file)


def open_log(path: Path) -> int:
    """A descriptor that appends to ``path``. A log that has grown over 4 MiB becomes ``path.1`` first: two files at most."""
    try:
        if path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_name(path.name + ".1"))
    except FileNotFoundError:
        pass
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def tail(path: Path, lines: int = 5) -> str:
    """The last lines of a log, for an error's message."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 4096))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
