"""A kept program: ready, dead, back again, ended. With real processes."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.errors import StartFailed
from guard.supervise.process import Incident, Keeper, Program, delay, ended, trim_log
from guard.supervise.spawn import spawn

ENVIRONMENT = {"PATH": os.environ["PATH"]}


async def yes() -> bool:
    return True


def program(folder: Path, code: str, **more: object) -> Program:
    """A Python program that runs ``code``."""
    given_: dict[str, object] = {"name": "sample", "ready": yes, **more}
    return Program(command=(sys.executable, "-c", code), environment=ENVIRONMENT, log=folder / "sample.log", **given_)  # type: ignore[arg-type]


async def until(condition: object, seconds: float = 5.0) -> None:
    """Waits for a condition."""
    limit = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < limit, "it did not come true in time"
        await asyncio.sleep(0.01)


@given(st.integers(min_value=0, max_value=10_000))
def test_the_delay_grows_and_stays_bounded(deaths: int) -> None:
    """Nothing at first, then doubling, never over 15 s: a program that always dies costs next to nothing."""
    assert 0.0 <= delay(deaths) <= delay(deaths + 1) <= 15.0
    assert (delay(0), delay(1), delay(2), delay(100)) == (0.0, 0.2, 0.4, 15.0)


async def test_a_killed_program_comes_back_and_both_are_told(tmp_path: Path) -> None:
    """SIGKILL of the child: one incident, a new process, one return."""
    told: list[Incident] = []
    keeper = Keeper(program(tmp_path, "import time; time.sleep(60)"), told.append)
    await keeper.start()
    first = keeper.pid or 0
    os.kill(first, signal.SIGKILL)
    await until(lambda: len(told) == 2)
    assert [incident.back for incident in told] == [False, True]
    assert "SIGKILL" in str(told[0])
    assert keeper.pid not in (None, 0, first)
    await keeper.stop(2.0)
    assert not keeper.pid
    assert len(told) == 2


async def test_a_program_that_ends_at_once_is_a_failed_start_with_its_last_words(tmp_path: Path) -> None:
    """The sentence of the program is in the error."""
    keeper = Keeper(program(tmp_path, "import sys; sys.exit('no policy is here')", ready=no), print)
    with pytest.raises(StartFailed, match=r"(?s)ended with status 1.*no policy is here"):
        await keeper.start()
    assert keeper.pid is None


async def test_a_program_that_is_killed_while_it_starts_is_not_called_slow(tmp_path: Path) -> None:
    """A fault in its code, or the kernel for want of memory: the signal is what leads to the cause."""
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    keeper = Keeper(program(tmp_path, code, ready=no), print)
    with pytest.raises(StartFailed, match="sample did not start: it was ended by SIGSEGV; the end of"):
        await keeper.start()
    assert keeper.pid is None


async def no() -> bool:
    return False


async def test_a_program_that_never_gets_ready_is_ended(tmp_path: Path) -> None:
    """Alive and mute is not started."""
    keeper = Keeper(program(tmp_path, "import time; time.sleep(60)", ready=no, ready_seconds=0.3), print)
    with pytest.raises(StartFailed, match="was not ready within 0 s"):
        await keeper.start()
    assert keeper.pid is None


async def test_a_program_that_answers_and_never_gets_ready_is_left_to_work(tmp_path: Path) -> None:
    """Started again it is back as soon as it answers, and lives on; one that is mute is killed when its time is over."""
    told: list[Incident] = []
    allowed = iter([True])
    sample = program(
        tmp_path, "import time; time.sleep(60)", ready=lambda: said(next(allowed, False)), ready_seconds=0.3, answers=yes
    )
    keeper = Keeper(sample, told.append)
    await keeper.start()
    os.kill(keeper.pid or 0, signal.SIGKILL)
    await until(lambda: len(told) == 2)
    await asyncio.sleep(0.5)
    assert [incident.back for incident in told] == [False, True]
    assert keeper.alive
    await keeper.stop(1.0)
    allowed = iter([True])
    mute = Keeper(replace(sample, answers=None), told.append)
    await mute.start()
    os.kill(mute.pid or 0, signal.SIGKILL)
    await until(lambda: len(told) == 4)
    assert [incident.back for incident in told[2:]] == [False, False]
    await mute.stop(1.0)


async def test_only_the_first_start_has_the_longer_time(tmp_path: Path) -> None:
    """What is fetched then is there at the next one, where a mute program must not be waited for as long."""
    answers = iter([False] * 10 + [True])
    sample = program(
        tmp_path,
        "import time; time.sleep(60)",
        ready=lambda: said(next(answers, False)),
        ready_seconds=0.1,
        first_seconds=5.0,
    )
    told: list[Incident] = []
    keeper = Keeper(sample, told.append)
    await keeper.start()
    os.kill(keeper.pid or 0, signal.SIGKILL)
    await until(lambda: len(told) == 2, 3.0)
    assert [incident.back for incident in told] == [False, False]
    await keeper.stop(1.0)


async def said(value: bool) -> bool:
    return value


async def test_a_program_that_ignores_sigterm_is_killed_with_its_own_children(tmp_path: Path) -> None:
    """Its whole group goes: no grandchild stays behind."""
    grandchild = tmp_path / "grandchild"
    code = (
        "import signal, subprocess, time, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"p = subprocess.Popen(['sleep', '60']); pathlib.Path({str(grandchild)!r}).write_text(str(p.pid)); time.sleep(60)"
    )
    keeper = Keeper(program(tmp_path, code), print)
    await keeper.start()
    await until(lambda: grandchild.exists() and grandchild.read_text())
    pid = int(grandchild.read_text())
    began = time.monotonic()
    await keeper.stop(0.2)
    assert time.monotonic() - began < 2
    await until(lambda: not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text())


async def test_stopping_while_it_waits_to_start_again_starts_nothing(tmp_path: Path) -> None:
    """A stop in the middle of the backoff is final."""
    told: list[Incident] = []
    keeper = Keeper(program(tmp_path, "import time; time.sleep(60)"), told.append)
    await keeper.start()
    os.kill(keeper.pid or 0, signal.SIGKILL)
    await until(lambda: bool(told))
    await keeper.stop(1.0)
    await asyncio.sleep(0.4)
    assert keeper.pid is None
    assert len(told) == 1


async def test_a_start_that_fails_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No memory for a process, at one moment, is no reason to do without the program from then on."""
    told: list[Incident] = []
    keeper = Keeper(program(tmp_path, "import time; time.sleep(60)"), told.append)
    await keeper.start()
    fails = iter([OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))])

    def scarce(*command: Any, **options: Any) -> subprocess.Popen[bytes]:
        for fault in fails:
            raise fault
        return spawn(*command, **options)

    monkeypatch.setattr("guard.supervise.process.spawn", scarce)
    os.kill(keeper.pid or 0, signal.SIGKILL)
    await until(lambda: len(told) == 3)
    assert [(incident.back, incident.deaths) for incident in told] == [(False, 1), (False, 2), (True, 0)]
    assert str(told[1]) == "sample could not be started (Cannot allocate memory); trying again in 0.4 s"
    assert keeper.alive
    await keeper.stop(1.0)


