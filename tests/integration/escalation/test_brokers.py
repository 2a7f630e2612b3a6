"""Redis and RabbitMQ as brokers, for real: what arrives, and what arrives when worker or broker die."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests import scripted_server as behave
from tests.brokers import Broker, RabbitMQ, Redis
from tests.integration.escalation.house import House, children
from tests.integration.escalation.receiver import Receiver


@pytest.fixture(scope="module", params=[Redis, RabbitMQ], ids=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    found: Broker = request.param()
    found.start()
    yield found
    found.remove()


def test_messages_arrive_once_and_survive_the_worker_and_what_the_broker_loses(
    house: House, receiver: Receiver, broker: Broker
) -> None:
    released = threading.Event()
    tenant, path, held = house.tenant(), f"/{uuid4()}", f"/{uuid4()}"
    house.channel(tenant, receiver.url(path), topics=["case.opened"])
    house.channel(tenant, receiver.on(held, behave.first(1, behave.hold(released))), topics=["case.raised"])
    worker = house.work(HANDRAIL_BROKER_URL=broker.url)
    house.tell_many(tenant, 30, severity=1)
    house.tell_many(tenant, 30, severity=4)
    assert len({seen.id for seen in receiver.wait(path, 60)}) == 60
    # The worker dies in the middle of a task: the message is sent once more, under its id.
    message = house.tell(tenant, topic="case.raised")
    receiver.wait(held, 1)
    pool = children(worker.process.pid)
    worker.kill()
    assert pool
    released.set()
    worker = house.work(HANDRAIL_BROKER_URL=broker.url)
    first, second = receiver.wait(held, 2)
    assert first.id == second.id
    assert house.settled(message, "delivered")["attempts"] == 2
    # The broker dies with what it holds, or only forgets it: the table knows, and the relay hands it out again.
    waiting = house.tell_many(tenant, 10, severity=4)
    if isinstance(broker, Redis):  # RabbitMQ takes too long to come back for a test of every day
        broker.kill()
    waiting += house.tell_many(tenant, 10, severity=4)
    if isinstance(broker, Redis):
        time.sleep(0.5)
        broker.start()
    broker.forget()
    deadline = time.monotonic() + 120
    while len({seen.id for seen in receiver.at(path)}) < 80:
        assert time.monotonic() < deadline, worker.log.read_text()[-2000:]
        time.sleep(0.05)
    for message in waiting:
        house.settled(message, "delivered")
    # A receiver that this machine kept from answering in time sees a message again, under the same id.
    assert len({seen.id for seen in receiver.at(path)}) == 80
    assert worker.process.poll() is None
    assert worker.stop() < 8
    log = worker.log.read_text()
    assert "guest:guest" not in log
    assert broker.url not in log
