"""The ladder in a real database: who is told when nobody acknowledges, once each, and what ends by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from guard.escalation import alerts
from guard.escalation.ladder import Ladder
from guard.escalation.outbox import Outbox
from guard.records.ids import new_id
from tests.integration.escalation.house import House, OpenStore


@pytest.fixture(autouse=True)
def _quiet(house: House) -> Iterator[None]:
    """What another test left waiting is no part of this one."""
    house.rows("update cases set state = 'closed' where state <> 'closed'")
    yield
    house.disconnect()


def _ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


def _on_rungs(house: House, tenant: UUID, *rungs: int) -> dict[UUID, str]:
    """A channel on each rung: its id and a name for it."""
    return {
        house.channel(tenant, "https://hooks.example.org/h", rung=rung, name=f"c{number}"): f"c{number}"
        for number, rung in enumerate(rungs, 1)
    }


def _told(house: House, channels: dict[UUID, str], message: UUID) -> str:
    """Names of the channels that a message goes to."""
    rows = house.rows("select channel_id from deliveries where outbox_id = %s", [message])
    return " ".join(sorted(channels[row["channel_id"]] for row in rows))


def _steps(house: House, tenant: UUID) -> list[UUID]:
    """The ladder's messages."""
    statement = "select id from outbox where tenant_id = %s and topic = 'case.unacknowledged' order by created_at, id"
    return [row["id"] for row in house.rows(statement, [tenant])]


def _lease(house: House, tenant: UUID, case: UUID, expires_at: datetime) -> None:
    """Somebody's hold on the case."""
    house.rows(
        "insert into case_leases (tenant_id, case_id, token, reviewer, claimed_at, heartbeat_at, expires_at)"
        " values (%s, %s, %s, %s, now(), now(), %s)"
        " on conflict (tenant_id, case_id) do update set expires_at = excluded.expires_at",
        (tenant, case, uuid4(), uuid4(), expires_at),
    )


def _climb(house: House) -> None:
    store = house.store()
    Ladder(store).climb()
    Outbox(store, lambda batch: None).relay()


def test_the_next_rung_is_told_when_nobody_acknowledges_and_everybody_at_last(house: House) -> None:
    tenant = house.tenant()
    channels = _on_rungs(house, tenant, 1, 2, 5)
    severe = house.channel(tenant, "https://hooks.example.org/h", rung=9, severity_from=4, name="c4")
    alerts = house.channel(tenant, "https://hooks.example.org/h", topics=["alert.opened"], name="alerts")
    channels |= {severe: "c4", alerts: "alerts"}
    case = house.case(tenant, 4, opened_at=_ago(1))
    opened = house.tell(tenant, case_id=str(case))
    _climb(house)
    assert _told(house, channels, opened) == "c1"
    assert _steps(house, tenant) == []
    for minutes, told in ((3.1, "c1 c2"), (6.1, "c1 c2 c3"), (8.1, "c1 c2 c3 c4")):
        house.rows("update cases set raised_at = %s, next_rung_at = null where id = %s", [_ago(minutes), case])
        _climb(house)
        assert _told(house, channels, _steps(house, tenant)[-1]) == told
    assert house.events(case) == ["unacknowledged"] * 3
    (stored,) = house.rows("select rung, version, next_rung_at - now() as look from cases where id = %s", [case])
    assert (stored["rung"], stored["version"]) == (3, 1)
    assert timedelta(0) < stored["look"] < timedelta(minutes=1)  # at 9 minutes
    (payload,) = [
        row["payload"] for row in house.rows("select payload from outbox where id = %s", [_steps(house, tenant)[-1]])
    ]
    assert payload["everybody"] is True
    assert payload["severity"] == 4