async def test_an_end_is_noticed_where_no_descriptor_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A death and a stop: both are looked for."""

    def exhausted(pid: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "pidfd_open", exhausted)
    told: list[Incident] = []
    keeper = Keeper(program(tmp_path, "import time; time.sleep(60)"), told.append)
    await keeper.start()
    os.kill(keeper.pid or 0, signal.SIGKILL)
    await until(lambda: len(told) == 2)
    assert [incident.back for incident in told] == [False, True]
    assert not await ended(keeper.pid or 0, 0.1)
    await keeper.stop(1.0)
    assert keeper.pid is None


def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    """Linux has some thirty real-time signals of which the library names two."""
    incident = Incident("sample", back=False, pid=7, status=-40, deaths=1, wait=0.2)
    assert str(incident) == "sample (process 7) was ended by signal 40; starting it again in 0.2 s"


def test_a_long_log_is_cut_and_its_writer_goes_on(tmp_path: Path) -> None:
    """Two files at most, whatever is written."""
    path = tmp_path / "some.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"x" * (4 * 1024 * 1024 + 1))
        trim_log(path)
        writer.write(b"after\n")
    assert path.read_bytes() == b"after\n"
    assert path.with_name("some.log.1").stat().st_size == 4 * 1024 * 1024 + 1
    trim_log(tmp_path / "absent.log")
