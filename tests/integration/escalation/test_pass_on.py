"""Another channel when one fails, what nobody could be told of, what is made again by hand, and secrets that change."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from typer.testing import CliRunner

from guard.cli.deliveries import app, failing, sentence, untold
from guard.escalation import alerts, deliveries
from guard.escalation.channels import rotate_secret
from guard.escalation.courier import Courier
from guard.escalation.errors import ChannelRefused, DeliveryNotFound
from guard.escalation.ledger import Attempt, Ledger
from guard.escalation.outbox import Due, Outbox
from guard.escalation.schedule import Answer, Schedule, settle
from guard.escalation.signing import webhook_id
from guard.records.admin import channel_secret
from tests import scripted_server as behave
from tests.integration.escalation.house import House
from tests.integration.escalation.receiver import Receiver

_CASES = ["case.opened", "case.raised"]


@pytest.fixture(autouse=True)
def _quiet(house: House) -> Iterator[None]:
    house.rows("update deliveries set state = 'failed' where state = 'pending'")
    house.rows("update outbox set relayed_at = now() where relayed_at is null")
    yield
    house.disconnect()


def _on(house: House, work: Any) -> Any:
    async def run() -> Any:
        async with await psycopg.AsyncConnection.connect(house.database_url, autocommit=True) as connection:
            return await work(connection)

    return asyncio.run(run())


def _read(house: House, tenant: UUID, **options: Any) -> list[deliveries.Delivery]:
    (name,) = (row["name"] for row in house.rows("select name from tenants where id = %s", [tenant]))
    found: list[deliveries.Delivery] = _on(house, lambda c: deliveries.read(c, tenant=name, **options))
    return found


@pytest.mark.parametrize(
    ("severity", "behaviour", "waits", "state"),
    [
        (1, behave.status(410), (0.0, 60.0), "failed"),
        (1, behave.status(500), (0.0,), "dead"),
        (4, behave.status(500), (0.0, 60.0), "pending"),  # nobody in danger waits for a schedule
        (4, behave.raw(b""), (0.0, 60.0), "pending"),
    ],
)
def test_the_next_channel_is_told_at_once(
    house: House, receiver: Receiver, severity: int, behaviour: behave.Behaviour, waits: tuple[float, ...], state: str
) -> None:
    tenant, first, second, third = house.tenant(), f"/{uuid4()}", f"/{uuid4()}", f"/{uuid4()}"
    failing = house.channel(tenant, receiver.on(first, behaviour), topics=_CASES, name="first")
    house.channel(tenant, receiver.url(second), topics=["case.raised"], rung=2, name="second")
    house.channel(tenant, receiver.url(third), topics=_CASES, rung=3, name="third")
    case = house.case(tenant, severity)
    message = house.tell(tenant, case_id=str(case), severity=severity)
    assert house.round(waits=waits) == 0
    assert house.round(waits=waits) == 1
    (seen,) = receiver.at(second)
    assert seen.message["data"]["case_id"] == str(case)
    assert not receiver.at(third)
    assert house.delivery(message)["state"] == state
    (row,) = house.rows("select instead_of from deliveries where outbox_id = %s and instead_of is not null", [message])
    assert row["instead_of"] == failing
    assert house.events(case) == ["notified"]
    assert "escalation_case_unreachable" not in house.alerts(tenant)
    told = {entry.channel: (entry.state, entry.instead_of) for entry in _read(house, tenant) if entry.topic == "case.opened"}
    assert told == {"first": ("retrying" if state == "pending" else "unreachable", None), "second": ("delivered", "first")}


def test_below_severity_3_the_schedule_is_kept_and_a_pager_stays_silent(house: House, receiver: Receiver) -> None:
    tenant, path, pager = house.tenant(), f"/{uuid4()}", f"/{uuid4()}"
    house.channel(tenant, receiver.on(path, behave.status(500)), topics=_CASES)
    house.channel(tenant, receiver.url(pager), topics=_CASES, severity_from=3, rung=2)
    house.tell(tenant, severity=2)
    house.round(waits=(0.0, 0.0))
    assert not house.rows("select 1 from deliveries where tenant_id = %s and instead_of is not null", [tenant])
    house.round(waits=(0.0, 0.0))
    assert [entry.state for entry in _read(house, tenant)] == ["unreachable"]
    assert not receiver.at(pager)


def test_one_takes_over_from_another_once(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.on(path, behave.status(500)), topics=_CASES)
    for rung in (2, 3):
        house.channel(tenant, receiver.on(f"{path}/{rung}", behave.status(204)), topics=_CASES, rung=rung)
    house.tell(tenant, severity=4)
    for _ in range(5):
        house.round(waits=(0.0, 0.0, 0.0))
    assert len(receiver.at(path)) == 3
    assert len(receiver.at(f"{path}/2")) == 1
    assert not receiver.at(f"{path}/3")


def test_a_case_that_no_channel_takes_says_so(house: House, receiver: Receiver) -> None:
    tenant = house.tenant()
    for rung in (1, 2):
        house.channel(tenant, receiver.on(f"/{uuid4()}", behave.status(302, location="https://example.org/")), rung=rung,
                      topics=_CASES)  # fmt: skip
    case = house.case(tenant, 3)
    house.tell(tenant, case_id=str(case), severity=3)
    house.round()
    assert house.events(case) == []
    house.round()
    assert house.events(case) == ["unreachable"]
    assert "escalation_case_unreachable" in house.alerts(tenant)
    assert [entry.error for entry in _read(house, tenant, dead=True)] == ["redirect_302"] * 2


def test_channels_that_fail_at_the_same_moment_leave_one_note(house: House) -> None:
    tenant = house.tenant()
    channels = [house.channel(tenant, "https://hooks.example.org/h", topics=_CASES) for _ in range(4)]
    for _ in range(3):
        case = house.case(tenant, 4)
        message = house.tell(tenant, case_id=str(case))
        house.rows("update outbox set relayed_at = now() where id = %s", [message])
        for channel in channels:
            house.rows(
                "insert into deliveries (tenant_id, outbox_id, channel_id, attempts) values (%s, %s, %s, 1)",
                (tenant, message, channel),
            )
        (row,) = house.rows("select created_at, payload from outbox where id = %s", [message])
        attempt = Attempt(message, 1, 1, "case.opened", row["created_at"], row["payload"], 4, "webhook", "", b"", None)
        answer = Answer(status=404)
        barrier = threading.Barrier(len(channels))

        def fail(
            channel: UUID, barrier: threading.Barrier = barrier, attempt: Attempt = attempt, answer: Answer = answer
        ) -> None:
            ledger = Ledger(house.store())
            barrier.wait(5)
            ledger.write(tenant, channel, attempt, answer, settle(answer, 1, Schedule((0.0,))))

        threads = [threading.Thread(target=fail, args=(channel,)) for channel in channels]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert house.events(case) == ["unreachable"]


def test_what_waits_for_a_channel_that_was_switched_off_goes_to_another(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    gone = house.channel(tenant, "http://127.0.0.1:9/h", topics=_CASES)
    house.channel(tenant, receiver.url(path), topics=_CASES, rung=2)
    message = house.tell(tenant, severity=2)
    house.round(waits=(0.0, 60.0))
    house.rows("update channels set enabled = false, disabled_reason = 'operator' where id = %s", [gone])
    assert Ledger(house.store()).give_up_stranded() == 1
    assert house.delivery(message)["last_error"] == "channel_disabled"
    assert house.round() == 1
    assert len(receiver.at(path)) == 1


def test_acknowledged_is_what_a_person_did_after_it(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.url(path), topics=_CASES)
    case = house.case(tenant, 4)

    def acknowledged(at: datetime) -> None:
        house.rows(
            "insert into case_events (tenant_id, case_id, id, key, kind, at, severity)"
            " values (%s, %s, %s, %s, 'acknowledged', %s, 4)",
            (tenant, case, uuid4(), str(uuid4()), at),
        )

    acknowledged(datetime.now(UTC) - timedelta(hours=1))
    house.tell(tenant, case_id=str(case))
    house.round()
    assert [entry.state for entry in _read(house, tenant)] == ["delivered"]
    acknowledged(datetime.now(UTC) + timedelta(seconds=1))
    assert [entry.state for entry in _read(house, tenant)] == ["acknowledged"]


def test_what_was_given_up_is_made_again_under_the_same_id_with_its_whole_schedule(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    channel = house.channel(tenant, receiver.on(path, behave.first(3, behave.status(503))), topics=_CASES)
    case = house.case(tenant, 2)
    message = house.tell(tenant, case_id=str(case), severity=2)
    house.round(waits=(0.0, 0.0))
    house.round(waits=(0.0, 0.0))
    assert house.delivery(message)["state"] == "dead"
    wanted = webhook_id(message, channel)
    (found,) = _on(house, lambda c: deliveries.find(c, wanted))
    assert _on(house, lambda c: deliveries.find(c, str(message))) == [found]
    assert _on(house, lambda c: deliveries.replay(c, [found])) == 1
    assert _on(house, lambda c: deliveries.replay(c, [found])) == 0  # it is on its way
    house.round(waits=(0.0, 0.0))
    assert house.delivery(message)["state"] == "pending"  # the first failure of the second schedule is not its end
    assert house.round(waits=(0.0, 0.0)) == 1
    assert {seen.id for seen in receiver.at(path)} == {wanted}
    row = house.delivery(message)
    assert (row["state"], row["attempts"], row["spent"]) == ("delivered", 4, 2)
    assert house.events(case) == ["unreachable", "replayed", "notified"]
    (audit,) = house.rows("select actor, action, detail from audit_log where tenant_id = %s", [tenant])
    assert (audit["actor"], audit["action"]) == ("cli", "deliveries.replayed")
    assert audit["detail"] == {"deliveries": 1, "message_1": wanted}
    with pytest.raises(DeliveryNotFound):
        _on(house, lambda c: deliveries.find(c, wanted))


def test_the_commands(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    (name,) = (row["name"] for row in house.rows("select name from tenants where id = %s", [tenant]))
    channel = house.channel(tenant, receiver.on(path, behave.first(1, behave.status(410))), topics=_CASES, name="desk")
    message = house.tell(tenant, severity=2)
    house.round()
    url = ["--tenant", name, "--database-url", house.database_url, "--data-dir", str(house.folder)]
    run = CliRunner()
    shown = run.invoke(app, ["list", "--dead", *url])
    assert shown.exit_code == 0, shown.output
    for part in (webhook_id(message, channel), "desk", "case.opened", "unreachable", "gone (410)"):
        assert part in shown.output
    refused = run.invoke(app, ["replay", "--all", *url])
    assert refused.exit_code == 1
    assert "handrail channel enable" in refused.output
    house.rows("update channels set enabled = true, disabled_reason = null where id = %s", [channel])
    assert "1 delivery is due again" in run.invoke(app, ["replay", webhook_id(message, channel), *url]).output
    assert "nothing is made again" in run.invoke(app, ["replay", "--all", *url]).output
    assert house.round() == 1
    assert "delivered" in run.invoke(app, ["list", *url]).output
    assert "none yet" in run.invoke(app, ["list", "--dead", *url]).output
    assert run.invoke(app, ["replay", *url]).exit_code == 2
    assert run.invoke(app, ["replay", "x", "--all", *url]).exit_code == 2
    assert isinstance(run.invoke(app, ["replay", "msg_unknown", *url]).exception, DeliveryNotFound)


def test_alerts_end_with_their_cause(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    store = house.store()
    behaviour = behave.first(1, behave.status(500), behave.status(410))
    gone = house.channel(tenant, receiver.on(path, behaviour), topics=_CASES, name="desk")
    case = house.case(tenant, 3)
    for _ in range(2):
        house.tell(tenant, case_id=str(case), severity=3)
        house.round()
    house.tell(tenant, case_id=str(case), severity=3)
    house.round()
    standing = {"channel_disabled", "delivery_dead", "case_unreachable", "case_unheard"}
    assert house.alerts(tenant) == {f"escalation_{kind}" for kind in standing}
    alerts.close_over(store)
    assert house.alerts(tenant) == {f"escalation_{kind}" for kind in standing}
    house.rows("update channels set enabled = true, disabled_reason = null where id = %s", [gone])
    alerts.close_over(store)
    standing.remove("channel_disabled")
    assert house.alerts(tenant) == {f"escalation_{kind}" for kind in standing}
    house.rows("update cases set state = 'handed_off', owner = %s where id = %s", [uuid4(), case])
    alerts.close_over(store)
    assert "escalation_case_unreachable" in house.alerts(tenant)  # who is to take it has not heard of it
    receiver.on(path, behave.status(204))
    assert _on(house, lambda c: deliveries.read(c, tenant=f"t-{tenant.hex}", dead=True))
    assert _on(house, lambda c: _replay_all(c, tenant)) == 2
    assert house.round() == 2
    alerts.close_over(store)
    assert house.alerts(tenant) == set()


def test_unheard_stands_while_the_case_was_told_to_nobody(house: House, receiver: Receiver) -> None:
    tenant, store, path = house.tenant(), house.store(), f"/{uuid4()}"
    channel = house.channel(tenant, receiver.on(path, behave.status(204)), topics=_CASES, severity_from=4)
    case = house.case(tenant, 3)
    house.tell(tenant, case_id=str(case), severity=3)
    house.round()
    assert house.events(case) == ["unreachable"]
    alerts.close_over(store)
    assert house.alerts(tenant) == {"escalation_case_unheard"}  # a channel takes cases, and not this one
    house.rows("update channels set severity_from = 3 where id = %s", [channel])
    alerts.close_over(store)
    assert house.alerts(tenant) == {"escalation_case_unheard"}  # and nobody has heard of it since
    house.tell(tenant, case_id=str(case), severity=3, topic="case.raised")
    assert house.round() == 1
    alerts.close_over(store)
    assert house.alerts(tenant) == set()


def test_nobody_is_told_of_a_case_that_was_closed(house: House, receiver: Receiver) -> None:
    tenant, store, path = house.tenant(), house.store(), f"/{uuid4()}"
    channel = house.channel(tenant, receiver.on(path, behave.status(204)), topics=_CASES)
    case, closed = house.case(tenant, 4), house.case(tenant, 4)
    message, moot = (house.tell(tenant, case_id=str(one)) for one in (case, closed))
    Outbox(store, lambda batch: None).relay()
    house.rows("update cases set state = 'closed' where id = %s", [closed])
    courier = Courier(store, partial(channel_secret, house.keys), allow_private=True)
    assert courier.deliver(tenant, channel, [Due(moot, 0)], urgent=True) == 0
    assert courier.deliver(tenant, channel, [Due(message, 0)], urgent=True) == 1  # and what else is due on the way
    assert [seen.message["data"]["case_id"] for seen in receiver.at(path)] == [str(case)]
    ledger = Ledger(store)
    assert (ledger.give_up_closed(), ledger.give_up_closed()) == (1, 0)
    row = house.delivery(moot)
    assert (row["state"], row["attempts"], row["last_error"]) == ("failed", 0, "case_closed")
    assert {entry.outbox_id: entry.state for entry in _read(house, tenant)} == {message: "delivered", moot: "closed"}
    assert _read(house, tenant, dead=True) == []
    with psycopg.connect(house.database_url) as connection:
        assert channel not in {row.id for row in failing(connection)}
    assert house.alerts(tenant) == set()


def test_a_replay_settles_what_tells_of_a_closed_case(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.on(path, behave.status(500)), topics=_CASES)
    case = house.case(tenant, 2)
    message = house.tell(tenant, case_id=str(case), severity=2)
    house.round()
    house.tell(tenant, case_id=str(case), severity=2, topic="case.raised")
    house.round(waits=(0.0, 60.0))
    house.rows("update cases set state = 'closed' where id = %s", [case])
    assert Ledger(house.store()).give_up_closed() == 1
    assert [entry.error for entry in _read(house, tenant, dead=True)] == ["status_500"] * 2  # the channel does fail
    assert _on(house, lambda c: _replay_all(c, tenant)) == 0
    assert house.delivery(message)["last_error"] == "case_closed"
    assert _read(house, tenant, dead=True) == []
    alerts.close_over(house.store())
    assert house.alerts(tenant) == set()
    house.round()
    assert len(receiver.at(path)) == 2


def test_a_late_message_tells_nobody_of_a_higher_severity(house: House, receiver: Receiver) -> None:
    tenant, store, path = house.tenant(), house.store(), f"/{uuid4()}"
    house.channel(tenant, receiver.on(path, behave.first(1, behave.status(400))), topics=["case.opened"])
    case = house.case(tenant, 4)  # opened with 2, and raised since
    house.rows("update cases set raised_at = now() - interval '5 minutes' where id = %s", [case])
    house.tell(tenant, case_id=str(case), severity=4)
    house.round()
    assert house.alerts(tenant) == {"escalation_case_unreachable", "escalation_delivery_dead"}

    def state() -> tuple[str, int, list[int]]:
        (row,) = house.rows("select state, version from cases where id = %s", [case])
        told = house.rows("select severity from case_events where case_id = %s and kind = 'notified' order by at", [case])
        return row["state"], row["version"], [event["severity"] for event in told]

    for severity in (2, 3):
        house.tell(tenant, case_id=str(case), severity=severity)
        assert house.round() == 1
    assert state() == ("open", 1, [2, 3])
    alerts.close_over(store)
    assert "escalation_case_unreachable" in house.alerts(tenant)
    with psycopg.connect(house.database_url) as connection:
        assert f"t-{tenant.hex}" in {row.tenant for row in untold(connection)}
    house.tell(tenant, case_id=str(case), severity=10**300)  # a strange payload breaks nothing
    assert house.round() == 1
    assert state() == ("notified", 2, [2, 3, 4])
    alerts.close_over(store)
    assert "escalation_case_unreachable" not in house.alerts(tenant)
    with psycopg.connect(house.database_url) as connection:
        assert f"t-{tenant.hex}" not in {row.tenant for row in untold(connection)}


async def _replay_all(connection: Any, tenant: UUID) -> int:
    return await deliveries.replay(connection, await deliveries.read(connection, tenant=f"t-{tenant.hex}", dead=True))


def test_codes_are_said_in_words() -> None:
    assert sentence("smtp_550") == "the mail server answered 550"
    assert "HANDRAIL_SMTP_URL" in sentence("smtp_unset")
    assert "gone (410)" in sentence("gone")
    assert sentence("redirect_302").startswith("the receiver redirects (302)")


def test_while_a_secret_is_rotated_both_verify_and_after_that_one(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    channel = house.channel(tenant, receiver.url(path), topics=_CASES, name="desk")
    secret = _on(house, lambda c: rotate_secret(c, house.keys, tenant, "desk", overlap=timedelta(hours=1)))
    house.tell(tenant, severity=2)
    house.round()
    (seen,) = receiver.at(path)  # the receiver verifies with the old secret alone
    assert len(seen.headers["webhook-signature"].split(" ")) == 2
    assert all(part.startswith("v1,") for part in seen.headers["webhook-signature"].split(" "))
    for key in (secret, house.secret):
        assert Webhook(key).verify(seen.body, seen.headers) == seen.message
    with pytest.raises(ChannelRefused, match="still signs until"):
        _on(house, lambda c: rotate_secret(c, house.keys, tenant, "desk"))
    house.rows("update channels set previous_until = now() - interval '1 second' where id = %s", [channel])
    receiver.secret, before = secret, receiver.secret
    try:
        house.tell(tenant, severity=2)
        house.round()
    finally:
        receiver.secret = before
    last = receiver.at(path)[-1]
    assert last.id != seen.id
    with pytest.raises(WebhookVerificationError):
        Webhook(house.secret).verify(last.body, last.headers)
    newest = _on(house, lambda c: rotate_secret(c, house.keys, tenant, "desk", overlap=timedelta(0)))
    assert newest not in (secret, house.secret)
    (row,) = house.rows("select previous_secret, previous_until from channels where id = %s", [channel])
    assert row == {"previous_secret": None, "previous_until": None}
    with pytest.raises(ChannelRefused, match="30 days"):
        _on(house, lambda c: rotate_secret(c, house.keys, tenant, "desk", overlap=timedelta(days=31)))