def test_a_step_is_told_once_by_however_many_and_what_was_missed_is_one_step(house: House) -> None:
    tenant = house.tenant()
    house.channel(tenant, "https://hooks.example.org/h")
    cases = [house.case(tenant, 4, opened_at=_ago(50)) for _ in range(20)]
    with ThreadPoolExecutor(4) as pool:
        told = sum(pool.map(lambda _: Ladder(house.store()).climb(), range(8)))
    assert told == len(cases) == len(_steps(house, tenant))
    house.rows("update cases set next_rung_at = null where tenant_id = %s", [tenant])
    assert Ladder(house.store()).climb() == 0  # the same step


class _Breaking(OpenStore):
    """Its first connection is ended by the server after the statement ``after``."""

    after = "climb"

    def run(self, name: str, values: Mapping[str, Any] | None = None) -> int:
        written = super().run(name, values)
        if name == self.after:
            self.after = ""
            with psycopg.connect(self.conninfo, autocommit=True) as other:
                other.execute("select pg_terminate_backend(%s, 5000)", [self.connection().info.backend_pid])
        return written


def test_a_step_is_not_lost_with_a_connection_that_breaks_after_it(house: House) -> None:
    tenant = house.tenant()
    house.channel(tenant, "https://hooks.example.org/h")
    case = house.case(tenant, 2, opened_at=_ago(60 * 25))
    store = _Breaking(house.database_url, house.opened)
    with pytest.raises(psycopg.OperationalError):
        Ladder(store).climb()
    assert house.rows("select next_rung_at from cases where id = %s", [case]) == [{"next_rung_at": None}]
    assert Ladder(store).climb() == len(_steps(house, tenant)) == 1


@pytest.mark.parametrize(("silent_minutes", "waited", "steps"), [(1, 16, 1), (40, 16, 0), (40, 61, 1), (1, 121, 1)])
def test_severity_3_waits_longer_for_somebody_who_has_left(
    house: House, silent_minutes: float, waited: float, steps: int
) -> None:
    tenant, session = house.tenant(), new_id()
    house.channel(tenant, "https://hooks.example.org/h")
    house.rows(
        "insert into sessions (tenant_id, id, key, started_at, last_at, state) values (%s, %s, %s, now(), %s, '{}')",
        (tenant, session, os.urandom(32), _ago(silent_minutes)),
    )
    case = house.case(tenant, 3, opened_at=_ago(waited))
    house.rows("update cases set session_id = %s where id = %s", [session, case])
    assert Ladder(house.store()).climb() == steps
    assert Ladder(house.store()).climb() == 0


def test_whoever_was_told_is_reminded_when_the_person_falls_silent(house: House) -> None:
    tenant, session = house.tenant(), new_id()
    channels = _on_rungs(house, tenant, 1, 2, 3, 4, 5)
    house.rows(
        "insert into sessions (tenant_id, id, key, started_at, last_at, state) values (%s, %s, %s, now(), now(), '{}')",
        (tenant, session, os.urandom(32)),
    )
    case = house.case(tenant, 3, opened_at=_ago(46))
    house.rows("update cases set session_id = %s where id = %s", [session, case])
    _climb(house)
    assert _told(house, channels, _steps(house, tenant)[-1]) == "c1 c2 c3 c4"
    house.rows("update sessions set last_at = %s where id = %s", [_ago(20), session])
    house.rows("update cases set raised_at = %s, next_rung_at = null where id = %s", [_ago(61), case])
    _climb(house)
    assert len(_steps(house, tenant)) == 2
    assert _told(house, channels, _steps(house, tenant)[-1]) == "c1 c2 c3 c4"


@pytest.mark.parametrize("state", ["acknowledged", "closed"])
def test_who_has_a_case_is_left_alone(house: House, state: str) -> None:
    tenant = house.tenant()
    house.channel(tenant, "https://hooks.example.org/h")
    case = house.case(tenant, 4, opened_at=_ago(30))
    house.rows("update cases set state = %s, owner = %s where id = %s", [state, uuid4(), case])
    _lease(house, tenant, case, _ago(-5))
    assert Ladder(house.store()).climb() == 0


