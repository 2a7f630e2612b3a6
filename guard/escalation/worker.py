"""The worker process: `handrail worker`."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import billiard  # type: ignore[import-untyped]
from billiard.pool import EX_RECYCLE  # type: ignore[import-untyped]
from celery import Celery, bootsteps, signals  # type: ignore[import-untyped]
from celery.concurrency.asynpool import AsynPool  # type: ignore[import-untyped]
from celery.platforms import SecurityWarning  # type: ignore[import-untyped]

from guard.errors import RecordsUnavailable
from guard.escalation import broker, tasks
from guard.escalation.app import QUEUES, broker_of, create_app, database_of
from guard.escalation.clock import Clock
from guard.escalation.courier import Courier, Unseal
from guard.escalation.ladder import Ladder
from guard.escalation.ledger import Ledger
from guard.escalation.mail import Mailer, MailServer
from guard.escalation.outbox import Outbox
from guard.escalation.schedule import STANDARD, Schedule
from guard.escalation.store import Store
from guard.escalation.tasks import JOBS, NUDGE_JOURNAL, Desk
from guard.escalation.webhook import Limits
from guard.opinion import task as second_opinion
from guard.opinion.redaction import scorer_at
from guard.opinion.task import Opinions
from guard.records.admin import channel_secret
from guard.records.installation import confirm
from guard.records.keys import Keys
from guard.settings import Settings
from guard.supervise.paths import Paths
from guard.telemetry import logs
from guard.telemetry.exposition import VARIABLE, retire
from guard.telemetry.metrics import Metrics

__all__ = ["build", "run"]

_log = logging.getLogger(__name__)

_PROCESSES: Final = 4
_GRACE_SECONDS: Final = 5.0  # the supervisor waits a little longer before it kills
_PARENT_SECONDS: Final = 0.5
_START_SECONDS: Final = 30.0


def build(
    settings: Settings,
    unseal: Unseal,
    *,
    schedule: Schedule = STANDARD,
    limits: Limits | None = None,
    nudge_journal: Callable[[], object] | None = None,
) -> tuple[Celery, Desk]:
    """The application with its tasks, and what they work with. Connects to nothing yet."""
    app = create_app(settings)
    store = Store(database_of(settings))
    server = MailServer.of(settings)
    mailer = Mailer(server, public_url=settings.public_url, limits=limits) if server is not None else None
    courier = Courier(
        store, unseal, allow_private=settings.allow_private_webhooks, schedule=schedule, limits=limits, mailer=mailer
    )
    outbox = Outbox(store, lambda batch: tasks.enqueue(app, batch), lambda urgent: tasks.has_room(app, urgent))
    desk = Desk(store, outbox, courier, Ledger(store), nudge_journal)
    tasks.register(app, desk)
    return app, desk


def run(
    settings: Settings,
    *,
    unseal: Unseal | None = None,
    parent_death: int | None = None,
    schedule: Schedule = STANDARD,
    limits: Limits | None = None,
    processes: int = _PROCESSES,
    nudge_journal: Callable[[], object] | None = None,
) -> int:
    """Runs the worker in this process until SIGTERM or SIGINT; returns the exit status. With status 1 it ended by itself,
    because one of its processes was killed or its parent is gone: whoever started it starts it again.

    It ends within 6 seconds of the signal: attempts that still run then are made again by whoever comes next, under the same
    ``webhook-id``. Without ``unseal`` secrets are opened with the data folder's master key. ``parent_death``: the process id
    of the supervisor; when that is no longer this process's parent the worker
    ends at once. Raises :class:`~guard.errors.SettingsInvalid` or
    :class:`~guard.escalation.errors.BrokerUnfit` where it cannot start,
    :class:`~guard.records.errors.KeyUnusable` where the database was written with another master key, and
    :class:`~guard.errors.RecordsUnavailable` where PostgreSQL does not answer for half a minute.
    """
    logs.configure("worker", form=settings.log_format)
    if unseal is None:
        keys, database = Keys.load(settings.home), database_of(settings)
        # Before anything is taken up: a delivery whose secret does not open is told to nobody.
        _patiently(lambda: confirm(database, keys, settings.home))
        unseal = partial(channel_secret, keys)
    app, desk = build(settings, unseal, schedule=schedule, limits=limits, nudge_journal=nudge_journal)
    _, conninfo = broker_of(settings)
    if conninfo is not None:
        _patiently(lambda: broker.prepare(conninfo, QUEUES))
    guard = _Guard(parent_death)
    guard.start()
    metrics = Metrics()
    opinions = Opinions.of(settings, metrics, scorer_at(Paths.of(settings.home).scorer_socket))
    second_opinion.register(app, opinions)
    jobs = [job for job in JOBS if nudge_journal is not None or job.name != NUDGE_JOURNAL]
    clock = Clock(
        desk.store,
        desk.outbox,
        Ladder(desk.store),
        lambda name: app.send_task(name, ignore_result=True),
        [*jobs, *opinions.jobs],
        metrics,
    )
    app.steps["worker"].add(_clock_step(clock, guard))
    # Celery warns of running as root because of pickled messages; here only JSON is accepted.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    worker = app.Worker(
        hostname=f"handrail-{os.getpid()}@{socket.gethostname()}",
        pool="prefork",
        concurrency=processes,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
        loglevel="WARNING",
    )
    with _connected(guard):
        worker.start()
    return int(worker.exitcode or 0)


def _patiently(work: Callable[[], None]) -> None:
    """Does ``work``, again and again for half a minute while PostgreSQL is away."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            work()
        except RecordsUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _clock_step(clock: Clock, guard: _Guard) -> type[bootsteps.StartStopStep]:
    class ClockStep(bootsteps.StartStopStep):  # type: ignore[misc]
        """Starts the clock after the pool: the pool's processes are forked before there is a second thread."""

        requires = ("celery.worker.components:Pool",)

        def start(self, parent: Any) -> None:
            pool = parent.pool._pool
            if not isinstance(pool, AsynPool):
                pool.on_process_down = guard.process_down
            clock.start()

        def stop(self, parent: Any) -> None:
            clock.stop()

        def terminate(self, parent: Any) -> None:
            clock.stop()

    return ClockStep


