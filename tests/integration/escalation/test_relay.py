"""The relay and the fences, statement by statement, in a real database and without a worker."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from uuid import UUID, uuid4

import psycopg
import pytest

from guard.escalation import alerts, broker
from guard.escalation.alerts import Alert
from guard.escalation.app import QUEUES, broker_of, create_app
from guard.escalation.courier import Courier
from guard.escalation.ledger import Ledger
from guard.escalation.outbox import Batch, Due, Leases, Outbox
from guard.escalation.schedule import Schedule
from guard.escalation.tasks import Desk, enqueue, has_room, register
from guard.escalation.webhook import Limits
from guard.records.admin import channel_secret
from guard.records.migrate import migrate, rollback
from guard.settings import load_settings
from tests import scripted_server as behave
from tests.integration.escalation.house import House
from tests.integration.escalation.receiver import Receiver


@pytest.fixture(autouse=True)
def _quiet(house: House) -> Iterator[None]:
    """What another test left waiting is no part of this one."""
    house.rows("update deliveries set state = 'failed' where state = 'pending'")
    house.rows("update outbox set relayed_at = now() where relayed_at is null")
    yield
    house.disconnect()


def _refuse(batch: Batch) -> None:
    raise ConnectionError("the broker is away")


def _outbox(house: House, sent: list[Batch] | None = None, lease: float = 30.0) -> Outbox:
    return Outbox(house.store(), _refuse if sent is None else sent.append, leases=Leases(lease, lease))


def _courier(house: House, *, allow_private: bool = True, waits: tuple[float, ...] = (0.0, 0.0, 0.0)) -> Courier:
    return Courier(
        house.store(),
        partial(channel_secret, house.keys),
        allow_private=allow_private,
        schedule=Schedule(waits),
        limits=Limits(connect_seconds=0.5, total_seconds=1.0),
    )


def _deliveries(house: House, tenant: UUID) -> list[dict[str, object]]:
    return house.rows("select * from deliveries where tenant_id = %s", [tenant])


def test_many_relays_at_once_make_each_delivery_once(house: House) -> None:
    tenant = house.tenant()
    for _ in range(2):
        house.channel(tenant, "https://hooks.example.org/h")
    house.tell_many(tenant, 500)
    with ThreadPoolExecutor(4) as pool:
        relayed = sum(pool.map(lambda _: _outbox(house).relay(), range(4)))
    assert relayed == 500
    assert len(_deliveries(house, tenant)) == 1000
    assert _outbox(house).relay() == 0


def test_a_relay_that_is_rolled_back_leaves_nothing(house: House) -> None:
    tenant = house.tenant()
    house.channel(tenant, "https://hooks.example.org/h")
    house.tell(tenant)
    store = house.store()
    with pytest.raises(RuntimeError), store.transaction():
        assert Outbox(store, _refuse).relay() == 1
        raise RuntimeError("the process dies here")
    assert _deliveries(house, tenant) == []
    assert _outbox(house).relay() == 1
    assert len(_deliveries(house, tenant)) == 1


@pytest.mark.parametrize("payload", ["{}", "[]", '"text"', '{"severity": "4"}', '{"severity": null}', '{"severity": 1e300}'])
def test_a_strange_payload_stops_nobody(house: House, payload: str) -> None:
    tenant = house.tenant()
    house.channel(tenant, "https://hooks.example.org/h")
    house.rows(
        "insert into outbox (tenant_id, id, key, topic, payload) values (%s, %s, %s, 'case.opened', %s)",
        (tenant, uuid4(), f"strange:{uuid4()}", payload),
    )
    house.tell(tenant)
    assert _outbox(house).relay() == 2
    assert len(_deliveries(house, tenant)) == 2
    sent: list[Batch] = []
    assert _outbox(house, sent).dispatch() >= 2


def test_a_row_of_the_future_waits(house: House) -> None:
    tenant = house.tenant()
    house.channel(tenant, "https://hooks.example.org/h")
    message = house.tell(tenant)
    house.rows("update outbox set available_at = now() + interval '1 hour' where id = %s", [message])
    assert _outbox(house).relay() == 0


@pytest.mark.parametrize(
    ("people", "severity", "topic", "unheard"),
    [("always", 3, "case.opened", True), ("hours", 4, "case.raised", True), ("none", 4, "case.opened", False),
     ("always", 2, "case.opened", False), ("always", 4, "report.ready", False)],
)  # fmt: skip
def test_a_severe_case_without_a_channel_is_an_alarm(
    house: House, people: str, severity: int, topic: str, unheard: bool
) -> None:
    tenant = house.tenant(people=people)
    house.tell(tenant, severity=severity, topic=topic)
    _outbox(house).relay()
    assert house.alerts(tenant) == ({"escalation_case_unheard"} if unheard else set())


def test_a_broker_that_is_away_costs_the_lease_only(house: House) -> None:
    tenant = house.tenant()
    house.channel(tenant, "https://hooks.example.org/h")
    message = house.tell(tenant)
    away = _outbox(house, lease=0.3)
    away.relay()
    with pytest.raises(ConnectionError):
        away.dispatch()
    sent: list[Batch] = []
    assert _outbox(house, sent).dispatch() == 0
    time.sleep(0.35)
    assert _outbox(house, sent).dispatch() == 1
    assert sent[0].due == (Due(message, 0),)


def test_the_most_severe_go_first_and_no_channel_takes_all(house: House) -> None:
    loud, quiet = house.tenant(), house.tenant()
    loud_channel = house.channel(loud, "https://hooks.example.org/h")
    quiet_channel = house.channel(quiet, "https://hooks.example.org/h")
    house.tell_many(loud, 40, severity=2)
    house.tell(loud, severity=4)
    house.tell(quiet, severity=3)
    sent: list[Batch] = []
    outbox = _outbox(house, sent, lease=60)
    outbox.relay()
    outbox.dispatch()
    mine = [batch for batch in sent if batch.channel_id in (loud_channel, quiet_channel)]
    assert [(batch.channel_id, batch.urgent, len(batch.due)) for batch in mine if not batch.urgent] == [
        (loud_channel, False, 8)
    ]
    assert {batch.channel_id for batch in mine if batch.urgent} == {loud_channel, quiet_channel}
    assert [batch.urgent for batch in sent] == sorted((batch.urgent for batch in sent), reverse=True)


def test_a_full_queue_takes_no_more_and_the_other_lane_goes_on(house: House) -> None:
    tenant = house.tenant()
    house.channel(tenant, "https://hooks.example.org/h")
    house.tell(tenant, severity=4)
    house.tell(tenant, severity=1)
    sent: list[Batch] = []
    outbox = Outbox(house.store(), sent.append, lambda urgent: not urgent)
    outbox.relay()
    assert outbox.dispatch() == 1
    assert [batch.urgent for batch in sent] == [False]
    assert _outbox(house, sent).dispatch() == 1


def test_channels_in_trouble_share_two_places(house: House, receiver: Receiver) -> None:
    released = threading.Event()
    tenant, path = house.tenant(), f"/{uuid4()}"
    receiver.on(path, behave.hold(released))
    channels = [house.channel(tenant, receiver.url(path)) for _ in range(3)]
    message = house.tell(tenant)
    _outbox(house).relay()
    house.rows("update deliveries set attempts = 1, last_error = 'timeout' where outbox_id = %s", [message])
    sent: list[Batch] = []
    _outbox(house, sent).dispatch()
    assert [batch.troubled for batch in sent] == [True] * 3
    courier = _courier(house)
    with ThreadPoolExecutor(3) as pool:
        for channel in channels:
            pool.submit(courier.deliver, tenant, channel, [Due(message, 1)], urgent=True, troubled=True)
        receiver.wait(path, 2)
        time.sleep(0.2)
        assert len(receiver.at(path)) == 2
        released.set()
    assert sorted(str(row["attempts"]) for row in _deliveries(house, tenant)) == ["1", "2", "2"]


def test_an_attempt_is_made_once_however_often_it_is_asked_for(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    channel = house.channel(tenant, receiver.on(path, behave.status(500)))
    message = house.tell(tenant)
    _outbox(house).relay()
    courier = _courier(house, waits=(0.0, 60.0))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: courier.deliver(tenant, channel, [Due(message, 0)], urgent=True), range(8)))
    assert len(receiver.at(path)) == 1
    assert house.delivery(message)["attempts"] == 1
    assert courier.deliver(tenant, channel, [Due(message, 0)], urgent=True) == 0  # late, and over
    assert len(receiver.at(path)) == 1


def test_a_private_address_is_refused_by_default(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    channel = house.channel(tenant, f"https://127.0.0.1:{receiver.port}{path}", topics=["case.opened"])
    message = house.tell(tenant)
    _outbox(house).relay()
    assert _courier(house, allow_private=False).deliver(tenant, channel, [Due(message, 0)], urgent=True) == 0
    assert house.delivery(message)["last_error"] == "address_private"
    assert house.delivery(message)["state"] == "pending"  # the name may be moved; the alarm is raised at once
    assert "escalation_delivery_refused" in house.alerts(tenant)
    assert not receiver.at(path)
    plain = house.channel(tenant, receiver.url(path), topics=["case.raised"])
    other = house.tell(tenant, topic="case.raised")
    _outbox(house).relay()
    _courier(house, allow_private=False).deliver(tenant, plain, [Due(other, 0)], urgent=True)
    assert (house.delivery(other)["state"], house.delivery(other)["last_error"]) == ("failed", "address_plain")
    assert not receiver.at(path)


def test_a_success_counts_even_when_somebody_else_went_on(house: House, receiver: Receiver) -> None:
    """A worker that slept through its lease: its success is written, its failure is not."""
    tenant, path = house.tenant(), f"/{uuid4()}"
    entered, released = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler, request: behave.Request) -> None:
        entered.set()
        behave.hold(released, 5)(handler, request)

    channel = house.channel(tenant, receiver.on(path, answer))
    message = house.tell(tenant)
    _outbox(house).relay()
    thread = threading.Thread(target=lambda: _courier(house).deliver(tenant, channel, [Due(message, 0)], urgent=True))
    thread.start()
    assert entered.wait(5)
    house.rows("update deliveries set attempts = 5 where outbox_id = %s", [message])
    released.set()
    thread.join(5)
    assert house.delivery(message)["state"] == "delivered"


def test_alerts_are_opened_told_counted_and_closed(house: House) -> None:
    tenant = house.tenant()
    store = house.store()
    for _ in range(3):
        alerts.raise_alert(store, Alert.DELIVERY_DEAD, tenant)
    (row,) = house.rows("select * from operational_alerts where tenant_id = %s", [tenant])
    assert row["count"] == 3
    (told,) = house.rows("select topic, payload from outbox where tenant_id = %s", [tenant])
    assert (told["topic"], told["payload"]["kind"]) == ("alert.opened", "escalation_delivery_dead")
    alerts.match(store, Alert.DELIVERY_DEAD, [])
    assert house.alerts(tenant) == set()
    alerts.match(store, Alert.DELIVERY_DEAD, [tenant])
    assert house.alerts(tenant) == {"escalation_delivery_dead"}
    assert len(house.rows("select 1 from outbox where tenant_id = %s", [tenant])) == 2


def test_an_alert_reaches_a_channel_that_takes_severe_cases_alone(house: House) -> None:
    tenant = house.tenant()
    failing = house.channel(tenant, "https://hooks.example.org/h", severity_from=0, topics=["alert.opened"])
    pager = house.channel(tenant, "https://hooks.example.org/h", severity_from=3, rung=2)
    other = house.channel(tenant, "https://hooks.example.org/h", severity_from=4, topics=["alert.opened"])
    house.tell(tenant, severity=2, topic="case.opened")
    _outbox(house).relay()
    assert _deliveries(house, tenant) == []
    store = house.store()
    alerts.raise_alert(store, Alert.CASE_OVERDUE, tenant)
    house.rows("update channels set enabled = false where id = %s", [other])
    _outbox(house).relay()
    assert {row["channel_id"] for row in _deliveries(house, tenant)} == {failing, pager}
    house.rows("update channels set enabled = id = %s where tenant_id = %s", (other, tenant))
    assert Ledger(store).give_up_stranded() == 2
    assert {row["channel_id"] for row in _deliveries(house, tenant) if row["state"] == "pending"} == {other}


def test_broken_promises_are_seen_and_forgotten(house: House) -> None:
    late, fine, small = house.tenant(), house.tenant(), house.tenant()
    now = datetime.now(UTC)
    case = house.case(late, 4, opened_at=now - timedelta(minutes=6))
    house.case(fine, 4, opened_at=now - timedelta(minutes=4))
    house.case(small, 2, opened_at=now - timedelta(days=2))
    settings = load_settings({"database_url": house.database_url})
    app = create_app(settings)
    store = house.store()
    register(app, Desk(store, _outbox(house, []), _courier(house), Ledger(store)))
    app.tasks["handrail.watch_cases"]()
    assert "escalation_case_overdue" in house.alerts(late)
    assert not house.alerts(fine) | house.alerts(small)
    house.rows("update cases set state = 'acknowledged' where id = %s", [case])
    app.tasks["handrail.watch_cases"]()
    assert house.alerts(late) == set()
    house.rows("update cases set act_by = now() - interval '1 minute' where id = %s", [case])
    for owner in (None, uuid4()):  # nobody, and somebody who may be asleep
        house.rows("update cases set state = 'handed_off', owner = %s, severity = 4 where id = %s", [owner, case])
        app.tasks["handrail.watch_cases"]()
        assert house.alerts(late) == {"escalation_case_overdue"}
        counts = {(row["severity"], row["state"]): (row["cases"], row["overdue"]) for row in store.rows("cases_now")}
        assert counts[4, "handed_off"] == (1, 1)
        house.rows("update cases set severity = 2 where id = %s", [case])
        app.tasks["handrail.watch_cases"]()
        assert house.alerts(late) == set()
    house.rows(
        "update cases set state = 'acknowledged', severity = 4, act_by = now() + interval '1 hour' where id = %s", [case]
    )
    counts = {(row["severity"], row["state"]): (row["cases"], row["overdue"]) for row in store.rows("cases_now")}
    assert counts[2, "open"] == (1, 1)
    assert counts[4, "acknowledged"] == (1, 0)
    app.tasks["handrail.heartbeat"]()
    app.tasks["handrail.ensure_partitions"]()
    app.tasks["handrail.give_up_stranded"]()
    app.tasks["handrail.relay"]()


def test_the_broker_is_set_up_once_however_many_start(house: House, empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: broker.prepare(empty_database_url, QUEUES), range(4)))
    broker.prepare(empty_database_url, QUEUES)
    with psycopg.connect(empty_database_url) as connection:
        queues = connection.execute("select queue_name from pgmq.list_queues() order by 1").fetchall()
        triggers = connection.execute(
            "select count(*) from pg_trigger where tgname = 'trigger_notify_queue_insert_listeners'"
        ).fetchone()
    assert [row[0] for row in queues] == sorted(QUEUES)
    assert triggers == (2,)


def test_what_lies_in_the_queue_is_ids(house: House) -> None:
    settings = load_settings({"database_url": house.database_url})
    _, conninfo = broker_of(settings)
    assert conninfo is not None
    broker.prepare(conninfo, QUEUES)
    app = create_app(settings)
    tenant, channel, message = uuid4(), uuid4(), uuid4()
    enqueue(app, Batch(tenant, channel, True, False, (Due(message, 3),)))
    assert has_room(app, True)
    house.rows("select pgmq.send('handrail_urgent', '{}') from generate_series(1, 200)")
    assert not has_room(app, True)
    assert has_room(app, False)
    app.close()
    (row,) = house.rows("select message from pgmq.q_handrail_urgent order by msg_id limit 1")
    args, kwargs, _ = json.loads(base64.b64decode(row["message"]["body"]))
    assert args == [str(tenant), str(channel), True, False, [[str(message), 3]]]
    assert kwargs == {}
    house.rows("select pgmq.purge_queue('handrail_urgent')")


def test_an_insert_wakes_who_listens_and_the_migration_can_be_taken_back(empty_database_url: str) -> None:
    migrate(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("listen handrail_outbox")
        connection.execute(
            "insert into outbox (tenant_id, id, key, topic, payload) values (%s, %s, 'k', 't', '{}')", (uuid4(), uuid4())
        )
        assert [note.channel for note in connection.notifies(timeout=2, stop_after=1)] == ["handrail_outbox"]
    names = rollback(empty_database_url, count=99)
    assert "0002_outbox_notify" in names
    assert "0002_outbox_notify" in migrate(empty_database_url)