def test_a_case_that_was_taken_and_abandoned_climbs_until_somebody_is_at_it(house: House) -> None:
    tenant = house.tenant()
    channels = _on_rungs(house, tenant, 1, 2)
    case, fresh, small = (house.case(tenant, severity, opened_at=_ago(9)) for severity in (4, 3, 2))
    house.rows("update cases set state = 'acknowledged', owner = %s where tenant_id = %s", [uuid4(), tenant])
    house.rows("update cases set act_by = %s where id = %s", [_ago(60), small])
    _climb(house)
    assert _steps(house, tenant) == []  # the time to act is not over
    house.rows("update cases set act_by = %s where id = %s", [_ago(2), case])
    for _ in range(2):
        _climb(house)
        (step,) = _steps(house, tenant)
        assert _told(house, channels, step) == "c1"
    (row,) = house.rows("select payload from outbox where id = %s", [step])
    assert (row["payload"]["case_id"], row["payload"]["reason"]) == (str(case), "abandoned")
    house.rows("update cases set act_by = %s, next_rung_at = null where id = %s", [_ago(4), case])
    _climb(house)
    assert _told(house, channels, _steps(house, tenant)[-1]) == "c1 c2"
    _lease(house, tenant, case, _ago(-5))  # somebody opens it
    house.rows("update cases set next_rung_at = null where id = %s", [case])
    _climb(house)
    assert len(_steps(house, tenant)) == 2
    _lease(house, tenant, case, _ago(1))  # and is gone again
    house.rows("update cases set rung = 1 where id = %s", [case])
    _climb(house)
    assert _told(house, channels, _steps(house, tenant)[-1]) == "c1"
    assert house.events(case) == ["unacknowledged"] * 3
    assert house.events(fresh) + house.events(small) == []
    house.rows("update channels set enabled = false where tenant_id = %s", [tenant])
    house.rows("update cases set next_rung_at = null where id = %s", [case])
    _lease(house, tenant, case, _ago(0.5))
    _climb(house)
    house.rows("update channels set enabled = true where tenant_id = %s", [tenant])
    alerts.close_over(house.store())
    assert house.alerts(tenant) == {"escalation_case_unheard"}  # nobody has heard that it waits again
    _lease(house, tenant, case, _ago(-5))
    alerts.close_over(house.store())
    assert house.alerts(tenant) == set()


@pytest.mark.parametrize("owner", [None, uuid4()])
def test_a_case_that_was_handed_off_climbs_again_from_then_on_until_it_is_taken(house: House, owner: UUID | None) -> None:
    tenant = house.tenant()
    house.channel(tenant, "https://hooks.example.org/h")
    case = house.case(tenant, 4, opened_at=_ago(30))
    house.rows("update cases set state = 'handed_off', owner = %s where id = %s", [owner, case])
    for minutes, told in ((2, 0), (4, 1)):
        house.rows(
            "insert into case_events (tenant_id, case_id, id, key, kind, at, severity)"
            " values (%s, %s, %s, %s, 'handed_off', %s, 4)"
            " on conflict (tenant_id, case_id, key) do update set at = excluded.at",
            (tenant, case, uuid4(), "handed_off:1", _ago(minutes)),
        )
        house.rows("update cases set next_rung_at = null where id = %s", [case])
        assert Ladder(house.store()).climb() == told
    (step,) = house.rows("select payload from outbox where tenant_id = %s and topic = 'case.unacknowledged'", [tenant])
    assert (step["payload"]["rung"], step["payload"]["everybody"]) == (2, False)
    house.rows("update cases set next_rung_at = null where id = %s", [case])
    with psycopg.connect(house.database_url) as claiming:  # somebody takes it at the moment of the next look
        _lease(house, tenant, case, _ago(-5))
        claiming.execute("update cases set state = 'acknowledged', raised_at = %s where id = %s", [_ago(30), case])
        assert Ladder(house.store()).climb() == 0
    assert Ladder(house.store()).climb() == 0