class _Guard(threading.Thread):
    """Ends the worker when it was asked to stop and takes too long, or when its parent is gone."""

    def __init__(self, parent: int | None) -> None:
        super().__init__(name="guard", daemon=True)
        self._parent = parent
        self._stop_by: float | None = None

    def stopping(self, **_: Any) -> None:
        """The worker was asked to stop."""
        if self._stop_by is None:
            self._stop_by = time.monotonic() + _GRACE_SECONDS

    def process_down(self, process: Any) -> None:
        """A process of the pool is gone. Those of billiard's blocking pool share a lock to read under: one that is killed
        while it holds it leaves the others waiting for ever, alive and deaf. So the worker ends, and is started again."""
        if self._stop_by is None and process.exitcode not in (0, EX_RECYCLE):
            _log.error("a process of the pool was killed; the worker ends, to be started again")
            _end_at_once(1)

    def run(self) -> None:
        """Looks twice a second."""
        while True:
            if self._parent is not None and os.getppid() != self._parent:
                _end_at_once(1)
            if self._stop_by is not None and time.monotonic() > self._stop_by:
                _log.warning("some attempts still run; they are made again by the next worker")
                _end_at_once(0)
            time.sleep(_PARENT_SECONDS)


def _end_at_once(status: int) -> None:
    for child in billiard.active_children():
        with suppress(ProcessLookupError, TypeError):
            os.kill(child.pid, signal.SIGKILL)
    os._exit(status)


@contextmanager
def _connected(guard: _Guard) -> Iterator[None]:
    """Connects the guard and the pool's processes to Celery's signals for as long as the worker runs."""
    pairs = (
        (signals.worker_shutting_down, guard.stopping),
        (signals.worker_process_init, _in_pool_process),
        (signals.worker_process_shutdown, _pool_process_ends),
        (signals.worker_ready, _ready),
        (signals.setup_logging, _own_logs),
    )
    for event, receiver in pairs:
        event.connect(receiver, weak=False)
    try:
        yield
    finally:
        for event, receiver in pairs:
            event.disconnect(receiver)


def _own_logs(**_: Any) -> None:
    """With somebody connected Celery leaves the logs as they are, in its pool processes too."""


def _ready(**_: Any) -> None:
    # Celery would start itself anew from the command line on SIGHUP; the supervisor restarts what it wants restarted.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _log.info("the worker is ready")


def _in_pool_process(**_: Any) -> None:
    """A pool process ends with the worker that forked it, however that one ends."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _pool_process_ends(*, pid: int, **_: Any) -> None:
    """The supervisor does not know of the pool's processes: what one has counted is booked off by itself."""
    directory = os.environ.get(VARIABLE)
    if directory is not None:
        with suppress(OSError):
            retire(Path(directory), pid)
