"""One tenant with channels and outbox rows in a real database, and real workers beside it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import DictRow, dict_row

from guard.escalation.cases import deadlines
from guard.escalation.courier import Courier
from guard.escalation.mail import Mailer
from guard.escalation.outbox import Batch, Outbox
from guard.escalation.schedule import Schedule
from guard.escalation.store import Store
from guard.escalation.webhook import Limits
from guard.records.admin import channel_secret
from guard.records.ids import new_id
from guard.records.keys import Keys

__all__ = ["WAITS", "House", "OpenStore", "Worker", "alive", "children", "new_secret"]

WAITS = (0.0, 0.2, 0.4, 0.8)
_ROOT = Path(__file__).parents[3]


def new_secret() -> str:
    """A secret as channels have them."""
    return f"whsec_{base64.b64encode(os.urandom(32)).decode()}"


@dataclass
class Worker:
    """A worker process with its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """As a power cut would: SIGKILL, to the worker itself only."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> float:
        """SIGTERM; seconds until it had ended."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        return time.monotonic() - began


class OpenStore(Store):
    """A store whose connections, of whichever thread, are closed at the end."""

    def __init__(self, database_url: str, opened: list[psycopg.Connection[DictRow]]) -> None:
        super().__init__(database_url)
        self._opened = opened

    def connection(self) -> psycopg.Connection[DictRow]:
        found = super().connection()
        if found not in self._opened:
            self._opened.append(found)
        return found


