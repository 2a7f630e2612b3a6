"""From an outbox row to a receiver, through a real worker and PostgreSQL as its broker."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from guard.escalation.signing import webhook_id
from guard.telemetry.exposition import expose
from tests import scripted_server as behave
from tests.integration.escalation.house import WAITS, House, Worker
from tests.integration.escalation.receiver import Receiver

pytestmark = pytest.mark.usefixtures("worker")


def test_a_case_reaches_its_channel_once_and_is_notified(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    channel = house.channel(tenant, receiver.url(path))
    case = house.case(tenant)
    message = house.tell(tenant, case_id=str(case), assigned_to="crisis-team", text="never told", person="ab" * 32)
    (seen,) = receiver.wait(path, 1)
    assert seen.id == webhook_id(message, channel)
    assert seen.message["type"] == "case.opened"
    assert seen.message["data"] == {"assigned_to": "crisis-team", "case_id": str(case), "severity": 4}
    assert seen.headers["content-type"] == "application/json"
    row = house.settled(message, "delivered")
    assert (row["attempts"], row["last_status"]) == (1, 204)
    assert row["delivered_at"] is not None
    (stored,) = house.rows("select state, version from cases where id = %s", [case])
    assert stored == {"state": "notified", "version": 2}
    (event,) = house.rows("select kind, severity, detail from case_events where case_id = %s", [case])
    assert event["kind"] == "notified"
    assert event["detail"] == {"channel": str(channel), "message": str(message)}
    time.sleep(0.5)
    assert len(receiver.at(path)) == 1
    assert not receiver.unverified


def test_a_case_that_a_person_has_taken_stays_theirs(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.url(path))
    case = house.case(tenant)
    house.rows("update cases set state = 'acknowledged' where id = %s", [case])
    message = house.tell(tenant, topic="case.raised", case_id=str(case))
    house.settled(message, "delivered")
    assert house.rows("select state from cases where id = %s", [case]) == [{"state": "acknowledged"}]
    assert len(house.rows("select 1 from case_events where case_id = %s and kind = 'notified'", [case])) == 1


def test_who_does_not_answer_is_told_again_and_the_next_with_them(house: House, receiver: Receiver) -> None:
    tenant, first, second = house.tenant(), f"/{uuid4()}", f"/{uuid4()}"
    house.channel(tenant, receiver.url(first))
    house.channel(tenant, receiver.url(second), rung=2)
    case = house.case(tenant, 4, opened_at=datetime.now(UTC) - timedelta(minutes=4))
    for path in (first, second):
        (seen,) = [seen for seen in receiver.wait(path, 1) if seen.message["type"].startswith("case.")]
        assert seen.message["type"] == "case.unacknowledged"
        data = seen.message["data"]
        assert (data["case_id"], data["rung"], data["everybody"], data["severity"]) == (str(case), 2, False, 4)
    house.rows("update cases set state = 'acknowledged' where id = %s", [case])


def test_another_tenants_case_cannot_be_named(house: House, receiver: Receiver) -> None:
    owner, other, path = house.tenant(), house.tenant(), f"/{uuid4()}"
    house.channel(other, receiver.url(path))
    case = house.case(owner)
    house.settled(house.tell(other, case_id=str(case)), "delivered")
    assert house.rows("select state from cases where id = %s", [case]) == [{"state": "open"}]


def test_only_channels_that_want_it_get_it(house: House, receiver: Receiver) -> None:
    tenant, stranger = house.tenant(), house.tenant()
    paths = {name: f"/{name}-{uuid4()}" for name in ("all", "severe", "alerts", "off", "stranger")}
    house.channel(tenant, receiver.url(paths["all"]))
    house.channel(tenant, receiver.url(paths["severe"]), severity_from=4)
    house.channel(tenant, receiver.url(paths["alerts"]), topics=["alert.opened"])
    house.channel(tenant, receiver.url(paths["off"]), enabled=False)
    house.channel(stranger, receiver.url(paths["stranger"]))
    house.tell(tenant, severity=2)
    house.tell(tenant, severity=4)
    receiver.wait(paths["all"], 2)
    receiver.wait(paths["severe"], 1)
    time.sleep(0.3)
    counts = {name: len(receiver.at(path)) for name, path in paths.items()}
    assert counts == {"all": 2, "severe": 1, "alerts": 0, "off": 0, "stranger": 0}


def test_a_failing_receiver_is_tried_again_with_the_same_id_and_body(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.on(path, behave.first(2, behave.status(500))))
    message = house.tell(tenant)
    seen = receiver.wait(path, 3)
    assert len({request.id for request in seen}) == 1
    assert len({request.body for request in seen}) == 1
    assert house.settled(message, "delivered")["attempts"] == 3


def test_a_receiver_that_is_down_gets_it_when_it_is_back(house: House) -> None:
    away = Receiver(house.secret).start()
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, away.url(path))
    away.stop()
    message = house.tell(tenant)
    deadline = time.monotonic() + 120
    while (
        not (found := house.rows("select last_error from deliveries where outbox_id = %s", [message]))
        or not found[0]["last_error"]
    ):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert found[0]["last_error"] == "connect_failed"
    away.start()
    assert len(away.wait(path, 1)) == 1
    house.settled(message, "delivered")
    away.stop()


def test_gone_disables_the_channel_and_says_so(house: House, receiver: Receiver) -> None:
    tenant, path, other = house.tenant(), f"/{uuid4()}", f"/{uuid4()}"
    channel = house.channel(tenant, receiver.on(path, behave.status(410)), topics=["case.opened"])
    house.channel(tenant, receiver.url(other), topics=["alert.opened"])
    message = house.tell(tenant)
    assert house.settled(message, "failed")["last_error"] == "gone"
    (row,) = house.rows("select enabled, disabled_reason from channels where id = %s", [channel])
    assert row == {"enabled": False, "disabled_reason": "gone"}
    assert "escalation_channel_disabled" in house.alerts(tenant)
    told = receiver.wait(other, 2)
    assert {seen.message["type"] for seen in told} == {"alert.opened"}
    kinds = {seen.message["data"]["kind"] for seen in told}
    assert kinds == {"escalation_channel_disabled", "escalation_case_unreachable"}
    house.tell(tenant)
    time.sleep(0.5)
    assert len(receiver.at(path)) == 1
    assert "escalation_case_unheard" in house.alerts(tenant)  # a severe case that no channel tells anybody of


def test_a_redirect_is_not_followed_and_ends_as_dead(house: House, receiver: Receiver) -> None:
    tenant, path, target = house.tenant(), f"/{uuid4()}", f"/{uuid4()}"
    house.channel(tenant, receiver.on(path, behave.status(307, location=receiver.url(target))), topics=["case.opened"])
    message = house.tell(tenant)
    row = house.settled(message, "dead")
    assert (row["attempts"], row["last_status"], row["last_error"]) == (len(WAITS), 307, "redirect_307")
    assert len(receiver.at(path)) == len(WAITS)
    assert not receiver.at(target)
    assert target not in receiver.unverified
    assert "escalation_delivery_dead" in house.alerts(tenant)


def test_a_slow_receiver_is_left_and_holds_up_nobody(house: House, receiver: Receiver) -> None:
    released = threading.Event()
    slow, quick = house.tenant(), house.tenant()
    slow_path, quick_path = f"/{uuid4()}", f"/{uuid4()}"
    house.channel(slow, receiver.on(slow_path, behave.first(1, behave.hold(released))))
    house.channel(quick, receiver.url(quick_path))
    message = house.tell(slow)
    receiver.wait(slow_path, 1)
    began = time.monotonic()
    house.tell(quick)
    receiver.wait(quick_path, 1)
    assert time.monotonic() - began < 1.4  # the slow one is held for 1.5 s
    again = receiver.wait(slow_path, 2)
    assert again[0].id == again[1].id
    assert house.settled(message, "delivered")["attempts"] == 2
    released.set()


@pytest.mark.parametrize(
    ("name", "behaviour", "error"),
    [
        ("nonsense", behave.raw(b"\x00\xff\xfe nonsense\r\n\r\n"), "protocol_error"),
        ("hang-up", behave.raw(b""), "protocol_error"),
        ("half a head", behave.raw(b"HTTP/1.1 200"), "protocol_error"),
        ("endless head", behave.drip(b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n", 0.05), "timeout"),
    ],
)
def test_garbage_is_a_failed_attempt(
    house: House, receiver: Receiver, name: str, behaviour: behave.Behaviour, error: str
) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.on(path, behave.first(1, behaviour)))
    message = house.tell(tenant)
    receiver.wait(path, 1)
    deadline = time.monotonic() + 120
    errors = set()
    while error not in errors and time.monotonic() < deadline:
        errors.add(house.delivery(message)["last_error"])
        time.sleep(0.005)
    assert error in errors
    assert house.settled(message, "delivered")["attempts"] == 2


def test_an_endless_body_after_a_success_is_a_success(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    endless = behave.drip(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n", b"x" * 65536, 0)
    house.channel(tenant, receiver.on(path, endless))
    row = house.settled(house.tell(tenant), "delivered")
    assert (row["attempts"], row["last_status"]) == (1, 200)


def test_retry_after_holds_back_the_next_attempt(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.on(path, behave.first(1, behave.status(429, retry_after="2"))))
    house.tell(tenant)
    one, two = receiver.wait(path, 2)
    assert two.at - one.at >= 2


def test_an_alert_of_a_secret_that_does_not_open(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.url(path), secret=b"\x01 not sealed by this key at all", topics=["case.opened"])
    message = house.tell(tenant)
    house.settled(message, "dead")
    assert house.delivery(message)["last_error"] == "secret_unusable"
    assert "escalation_delivery_refused" in house.alerts(tenant)
    assert not receiver.at(path)


def test_two_hundred_messages_arrive_once_each(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.url(path))
    house.tell_many(tenant, 200, severity=1)
    seen = receiver.wait(path, 200)
    assert len({request.id for request in seen}) == 200
    time.sleep(0.3)
    assert len(receiver.at(path)) == 200


def test_the_log_and_the_queue_hold_ids_only(house: House, receiver: Receiver, worker: Worker) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}?key=url-secret"
    house.channel(tenant, receiver.on(path, behave.first(1, behave.status(500))))
    house.settled(house.tell(tenant, text="a marked sentence", kind="marked"), "delivered")
    assert receiver.at(path)
    log = worker.log.read_text()
    for word in ("marked", "url-secret", house.secret, "127.0.0.1", "postgresql://"):
        assert word not in log


def test_the_cases_are_counted_by_the_leader(house: House) -> None:
    tenant = house.tenant(people="none")
    house.case(tenant, 1)
    (stored,) = house.rows("select count(*) as n from cases where severity = 1 and state = 'open'")
    wanted = f'handrail_cases{{severity="1",state="open"}} {float(stored["n"])}'
    deadline = time.monotonic() + 120
    while wanted not in (text := expose(CollectorRegistry(), house.folder / "metrics")[0].decode()):
        assert time.monotonic() < deadline, text
        time.sleep(0.1)
    assert "handrail_outbox_waiting" in text


def test_from_row_to_receipt(house: House, receiver: Receiver, record_property: pytest.RecordProperty) -> None:  # type: ignore[name-defined]
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.url(path))
    seconds = []
    for number in range(15):
        began = time.time()
        house.tell(tenant)
        seconds.append(receiver.wait(path, number + 1)[-1].at - began)
    record_property("outbox_to_receipt_p50_seconds", round(sorted(seconds)[7], 4))
    assert len({request.id for request in receiver.at(path)}) == 15
