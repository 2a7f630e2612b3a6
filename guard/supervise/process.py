"""Keeps one program running: started until it is ready, started again when it dies, ended when told."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guard.errors import HandrailError, StartFailed
from guard.supervise.spawn import bury, open_log, spawn, tail

__all__ = ["Incident", "Keeper", "Program", "delay", "ended", "fault_of", "trim_log"]

_log = logging.getLogger(__name__)

_FIRST_DELAY: Final = 0.2
_LONGEST_DELAY: Final = 15.0
_STABLE_SECONDS: Final = 60.0  # after so long a death counts as the first again
_PROBE_SECONDS: Final = 0.05
_LOG_BYTES: Final = 4 * 1024 * 1024


def delay(deaths: int) -> float:
    """Seconds to wait before the start that follows the ``deaths``-th death in a row: doubling, at most 15 s."""
    return min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(deaths - 1, 16)) if deaths > 0 else 0.0


def fault_of(error: Exception) -> str:
    """What went wrong, for :class:`Incident`: our own sentence, the system's, or the error's kind."""
    if isinstance(error, HandrailError):
        return str(error)
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. ``ready``: asked until it is true; ``None`` where being started is all. ``answers``: where a program
    works before it is ready, asked instead once it was started again. ``ready_seconds``: for that, at each start;
    ``first_seconds``: at the first, where that may take longer. ``files``: kept open in it."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    ready: Callable[[], Awaitable[bool]] | None = None
    ready_seconds: float = 30.0
    first_seconds: float = 0.0
    answers: Callable[[], Awaitable[bool]] | None = None
    files: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Incident:
    """A program died (``back`` false: how, and when it is started again) or is ready again (``back`` true). ``fault``: why
    it could not even be started; ``pid`` is 0 then."""

    name: str
    back: bool
    pid: int
    status: int = 0
    deaths: int = 0
    wait: float = 0.0
    fault: str = ""

    def __str__(self) -> str:
        if self.back:
            return f"{self.name} is back (process {self.pid})"
        if self.fault:
            return f"{self.name} could not be started ({self.fault}); trying again in {self.wait:.1f} s"
        return f"{self.name} (process {self.pid}) {_end_of(self.status)}; starting it again in {self.wait:.1f} s"


class Keeper:
    """Keeps ``program`` running from :meth:`start` to :meth:`stop`. ``tell`` hears of every death, failed start and return,
    and does not raise."""

    def __init__(self, program: Program, tell: Callable[[Incident], None]) -> None:
        self.program = program
        self._tell = tell
        self._child: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False
        self._began = 0.0

    @property
    def pid(self) -> int | None:
        """The process id of the living child."""
        return self._child.pid if self._child is not None and self._child.returncode is None else None

    @property
    def alive(self) -> bool:
        """Whether the child has not ended yet."""
        return self._child is not None and self._child.returncode is None and not _has_ended(self._child.pid)

    async def start(self) -> None:
        """Starts it and returns when it is ready. Raises :class:`StartFailed` with its last words."""
        self._spawn()
        seconds = max(self.program.ready_seconds, self.program.first_seconds)
        if not await self._until(self.program.ready, seconds):
            words, by_itself = tail(self.program.log), not self.alive
            status = self._bury()
            how = _end_of(status) if by_itself else f"was not ready within {seconds:.0f} s"
            raise StartFailed(f"{self.program.name} did not start: it {how}; the end of {self.program.log}:\n{words}")
        self._watch = asyncio.create_task(self._keep(), name=f"keep {self.program.name}")

    def ask_to_end(self) -> None:
        """SIGTERM; it is not started again."""
        self._stopping = True
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(signal.SIGTERM)

    async def stop(self, seconds: float) -> None:
        """Ends it: SIGTERM, and SIGKILL for its whole group after ``seconds``. Never raises, may be called at any point."""
        self.ask_to_end()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        if self._child is not None and self._child.returncode is None:
            await ended(self._child.pid, seconds)
        if self._child is not None:
            self._bury()

    async def _keep(self) -> None:
        deaths = 0
        while True:
            try:
                if (pid := self.pid) is not None:
                    await ended(pid)
                    if self._stopping:
                        return
                    lived = time.monotonic() - self._began
                    status = self._bury()
                    deaths = 1 if lived >= _STABLE_SECONDS else deaths + 1
                    self._tell(Incident(self.program.name, False, pid, status, deaths, delay(deaths)))
                    await asyncio.sleep(delay(deaths))
                if self._stopping:
                    return
                child = self._spawn()
                if await self._until(self.program.answers or self.program.ready, self.program.ready_seconds):
                    self._tell(Incident(self.program.name, True, child.pid))
                elif child.returncode is None:
                    child.kill()  # alive and mute: the next round starts it anew
            except Exception as error:  # no memory, process or descriptor to be had: nobody else would try again
                deaths += 1
                _log.exception("a program could not be started", extra={"component": self.program.name})
                self._tell(Incident(self.program.name, False, 0, deaths=deaths, wait=delay(deaths), fault=fault_of(error)))
                await asyncio.sleep(delay(deaths))

    def _spawn(self) -> subprocess.Popen[bytes]:
        log = open_log(self.program.log)
        try:
            child = spawn(self.program.command, environment=self.program.environment, log=log, files=self.program.files)
        finally:
            os.close(log)
        self._child, self._began = child, time.monotonic()
        return child

    async def _until(self, probe: Callable[[], Awaitable[bool]] | None, seconds: float) -> bool:
        assert self._child is not None  # noqa: S101  (spawned by the caller)
        if probe is None:
            return True
        until = time.monotonic() + seconds
        while time.monotonic() < until and not _has_ended(self._child.pid):
            if await probe():
                return True
            await asyncio.sleep(_PROBE_SECONDS)
        return False

    def _bury(self) -> int:
        return bury(self._child) if self._child is not None else 0


async def ended(pid: int, seconds: float | None = None) -> bool:
    """Waits until process ``pid``, a child that was not reaped, has ended; whether it did within ``seconds``."""
    try:
        file = os.pidfd_open(pid)
    except OSError:  # no descriptor is left
        return await _ended_by_looking(pid, seconds)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(file, over.set)
    try:
        async with asyncio.timeout(seconds):
            await over.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(file)
        os.close(file)
    return True


async def _ended_by_looking(pid: int, seconds: float | None) -> bool:
    until = time.monotonic() + (float("inf") if seconds is None else seconds)
    while not _has_ended(pid):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(_PROBE_SECONDS)
    return True


def _end_of(status: int) -> str:
    """How a program came to its end: with a status, or by a signal, which the system's real-time ones have no name for."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def trim_log(path: Path) -> None:
    """Moves what a log holds to ``path.1`` when it has grown over 4 MiB. Its writer appends, and so goes on at the start;
    a line that is written in between may be lost."""
    try:
        if path.stat().st_size > _LOG_BYTES:
            path.with_name(path.name + ".1").write_bytes(path.read_bytes())
            os.truncate(path, 0)
    except FileNotFoundError:
        return
