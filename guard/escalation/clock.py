"""The worker's clock: relays as soon as something is to be told, hands out what is due, and leads the periodic jobs.

Every worker relays (the rows are locked, each goes once); one of them leads: the one that holds a session lock in the
database, which ends with its process. A job that two leaders sent would be repeated, not wrong. What goes to the broker goes
from a thread of its own: a broker that hangs holds up neither the relay nor the ladder.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

import psycopg

from guard.escalation.ladder import Ladder
from guard.escalation.outbox import BATCH, Outbox
from guard.escalation.store import Store
from guard.escalation.tasks import Job

__all__ = ["Clock", "Meter"]

_log = logging.getLogger(__name__)

_LEADER: Final = 0x68726C64
_BEAT_SECONDS: Final = 5.0
_CLIMB_SECONDS: Final = 2.0
_LONGEST_PAUSE: Final = 1.0


class Meter(Protocol):
    """What the leader shows. :class:`guard.telemetry.metrics.Metrics` is one."""

    def cases(self, counts: Mapping[tuple[int, str], int]) -> None:
        """How many cases there are by (severity, state). What is not in ``counts`` is zero."""
        ...

    def outbox_waiting(self, waiting: int) -> None:
        """How many messages wait to be delivered."""
        ...


class Clock(threading.Thread):
    """Runs until :meth:`stop`. ``send`` sends a periodic job to the broker. ``poll_seconds``: how long a message may wait
    whose notification was lost, and how exact a retry is."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        ladder: Ladder,
        send: Callable[[str], object],
        jobs: Sequence[Job],
        meter: Meter,
        *,
        poll_seconds: float = 0.5,
    ) -> None:
        super().__init__(name="clock", daemon=True)
        self._store = store
        self._outbox = outbox
        self._ladder = ladder
        self._send = send
        self._jobs = jobs
        self._meter = meter
        self._poll = poll_seconds
        self._stopping = threading.Event()
        self._hands = threading.Thread(target=self._serve_broker, name="hands", daemon=True)
        self._relayed = threading.Event()
        self.leads = False

    def stop(self, seconds: float = 2.0) -> None:
        """Ends it and waits for it."""
        until = time.monotonic() + seconds
        self._stopping.set()
        self._relayed.set()
        for thread in (self, self._hands):
            if thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))

    def run(self) -> None:
        """Goes on through every outage of the database and the broker."""
        self._hands.start()
        pause = 0.1
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._session()
            except psycopg.Error as error:
                _log.warning("the clock lost the database and goes on when it is back", extra={"error": type(error)})
            except Exception as error:
                # A clock that ends silently would tell nobody anything any more.
                _log.error("the clock failed and goes on", exc_info=error)
            self.leads = False
            self._store.close()
            pause = 0.1 if time.monotonic() - began > _LONGEST_PAUSE else min(pause * 2, _LONGEST_PAUSE)
            self._stopping.wait(pause)
        self._store.close()

    def _session(self) -> None:
        # Its own connection: the lock and the notifications belong to it, and nothing else runs on it.
        with psycopg.connect(self._store.conninfo, autocommit=True) as listener:
            listener.execute("listen handrail_outbox")
            beaten = climbed = 0.0
            while not self._stopping.is_set():
                self._relay()
                self._relayed.set()
                now = time.monotonic()
                if now - beaten >= _BEAT_SECONDS:
                    self._store.run("heartbeat", {"process": "worker", "host": socket.gethostname(), "pid": os.getpid()})
                    beaten = now
                    if self.leads:
                        self._measure()
                # Here and not through the broker: with the broker away somebody still has to be told, once it is back.
                if self._lead(listener) and now - climbed >= _CLIMB_SECONDS:
                    self._climb()
                    climbed = now
                with suppress(StopIteration):
                    next(listener.notifies(timeout=self._poll, stop_after=1))

    def _serve_broker(self) -> None:
        sent: dict[str, float] = {}
        while not self._stopping.is_set():
            self._relayed.wait(self._poll)
            self._relayed.clear()
            try:
                self._hand_out()
                if self.leads:
                    self._send_jobs(sent, time.monotonic())
            except psycopg.Error as error:
                _log.warning("nothing goes to the broker until the database is back", extra={"error": type(error)})
                self._stopping.wait(_LONGEST_PAUSE)
            except Exception as error:
                _log.error("handing out failed and goes on", exc_info=error)
                self._stopping.wait(_LONGEST_PAUSE)
        self._store.close()

    def _measure(self) -> None:
        # In this process and by the leader alone: a gauge that pool processes set would outlive them.
        rows = self._store.rows("cases_now")
        self._meter.cases({(row["severity"], row["state"]): row["cases"] for row in rows})
        self._meter.outbox_waiting(self._store.rows("waiting")[0]["waiting"])

    def _relay(self) -> None:
        try:
            self._outbox.relay()
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:  # a row that cannot be relayed must not stop what was relayed before
            _log.error("the relay failed; what is due goes out", extra={"error": type(error)})

    def _climb(self) -> None:
        try:
            self._ladder.climb()
            self._ladder.expire()
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            _log.error("the ladder failed; what was told before goes out", extra={"error": type(error)})

    def _hand_out(self) -> None:
        try:
            while self._outbox.dispatch() >= BATCH and not self._stopping.is_set():
                pass
        except psycopg.Error:
            raise
        except Exception as error:  # whatever the broker's client raises: the leases run out, it is tried again
            _log.warning("the broker took nothing; tried again when the leases end", extra={"error": type(error)})

    def _lead(self, listener: psycopg.Connection) -> bool:
        if not self.leads:
            row = listener.execute("select pg_try_advisory_lock(%s)", [_LEADER]).fetchone()
            self.leads = bool(row and row[0])
        return self.leads

    def _send_jobs(self, sent: dict[str, float], now: float) -> None:
        for job in self._jobs:
            if now - sent.get(job.name, -job.seconds) >= job.seconds:
                sent[job.name] = now
                try:
                    self._send(job.name)
                except Exception as error:  # whatever the broker's client raises
                    _log.warning("a job could not be sent", extra={"task": job.name, "error": type(error)})