def test_every_hand_off_begins_a_ladder_of_its_own(house: House) -> None:
    tenant = house.tenant()
    house.channel(tenant, "https://hooks.example.org/h")
    case = house.case(tenant, 4, opened_at=_ago(60))
    for number, minutes in enumerate((40, 20, 4)):  # to and fro, each time taken and given away again
        house.rows(
            "insert into case_events (tenant_id, case_id, id, key, kind, at, severity)"
            " values (%s, %s, %s, %s, 'handed_off', %s, 4)",
            (tenant, case, uuid4(), f"handed_off:{number}", _ago(minutes)),
        )
        house.rows(
            "update cases set state = 'handed_off', owner = %s, rung = 1, next_rung_at = null where id = %s", [uuid4(), case]
        )
        assert Ladder(house.store()).climb() == 1
    steps = house.rows(
        "select payload from outbox where tenant_id = %s and topic = 'case.unacknowledged' order by created_at, id", [tenant]
    )
    assert [(row["payload"]["rung"], row["payload"]["everybody"]) for row in steps] == [(9, True), (7, True), (2, False)]


def test_nobody_is_told_of_synthetic_cases_and_a_tenant_without_people_has_no_ladder(house: House) -> None:
    synthetic, lonely = house.tenant(), house.tenant(people="none")
    house.channel(synthetic, "https://hooks.example.org/h")
    case, other = (house.case(tenant, 4, opened_at=_ago(30)) for tenant in (synthetic, lonely))
    house.rows("update cases set synthetic = true where id = %s", [case])
    assert Ladder(house.store()).climb() == 0
    assert house.events(case) + house.events(other) == []


def test_a_ladder_without_any_channel_is_an_alarm_and_the_case_says_so(house: House) -> None:
    tenant = house.tenant()
    case = house.case(tenant, 4, opened_at=_ago(4))
    _climb(house)
    assert "escalation_case_unheard" in house.alerts(tenant)
    assert sorted(house.events(case)) == ["unacknowledged", "unreachable"]


def test_what_may_expire_does_and_nothing_from_severity_2_on(house: House) -> None:
    tenant = house.tenant()
    late = {severity: house.case(tenant, severity, opened_at=_ago(60 * 24 * 8)) for severity in range(4)}
    fresh, taken = house.case(tenant, 1), house.case(tenant, 1, opened_at=_ago(60 * 24 * 8))
    house.rows("update cases set state = 'acknowledged' where id = %s", [taken])
    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(lambda _: Ladder(house.store()).expire(), range(6))) == 2
    states = {row["id"]: row["state"] for row in house.rows("select id, state from cases where tenant_id = %s", [tenant])}
    assert [states[late[severity]] for severity in range(4)] == ["closed", "closed", "open", "open"]
    assert (states[fresh], states[taken]) == ("open", "acknowledged")
    assert [house.events(late[severity]) for severity in range(4)] == [["expired"], ["expired"], [], []]
    (row,) = house.rows("select closed_at, version from cases where id = %s", [late[1]])
    assert row["closed_at"] is not None
    assert row["version"] == 2


def test_a_strange_rung_in_a_payload_stops_nobody(house: House) -> None:
    tenant = house.tenant()
    channels = _on_rungs(house, tenant, 1, 2)
    for rung in ("2", None, [1], True, -4, 1e300):
        house.rows("update outbox set relayed_at = now() where relayed_at is null")
        message = house.tell(tenant, topic="case.unacknowledged", case_id=str(uuid4()), rung=rung, everybody="true")
        Outbox(house.store(), lambda batch: None).relay()
        assert _told(house, channels, message) in ("c1", "c1 c2", ""), rung
    assert _told(house, channels, message) == "c1 c2"
