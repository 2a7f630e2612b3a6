"""The clock of one worker in a real database, with a broker that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from guard.escalation.clock import Clock
from guard.escalation.ladder import Ladder
from guard.escalation.outbox import Batch, Outbox
from guard.escalation.tasks import Job
from guard.telemetry.metrics import Metrics
from tests.integration.escalation.house import House


class Broker:
    """Takes nothing and answers nothing before ``released``."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.asked = threading.Event()
        self.batches: list[Batch] = []
        self.jobs: list[str] = []

    def has_room(self, urgent: bool) -> bool:
        self.asked.set()
        return self.released.wait(30)


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.released.set()


def _until(ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not ready():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_broker_that_hangs_holds_up_neither_the_relay_nor_the_ladder(house: House, broker: Broker) -> None:
    tenant = house.tenant()
    house.channel(tenant, "https://hooks.example.org/h")
    case = house.case(tenant, 4, opened_at=datetime.now(UTC) - timedelta(minutes=4))
    store = house.store()
    outbox = Outbox(store, broker.batches.append, broker.has_room)
    clock = Clock(store, outbox, Ladder(store), broker.jobs.append, [Job("job", 60.0)], Metrics(), poll_seconds=0.05)
    clock.start()
    try:
        assert broker.asked.wait(30)
        message = house.tell(tenant, case_id=str(case))
        _until(lambda: house.rows("select 1 from deliveries where outbox_id = %s", [message]))
        _until(lambda: house.events(case) == ["unacknowledged"])
        assert (broker.batches, broker.jobs) == ([], [])
        broker.released.set()
        _until(lambda: sum(len(batch.due) for batch in broker.batches) == 2)
        _until(lambda: broker.jobs == ["job"])
    finally:
        broker.released.set()
        clock.stop(30)
    assert not clock.is_alive()
