"""Which broker, with which promises."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any
from uuid import uuid4

import pytest
from psycopg.conninfo import conninfo_to_dict

from guard.errors import SettingsInvalid
from guard.escalation.app import HARD_SECONDS, QUEUES, broker_of, create_app
from guard.escalation.errors import BrokerUnfit
from guard.escalation.outbox import Batch, Due
from guard.escalation.store import connection_string
from guard.escalation.tasks import enqueue, has_room
from guard.settings import Settings, load_settings

_URL = "postgresql://hand%20rail:p%40ss%2F%27%20word@/handrail?host=%2Frun%2Fhand%20rail"


def _settings(**values: Any) -> Settings:
    return load_settings(values)


def test_the_database_is_the_broker_unless_told_otherwise() -> None:
    url, conninfo = broker_of(_settings(database_url=_URL))
    assert url == "pgmq://localhost"
    assert conninfo is not None
    found = conninfo_to_dict(conninfo)
    assert found["host"] == "/run/hand rail"
    assert (found["user"], found["password"], found["dbname"]) == ("hand rail", "p@ss/' word", "handrail")
    assert "statement_timeout" in str(found["options"])


def test_what_the_address_says_wins_over_our_bounds() -> None:
    found = conninfo_to_dict(connection_string("postgresql://u@h/d?connect_timeout=1&sslmode=require", "worker"))
    assert (found["connect_timeout"], found["sslmode"]) == ("1", "require")


def test_another_postgresql_may_be_the_broker() -> None:
    for scheme in ("postgresql", "postgres", "pgmq"):
        _, conninfo = broker_of(_settings(database_url=_URL, broker_url=f"{scheme}://u:p@elsewhere:5433/queue"))
        assert conninfo is not None
        assert conninfo_to_dict(conninfo)["host"] == "elsewhere"


def test_no_database_no_worker() -> None:
    with pytest.raises(SettingsInvalid, match="HANDRAIL_DATABASE_URL"):
        create_app(_settings())


@pytest.mark.parametrize("url", ["memory://", "filesystem://", "sqla+postgresql://u@h/d", "sqs://", "nonsense"])
def test_brokers_that_lose_tasks_are_refused(url: str) -> None:
    with pytest.raises(BrokerUnfit, match="postgresql, redis, rediss, amqp or amqps"):
        broker_of(_settings(database_url=_URL, broker_url=url))


@pytest.mark.parametrize(("url", "driver"), [("redis://r:6379/0", "redis"), ("amqp://u:p@rabbit//", "amqp")])
def test_redis_and_rabbitmq_by_their_address(url: str, driver: str) -> None:
    wanted = _settings(database_url=_URL, broker_url=url)
    if find_spec(driver) is None:
        with pytest.raises(BrokerUnfit, match=f"kombu.{driver}"):
            create_app(wanted)
        return
    app = create_app(wanted)
    assert app.conf.broker_url == url
    if driver == "redis":
        assert app.conf.broker_transport_options["socket_timeout"] == 5
    assert app.conf.broker_transport is None


def test_promises() -> None:
    conf = create_app(_settings(database_url=_URL)).conf
    assert conf.accept_content == ["json"]
    assert conf.task_serializer == "json"
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf.result_backend is None
    assert conf.task_soft_time_limit < conf.task_time_limit == HARD_SECONDS
    assert not conf.worker_enable_remote_control
    assert [queue.name for queue in conf.task_queues] == list(QUEUES)
    options = conf.broker_transport_options
    assert options["visibility_timeout"] > HARD_SECONDS
    assert "p@ss" not in conf.broker_url


def test_room_is_asked_for_in_a_way_that_every_broker_understands() -> None:
    # Kombu's in-memory broker shares with Redis the virtual transport, where an empty queue is none.
    app = create_app(_settings(database_url=_URL))
    app.conf.update(broker_url="memory://", broker_transport=None, broker_transport_options={})
    batch = Batch(uuid4(), uuid4(), urgent=True, troubled=False, due=(Due(uuid4(), 0),))
    assert has_room(app, True)
    for _ in range(200):
        enqueue(app, batch)
    assert not has_room(app, True)
    assert has_room(app, False)
    app.close()
