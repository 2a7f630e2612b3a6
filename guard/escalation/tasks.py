"""What the worker does, as Celery tasks. Arguments are ids and counts; every task may be repeated at any time."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from celery import Celery  # type: ignore[import-untyped]

from guard.escalation import alerts
from guard.escalation.alerts import Alert
from guard.escalation.app import ROUTINE, URGENT
from guard.escalation.courier import Courier
from guard.escalation.ledger import Ledger
from guard.escalation.outbox import Batch, Due, Outbox
from guard.escalation.store import Store

__all__ = ["JOBS", "NUDGE_JOURNAL", "Desk", "Job", "enqueue", "has_room", "register"]

DELIVER: Final = "handrail.deliver"
RELAY: Final = "handrail.relay"
NUDGE_JOURNAL: Final = "handrail.nudge_journal"
_MOST_QUEUED: Final = 200


@dataclass(frozen=True, slots=True)
class Job:
    """A task that the leading worker sends every ``seconds``."""

    name: str
    seconds: float


JOBS: Final = (
    Job("handrail.heartbeat", 5.0),
    Job("handrail.watch_cases", 15.0),
    Job("handrail.give_up_stranded", 15.0),
    Job(NUDGE_JOURNAL, 30.0),
    Job("handrail.ensure_partitions", 3600.0),
)
"""A job that comes twice, or late, does no harm: each makes true what should be true now."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the tasks work with. ``nudge_journal``: asks for a replay of entries that waited for the database."""

    store: Store
    outbox: Outbox
    courier: Courier
    ledger: Ledger
    nudge_journal: Callable[[], object] | None = None


def enqueue(app: Celery, batch: Batch) -> None:
    """Sends a batch to the broker. Raises where the broker is away."""
    due = [[str(item.outbox_id), item.attempts] for item in batch.due]
    app.send_task(
        DELIVER,
        args=[str(batch.tenant_id), str(batch.channel_id), batch.urgent, batch.troubled, due],
        queue=URGENT if batch.urgent else ROUTINE,
        argsrepr="()",
        ignore_result=True,
    )


def has_room(app: Celery, urgent: bool) -> bool:
    """Whether the queue takes more: no queue grows without bound while receivers hang. Raises where the broker is away."""
    queue = app.amqp.queues[URGENT if urgent else ROUTINE]
    with app.pool.acquire(block=True, timeout=5) as connection:
        declared = queue(connection.default_channel).queue_declare()  # passive, Redis knows no empty queue
    return bool(declared.message_count < _MOST_QUEUED)


def register(app: Celery, desk: Desk) -> None:
    """Gives ``app`` its tasks."""

    @app.task(name=DELIVER)  # type: ignore[untyped-decorator]
    def deliver(tenant_id: str, channel_id: str, urgent: bool, troubled: bool, due: list[list[Any]]) -> None:
        named = [Due(UUID(outbox_id), int(attempts)) for outbox_id, attempts in due]
        desk.courier.deliver(UUID(tenant_id), UUID(channel_id), named, urgent=bool(urgent), troubled=bool(troubled))

    @app.task(name=RELAY)  # type: ignore[untyped-decorator]
    def relay() -> None:
        desk.outbox.relay()
        desk.outbox.dispatch()

    @app.task(name="handrail.heartbeat")  # type: ignore[untyped-decorator]
    def heartbeat() -> None:
        # The row says that messages go from the broker through a pool process of the worker with this id.
        desk.store.run("heartbeat", {"process": "worker.tasks", "host": socket.gethostname(), "pid": os.getppid()})

    @app.task(name="handrail.watch_cases")  # type: ignore[untyped-decorator]
    def watch_cases() -> None:
        for kind, statement in ((Alert.CASE_OVERDUE, "overdue"), (Alert.DELIVERY_LATE, "late")):
            alerts.match(desk.store, kind, [row["tenant_id"] for row in desk.store.rows(statement)])
        alerts.close_over(desk.store)

    @app.task(name="handrail.give_up_stranded")  # type: ignore[untyped-decorator]
    def give_up_stranded() -> None:
        desk.ledger.give_up_closed()
        desk.ledger.give_up_stranded()

    @app.task(name=NUDGE_JOURNAL)  # type: ignore[untyped-decorator]
    def nudge_journal() -> None:
        if desk.nudge_journal is not None:
            desk.nudge_journal()

    @app.task(name="handrail.ensure_partitions")  # type: ignore[untyped-decorator]
    def ensure_partitions() -> None:
        desk.store.connection().execute("select ensure_partitions(now())")
