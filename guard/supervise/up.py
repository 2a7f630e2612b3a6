"""`handrail up`: everything on one machine, under one supervisor.

PostgreSQL, the migrations, the first tenant, the scorer, the demo chatbot where no upstream is given, the worker, the
console, and the gateway's workers on one listening socket. Any of them that dies is started again; when the supervisor
itself is killed the kernel ends them all.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from datetime import UTC, datetime
from io import StringIO
from socket import socket
from types import FrameType
from typing import Any, Final, TypeVar, cast

from guard.errors import HandrailError, StartFailed
from guard.records.alerts import Alerts, SilentMeters
from guard.records.pool import Database
from guard.settings import Settings
from guard.supervise.alarm import Alarm
from guard.supervise.children import Role
from guard.supervise.feed import follow
from guard.supervise.first import First, provide
from guard.supervise.paths import FolderLock, Paths
from guard.supervise.postgres import EmbeddedPostgres
from guard.supervise.process import Incident, Keeper, Program, delay, ended, fault_of, trim_log
from guard.supervise.roster import Roster
from guard.supervise.screen import Place, Screen
from guard.supervise.sockets import address, listen
from guard.supervise.spawn import open_log

__all__ = ["run"]

_log = logging.getLogger(__name__)

_STOP_SECONDS: Final = 6.8  # for the gateway and the worker
_LAST_SECONDS: Final = 0.7  # for what they rested on
_DATABASE_SECONDS: Final = 2.0
_STABLE_SECONDS: Final = 60.0
_IMPATIENT: Final = 2  # signals
_TRIM_SECONDS: Final = 20.0
_DEMO: Final = "the demo chatbot: demo-neutral, demo-companion, demo-refuser, demo-careless"

_T = TypeVar("_T")


def run(settings: Settings, screen: Screen) -> None:
    """Runs until SIGINT, SIGTERM or SIGHUP, and returns when every process has ended, within 10 s.

    A second signal makes it hurry. Raises :class:`~guard.errors.AlreadyRunning` and :class:`~guard.errors.StartFailed`;
    nothing is left running then. To be called in the main thread.
    """
    from guard.telemetry.logs import configure

    paths = Paths.of(settings.home).prepare()
    log = paths.logs / "supervisor.log"
    with os.fdopen(open_log(log), "a", encoding="utf-8") as stream:
        configure("supervisor", form="json", stream=stream)
        try:
            asyncio.run(_Supervisor(settings, screen, paths).run())
        except HandrailError:
            raise
        except Exception as error:
            _log.exception("the supervisor ended by a fault of its own")
            raise StartFailed(f"Handrail ended by a fault of its own ({type(error).__name__}); see {log}") from None


class _Supervisor:
    def __init__(self, settings: Settings, screen: Screen, paths: Paths) -> None:
        self._settings = settings
        self._screen = screen
        self._paths = paths
        self._database: EmbeddedPostgres | None = None
        self._keepers: list[Keeper] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._records: Database | None = None
        self._alerts: Alerts | None = None
        self._alarm: Alarm | None = None
        self._stop = asyncio.Event()
        self._signals = 0
        self._since = datetime.now(UTC)  # the first turn may come before the screen is drawn

    async def run(self) -> None:
        began = time.monotonic()
        with ExitStack() as held:
            held.enter_context(FolderLock(self._paths.lock))
            self._paths.address.unlink(missing_ok=True)  # of one that was killed
            held.enter_context(self._signals_heard())
            gateway = held.enter_context(listen(self._settings.host, self._settings.port))
            demo = held.enter_context(listen("127.0.0.1", 0)) if self._settings.upstream_url is None else None
            try:
                first = await self._unless_stopped(self._start(gateway, demo))
                if first is not None:
                    self._paths.address.write_text(f"{address(gateway)}\n", "utf-8")
                    self._screen.ready(self._place(first, gateway), time.monotonic() - began)
                    self._tasks = [asyncio.create_task(work) for work in self._work()]
                    await self._stop.wait()
            finally:
                await self._end()

    async def _start(self, gateway: socket, demo: socket | None) -> First:
        from guard.records.migrate import migrate
        from guard.telemetry.exposition import prepare

        database_url = self._settings.database_url
        if database_url is None:
            self._screen.step("starting PostgreSQL")
            self._database = EmbeddedPostgres(self._paths.home, self._paths.run, slow=self._screen.step)
            self._database.start(self._stop_asked)
            database_url = self._database.url
        url = database_url
        with redirect_stdout(StringIO()):  # the library prints what a migration's statements return
            applied = await _aside(lambda: migrate(url))
        if applied:
            self._screen.step(f"migrated the database: {', '.join(applied)}")
        first = await provide(url, self._paths)
        self._records = Database(url, seconds=self._settings.database_seconds, connections=2)
        await self._records.open()
        self._alerts = Alerts(self._records, SilentMeters())
        self._records.when_back(self._alerts.resume)
        self._alarm = Alarm(self._alerts)
        roster = Roster(self._settings, self._paths, url, gateway, demo, prepare(self._paths.metrics))
        if roster.fetches:
            self._screen.step("models of packs that are not on this machine are fetched first; that may take minutes")
        for programs in (roster.behind(), roster.gateways()):
            self._screen.step(f"starting {', '.join(program.name for program in programs)}")
            await self._start_all(programs)
        return first

    async def _start_all(self, programs: list[Program]) -> None:
        keepers = [Keeper(program, self._heard) for program in programs]
        self._keepers += keepers
        await asyncio.gather(*(keeper.start() for keeper in keepers))

    async def _unless_stopped(self, work: Coroutine[Any, Any, _T]) -> _T | None:
        task, stop = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        if self._stop.is_set():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return None
        stop.cancel()
        return task.result()

    def _work(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What goes on while everything runs."""
        yield self._trim()
        if self._records is not None:
            yield self._show(self._records)
        if self._database is not None:
            yield self._keep(self._database)
        if self._alarm is not None:
            yield self._alarm.run()

    async def _show(self, records: Database) -> None:
        async for line in follow(records, self._since):
            self._screen.turn(line)

    async def _trim(self) -> None:
        while True:
            await asyncio.sleep(_TRIM_SECONDS)
            for path in self._paths.logs.glob("*.log"):
                try:
                    trim_log(path)
                except OSError as error:  # a full disk: there above all it is to be tried again
                    _log.warning("a log could not be cut", extra={"file": path, "error": type(error)})

    async def _keep(self, database: EmbeddedPostgres) -> None:
        """Starts PostgreSQL again whenever it dies."""
        deaths, began = 0, time.monotonic()
        while not self._stop_asked():
            try:
                child = database.child
                if child is not None and child.returncode is None:
                    await ended(child.pid)
                    deaths = 1 if time.monotonic() - began > _STABLE_SECONDS else deaths + 1
                    self._heard(Incident("postgres", False, child.pid, child.wait(), deaths, delay(deaths)))
                    await asyncio.sleep(delay(deaths))
                began = time.monotonic()
                await database.restart()
                if database.child is not None:
                    self._heard(Incident("postgres", True, database.child.pid))
            except Exception as error:  # without it nothing is recorded and nobody is told: tried until it runs
                deaths += 1
                _log.exception("PostgreSQL could not be started")
                self._heard(Incident("postgres", False, 0, deaths=deaths, wait=delay(deaths), fault=fault_of(error)))
                await asyncio.sleep(delay(deaths))

    def _heard(self, incident: Incident) -> None:
        """Shows it and alarms. Never raises: whoever tells goes on keeping its program."""
        from guard.telemetry.exposition import retire

        try:
            if self._alarm is not None and not incident.back:
                self._alarm.died(incident.name)
            self._screen.incident(incident)
            if incident.pid and not incident.back:
                retire(self._paths.metrics, incident.pid)
        except Exception:
            _log.exception("an incident was not told in full", extra={"component": incident.name})

    async def _end(self) -> None:
        """Ends what was started, the database last."""
        began = time.monotonic()
        self._paths.address.unlink(missing_ok=True)
        if self._stop_asked():
            self._screen.stopping()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        last = [keeper for keeper in self._keepers if keeper.program.name in (Role.SCORER, Role.DEMO)]
        await self._end_these([keeper for keeper in self._keepers if keeper not in last], _STOP_SECONDS)
        await self._end_these(last, _LAST_SECONDS)
        if self._alerts is not None and self._records is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._alerts.flush()
                    await self._records.close()
        if self._database is not None:
            self._database.stop(_DATABASE_SECONDS)
        if self._stop_asked():
            self._screen.stopped(time.monotonic() - began)

    async def _end_these(self, keepers: list[Keeper], seconds: float) -> None:
        for keeper in keepers:
            keeper.ask_to_end()
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._signals < _IMPATIENT:
            if not any(keeper.alive for keeper in keepers):
                break
            await asyncio.sleep(0.02)
        await asyncio.gather(*(keeper.stop(0.0) for keeper in keepers))

    def _place(self, first: First, gateway: socket) -> Place:
        upstream, policy = self._settings.upstream_url, self._settings.policy
        notes = []
        if upstream is None:
            notes.append("No upstream was given, so a scripted demo chatbot answers; a real one: --upstream https://…/v1")
        notes += [*first.notes, *_unjudged(first, policy)]
        return Place(
            address=address(gateway),
            upstream=upstream or _DEMO,
            policy=policy,
            key=first.key,
            key_file=self._paths.first_key,
            reviewer_file=self._paths.first_reviewer if first.password_noted else None,
            tenant=first.tenant,
            model="demo" if upstream is None else None,
            notes=tuple(notes),
        )

    def _stop_asked(self) -> bool:
        return self._signals > 0

    @contextmanager
    def _signals_heard(self) -> Iterator[None]:
        """Counts signals even while the loop is busy, and wakes it."""
        loop = asyncio.get_running_loop()

        def heard(number: int, frame: FrameType | None) -> None:
            self._signals += 1
            loop.call_soon_threadsafe(self._stop.set)

        before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _unjudged(first: First, policy: str) -> list[str]:
    """A line where people are handed cases of which they could read nothing."""
    from guard.records.evidence import calls_for_people, sentence
    from policies.load import load_policy

    if first.without_evidence and calls_for_people(load_policy(policy)):
        return [sentence(first.without_evidence)]
    return []


async def _aside(work: Callable[[], _T]) -> _T:
    """Runs ``work`` in a thread that nobody waits for where this is cancelled: a lock may be held for long elsewhere."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_T] = loop.create_future()

    def settle(value: _T | None, error: BaseException | None) -> None:
        if outcome.cancelled():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(cast(_T, value))

    def run_it() -> None:
        try:
            value, error = work(), None
        except BaseException as raised:
            value, error = None, raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run_it, name="aside", daemon=True).start()
    return await outcome
