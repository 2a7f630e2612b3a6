"""Cases come in and a person takes them, while something is killed at random moments; then everything is counted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from guard.escalation.cases import deadlines
from guard.records.ids import new_id
from guard.records.scope import Role, tenant_scope
from guard.review.errors import CaseChanged, CaseHeld
from guard.review.identity import Reviewer
from guard.review.leases import claim
from tests.brokers import Broker
from tests.integration.escalation.house import House, Worker, children
from tests.postgres import Cluster
from tests.running import ROOT

__all__ = ["Counts", "Storm"]

# So many attempts that nothing is given up while something is away.
_WAITS = (0.0, 0.2, 0.5, *([1.0] * 200))
_PATHS = ("/desk", "/pager")
_OPEN = (
    """
    insert into cases (tenant_id, id, case_key, first_turn, last_turn, severity, assigned_to, opened_at, raised_at,
        acknowledge_by, act_by)
    values (%(tenant)s, %(case)s, %(case_key)s, %(case)s, %(case)s, %(severity)s, 'team', %(at)s, %(at)s,
        %(acknowledge_by)s, %(act_by)s)
    on conflict do nothing
    """,
    """
    insert into case_events (tenant_id, case_id, id, key, kind, at, severity)
    values (%(tenant)s, %(case)s, %(event)s, 'opened', 'opened', %(at)s, %(severity)s)
    on conflict do nothing
    """,
    """
    insert into outbox (tenant_id, id, key, topic, payload)
    values (%(tenant)s, %(outbox)s, %(key)s, 'case.opened', %(payload)s)
    on conflict do nothing
    """,
)


@dataclass(frozen=True)
class Counts:
    """What came of it. ``expected``: messages times channels. ``requests``: what the receiver wrote down; ``repeated``: of
    these, further ones of an id it had. ``doubled``: messages that came under two ids on one channel. ``taken_twice``: cases
    that were acknowledged more than once."""

    fault: str
    times: int
    cases: int
    acknowledged: int
    expected: int
    delivered: int
    requests: int
    repeated: int
    lost: int
    doubled: int
    taken_twice: int
    seconds: float


class Storm:
    """One tenant with two channels on one receiver, workers, and who opens and takes cases. End it with :meth:`close`."""

    def __init__(self, house: House, cluster: Cluster, *, broker: Broker | None = None, workers: int = 1) -> None:
        self._house, self._cluster, self._broker = house, cluster, broker
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._log = house.folder / f"received-{uuid4().hex}"
        self._log.touch()
        self._receiver: subprocess.Popen[bytes] | None = None
        self._stop = threading.Event()
        self._opened: list[UUID] = []
        self._tenant = house.tenant()
        for path in _PATHS:
            house.channel(self._tenant, f"http://127.0.0.1:{self._port}{path}", topics=["case.opened", "case.raised"])
        self._reviewer = Reviewer(self._tenant, new_id(), "storm", frozenset({Role.REVIEWER}), uuid4())
        house.rows(
            "insert into reviewers (tenant_id, id, name, password_hash) values (%s, %s, 'storm', 'none')",
            (self._tenant, self._reviewer.id),
        )
        self._receive()
        self._workers = [self._work(wait=True) for _ in range(workers)]

    def close(self) -> None:
        """Ends what still runs."""
        self._stop.set()
        for worker in self._workers:
            worker.kill()
        if self._receiver is not None:
            self._receiver.kill()
            self._receiver.wait()

    def run(self, fault: str, times: int, *, longest_pause: float = 2.0, settle_seconds: float = 120.0) -> Counts:
        """Does ``fault`` (worker, task, database, receiver, broker, anything) so many times while cases come in."""
        began = time.monotonic()
        hits = {
            "worker": self._kill_worker,
            "task": self._kill_task,
            "database": self._kill_database,
            "receiver": self._kill_receiver,
            **({"broker": self._kill_broker} if self._broker is not None else {}),
        }
        threads = [threading.Thread(target=target) for target in (self._open_all, self._open_all, self._take_all)]
        for thread in threads:
            thread.start()
        for _ in range(times):
            time.sleep(random.uniform(0.05, longest_pause))
            hits[random.choice(sorted(hits)) if fault == "anything" else fault]()
        self._stop.set()
        for thread in threads:
            thread.join(60)
        self._settle(settle_seconds)
        return self._count(fault, times, round(time.monotonic() - began, 1))

    def _open_all(self) -> None:
        while not self._stop.is_set():
            case_id, outbox_id, event_id, key = new_id(), new_id(), new_id(), os.urandom(32)
            while True:  # as the journal does: until it stands, under the same ids
                try:
                    self._open(case_id, outbox_id, event_id, key)
                except psycopg.OperationalError:
                    time.sleep(0.1)
                else:
                    break
            self._opened.append(case_id)
            self._stop.wait(random.uniform(0, 0.2))

    def _open(self, case_id: UUID, outbox_id: UUID, event_id: UUID, key: bytes) -> None:
        at, severity = datetime.now(UTC), random.choice((1, 3, 4))
        due = deadlines(severity, at, live=True)
        values = {
            "tenant": self._tenant, "case": case_id, "outbox": outbox_id, "event": event_id, "case_key": key, "at": at,
            "severity": severity, "acknowledge_by": due.acknowledge_by, "act_by": due.act_by,
            "key": f"case.opened:{case_id}",
            "payload": Jsonb({"case_id": str(case_id), "severity": severity}),
        }  # fmt: skip
        with psycopg.connect(self._house.database_url, connect_timeout=5) as connection:
            for statement in _OPEN:
                connection.execute(statement, values)

    def _take_all(self) -> None:
        """A person at the console: takes what waits with the console's own claim."""
        asyncio.run(self._take())

    async def _take(self) -> None:
        while True:
            over = self._stop.is_set()
            with contextlib.suppress(psycopg.OperationalError):
                async with await psycopg.AsyncConnection.connect(
                    self._house.database_url, autocommit=True, connect_timeout=5, row_factory=dict_row
                ) as connection:
                    while True:
                        over = self._stop.is_set()
                        taken = await self._take_some(connection)
                        if over and not taken:
                            return
                        await asyncio.sleep(0.1)
            await asyncio.sleep(0.1)

    async def _take_some(self, connection: psycopg.AsyncConnection[Any]) -> int:
        rows = await connection.execute(
            "select id from cases where tenant_id = %s and state in ('open', 'notified') limit 20", [self._tenant]
        )
        waiting = [row["id"] for row in await rows.fetchall()]
        for case_id in waiting:
            with contextlib.suppress(CaseHeld, CaseChanged):
                async with tenant_scope(_Lone(connection), self._tenant, Role.REVIEWER) as scoped:
                    await claim(scoped, self._reviewer, case_id, datetime.now(UTC))
        return len(waiting)

    def _settle(self, seconds: float) -> None:
        """Until nothing waits any more."""
        deadline = time.monotonic() + seconds
        statement = (
            "select (select count(*) from outbox where tenant_id = %s and relayed_at is null)"
            " + (select count(*) from deliveries where tenant_id = %s and state = 'pending') as waiting"
        )
        while self._house.rows(statement, (self._tenant, self._tenant))[0]["waiting"]:
            if time.monotonic() > deadline:  # the counts then say what is lost
                return
            time.sleep(0.2)

    def _count(self, fault: str, times: int, seconds: float) -> Counts:
        rows = self._house.rows
        seen = [line.split() for line in self._log.read_text().splitlines()]
        pairs = {(path, case): set[str]() for path, _, case, _ in seen}
        for path, _, case, message in seen:
            pairs[path, case].add(message)
        requests = Counter(message for *_, message in seen)
        taken = rows(
            "select case_id, count(*) as n from case_events where tenant_id = %s and kind = 'acknowledged' group by 1",
            [self._tenant],
        )
        cases = {str(case) for case in self._opened}
        delivered = rows("select count(*) as n from deliveries where tenant_id = %s and state = 'delivered'", [self._tenant])
        return Counts(
            fault=fault,
            times=times,
            cases=len(cases),
            acknowledged=len({str(row["case_id"]) for row in taken} & cases),
            expected=len(cases) * len(_PATHS),
            delivered=delivered[0]["n"],
            requests=len(seen),
            repeated=sum(requests.values()) - len(requests),
            lost=sum((path, case) not in pairs for case in cases for path in _PATHS),
            doubled=sum(len(ids) > 1 for ids in pairs.values()),
            taken_twice=sum(row["n"] > 1 for row in taken),
            seconds=seconds,
        )

    def _work(self, *, wait: bool) -> Worker:
        if self._broker is None:
            return self._house.work(waits=_WAITS, total_seconds=3.0, wait=wait)
        return self._house.work(waits=_WAITS, total_seconds=3.0, wait=wait, HANDRAIL_BROKER_URL=self._broker.url)

    def _receive(self) -> None:
        program = [sys.executable, "-m", "tests.integration.escalation.receiver_child"]
        command = [*program, str(self._port), self._house.secret, str(self._log)]
        self._receiver = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        _until(lambda: socket.create_connection(("127.0.0.1", self._port), 1).close())

    def _kill_worker(self) -> None:
        """As a power cut; the supervisor starts another."""
        number = random.randrange(len(self._workers))
        self._workers[number].kill()
        self._workers[number] = self._work(wait=False)
        self._house.ready(self._workers[number], 60)

    def _kill_task(self) -> None:
        """A process of the pool, in whatever it does. Where its worker then ends, the supervisor starts another."""
        number = random.randrange(len(self._workers))
        process = self._workers[number].process
        pool = children(process.pid)
        if pool:
            with contextlib.suppress(ProcessLookupError):
                os.kill(random.choice(pool), signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            self._workers[number] = self._work(wait=False)
            self._house.ready(self._workers[number], 120)

    def _kill_database(self) -> None:
        self._cluster.kill()
        time.sleep(random.uniform(0, 1))
        self._cluster.restart()

    def _kill_receiver(self) -> None:
        assert self._receiver is not None
        self._receiver.kill()
        self._receiver.wait()
        time.sleep(random.uniform(0, 1))
        self._receive()

    def _kill_broker(self) -> None:
        assert self._broker is not None
        self._broker.kill()
        time.sleep(random.uniform(0, 1))
        self._broker.start()


class _Lone:
    """One connection in a pool's place."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Lends it."""
        yield self._connection


def _until(attempt: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            attempt()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