def children(pid: int) -> list[int]:
    """Processes that ``pid`` started and that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid and fields[0] != "Z":
                    found.append(int(entry.name))
    return found


def alive(pids: Sequence[int], seconds: float) -> list[int]:
    """Which of ``pids`` are still there after at most ``seconds``."""
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if _runs(pid)]:
        if time.monotonic() > deadline:
            return left
        time.sleep(0.02)
    return []


def _runs(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass
class House:
    """``database_url``, a data folder with a master key, and the secret of every channel."""

    database_url: str
    folder: Path
    secret: str = field(default_factory=new_secret)
    workers: list[Worker] = field(default_factory=list)
    opened: list[psycopg.Connection[DictRow]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = Keys.load(self.folder)

    def store(self) -> Store:
        """A store of this database, closed with the house."""
        return OpenStore(self.database_url, self.opened)

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Runs one statement on a connection of its own."""
        with psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def tenant(self, *, people: str = "always") -> UUID:
        tenant_id = new_id()
        self.rows("insert into tenants (id, name, people) values (%s, %s, %s)", (tenant_id, f"t-{tenant_id.hex}", people))
        return tenant_id

    def channel(self, tenant_id: UUID, url: str, **columns: Any) -> UUID:
        channel_id = new_id()
        row = {
            "tenant_id": tenant_id,
            "id": channel_id,
            "name": f"c-{channel_id.hex}",
            "kind": "webhook",
            "url": url,
            "secret": self.keys.seal("channel", self.secret.encode(), tenant_id.bytes),
            **columns,
        }
        names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
        self.rows(f"insert into channels ({names}) values ({marks})", list(row.values()))  # noqa: S608
        return channel_id

    def case(self, tenant_id: UUID, severity: int = 4, *, opened_at: datetime | None = None) -> UUID:
        """An open case, without a message."""
        case_id, at = new_id(), opened_at or datetime.now(UTC)
        due = deadlines(severity, at, live=True)
        self.rows(
            "insert into cases (tenant_id, id, case_key, first_turn, last_turn, severity, assigned_to, opened_at, raised_at,"
            " acknowledge_by, act_by) values (%s, %s, %s, %s, %s, %s, 'crisis-team', %s, %s, %s, %s)",
            (tenant_id, case_id, os.urandom(32), new_id(), new_id(), severity, at, at, due.acknowledge_by, due.act_by),
        )
        return case_id

    def tell(self, tenant_id: UUID, *, severity: int = 4, topic: str = "case.opened", **payload: Any) -> UUID:
        """An outbox row."""
        return self.tell_many(tenant_id, 1, severity=severity, topic=topic, **payload)[0]

    def tell_many(
        self, tenant_id: UUID, count: int, *, severity: int = 4, topic: str = "case.opened", **payload: Any
    ) -> list[UUID]:
        """Outbox rows in one transaction."""
        ids = [new_id() for _ in range(count)]
        content = json.dumps({"severity": severity, **payload})
        with psycopg.connect(self.database_url) as connection:
            connection.cursor().executemany(
                "insert into outbox (tenant_id, id, key, topic, payload) values (%s, %s, %s, %s, %s)",
                [(tenant_id, outbox_id, f"test:{outbox_id}", topic, content) for outbox_id in ids],
            )
        return ids

    def delivery(self, outbox_id: UUID) -> dict[str, Any]:
        """The only delivery of a message that was not passed on from another channel."""
        (row,) = self.rows("select * from deliveries where outbox_id = %s and instead_of is null", [outbox_id])
        return row

    def settled(self, outbox_id: UUID, state: str, seconds: float = 120.0) -> dict[str, Any]:
        """That delivery once it is in ``state``."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.rows("select * from deliveries where outbox_id = %s and instead_of is null", [outbox_id])
            if found and found[0]["state"] == state:
                return found[0]
            assert time.monotonic() < deadline, f"in {seconds} s the delivery came to {found and found[0]['state']}"
            time.sleep(0.01)

    def alerts(self, tenant_id: UUID) -> set[str]:
        """Kinds of the tenant's open alerts."""
        found = self.rows("select kind from operational_alerts where tenant_id = %s and closed_at is null", [tenant_id])
        return {row["kind"] for row in found}

    def round(self, *, waits: Sequence[float] = (0.0,), mailer: Mailer | None = None) -> int:
        """Relays, hands out and delivers what is due now, without a broker; returns how many were delivered."""
        store, batches = self.store(), list[Batch]()
        courier = Courier(
            store, partial(channel_secret, self.keys), allow_private=True, schedule=Schedule(tuple(waits)),
            limits=Limits(connect_seconds=0.5, total_seconds=1.0), mailer=mailer,
        )  # fmt: skip
        outbox = Outbox(store, batches.append)
        outbox.relay()
        outbox.dispatch()
        return sum(courier.deliver(b.tenant_id, b.channel_id, b.due, urgent=b.urgent, troubled=b.troubled) for b in batches)

    def events(self, case_id: UUID) -> list[str]:
        """Kinds of a case's events, in order."""
        return [
            row["kind"] for row in self.rows("select kind from case_events where case_id = %s order by at, id", [case_id])
        ]

    def work(
        self,
        *,
        total_seconds: float = 1.5,
        processes: int = 2,
        waits: Sequence[float] = WAITS,
        command: Sequence[str] = (),
        bound: bool = False,
        wait: bool = True,
        **environment: str,
    ) -> Worker:
        """Starts a worker. ``command``: what starts it instead of this process. ``bound``: it ends with who started it."""
        options = {"waits": list(waits), "total_seconds": total_seconds, "processes": processes, "bound": bound}
        log = self.folder / f"worker-{len(self.workers)}.log"
        program = [sys.executable, "-m", "tests.integration.escalation.worker_child", json.dumps(options)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, *program],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
                env={
                    **{name: value for name, value in os.environ.items() if not name.startswith("HANDRAIL_")},
                    "HANDRAIL_DATABASE_URL": self.database_url,
                    "HANDRAIL_DATA_DIR": str(self.folder),
                    "HANDRAIL_ALLOW_PRIVATE_WEBHOOKS": "true",
                    **environment,
                },
            )
        worker = Worker(process, log)
        self.workers.append(worker)
        if wait:
            self.ready(worker)
        return worker

    def ready(self, worker: Worker, seconds: float = 120.0) -> None:
        """Returns when the worker has said that it is ready."""
        deadline = time.monotonic() + seconds
        while b"the worker is ready" not in worker.log.read_bytes():
            assert worker.process.poll() is None, worker.log.read_text()[-2000:]
            assert time.monotonic() < deadline, worker.log.read_text()[-2000:]
            time.sleep(0.02)

    def disconnect(self) -> None:
        """Closes every connection of this house's stores."""
        while self.opened:
            self.opened.pop().close()

    def close(self) -> None:
        """Ends what is left of every worker's process group, and every connection."""
        self.disconnect()
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.process.pid, signal.SIGKILL)
            worker.process.wait()
