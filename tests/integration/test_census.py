"""What is counted in a real database, by one of several processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from psycopg import AsyncConnection

from guard.records.ids import new_id
from guard.telemetry.census import Census, floor
from guard.telemetry.count import Count
from guard.telemetry.exposition import VARIABLE
from guard.telemetry.families import Maker
from guard.telemetry.heartbeat import beat

MINUTE = timedelta(minutes=1)


class Town:
    """A database, and what a census of it shows."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.registry = CollectorRegistry()
        self.census = Census(Count(Maker(self.registry)), self, seconds=0.1)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        connection = await AsyncConnection.connect(self.url, autocommit=True)
        try:
            yield connection
        finally:
            await connection.close()

    async def take(self) -> dict[str, dict[str, float]]:
        async with self.connection() as connection, connection.transaction():
            await self.census.take(connection)
        return self.shown()

    def shown(self) -> dict[str, dict[str, float]]:
        shown: dict[str, dict[str, float]] = {}
        for metric in text_string_to_metric_families(generate_latest(self.registry).decode()):
            for sample in metric.samples:
                labels = "/".join(sample.labels[name] for name in sorted(sample.labels))
                shown.setdefault(sample.name.removeprefix("handrail_"), {})[labels] = sample.value
        return shown

    def run(self, statement: str, *values: Any) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode(), values)

    def tenant(self) -> UUID:
        tenant = new_id()
        self.run("insert into tenants (id, name) values (%s, %s)", tenant, f"t-{tenant.hex[-12:]}")
        return tenant

    def case(
        self, tenant: UUID, severity: int, *, state: str = "open", ago: timedelta = MINUTE, due: timedelta, **more: Any
    ) -> None:
        """Opened ``ago``, to be acknowledged and acted on ``due`` after that."""
        opened = self.now - ago
        values: dict[str, Any] = {
            "tenant_id": tenant, "id": UUID(int=floor(opened.timestamp()).int | new_id().int & (1 << 80) - 1),
            "case_key": new_id().bytes * 2, "first_turn": new_id(), "last_turn": new_id(), "severity": severity,
            "assigned_to": "crisis-team", "state": state, "opened_at": opened, "raised_at": opened,
            "acknowledge_by": opened + due, "act_by": opened + due, **more,
        }  # fmt: skip
        names = ", ".join(values)
        self.run(f"insert into cases ({names}) values ({', '.join(['%s'] * len(values))})", *values.values())  # noqa: S608


@pytest.fixture
def town(database_url: str) -> Town:
    town = Town(database_url)
    town.run("truncate tenants, cases, case_events, outbox, channels, deliveries, heartbeats, operational_alerts cascade")
    return town


async def test_an_empty_database_shows_zeros_and_no_gaps(town: Town) -> None:
    shown = await town.take()
    assert shown["cases"] == {f"{severity}/{state}": 0 for severity in range(5) for state in STATES}
    assert set(shown["case_waiting_since_timestamp_seconds"].values()) == {0}
    assert shown["outbox_waiting"] == {"": 0}
    assert shown["deliveries"]["waiting"] == 0
    assert shown["alerts_open"]["journal_full"] == 0
    assert shown["heartbeat_timestamp_seconds"]["worker"] == 0
    assert abs(shown["counted_timestamp_seconds"][""] - time.time()) < 60


STATES = ("open", "notified", "acknowledged", "handed_off", "closed")


async def test_cases_are_counted_over_tenants_and_the_one_that_is_due_first_is_shown(town: Town) -> None:
    one, two = town.tenant(), town.tenant()
    town.case(one, 4, ago=2 * MINUTE, due=5 * MINUTE)
    town.case(two, 4, state="notified", ago=MINUTE, due=5 * MINUTE)
    town.case(two, 4, ago=9 * MINUTE, due=5 * MINUTE, synthetic=True)  # nobody's
    town.case(one, 3, state="acknowledged", ago=40 * MINUTE, due=60 * MINUTE, acknowledged_at=town.now - 10 * MINUTE)
    town.case(one, 3, state="acknowledged", ago=120 * MINUTE, due=60 * MINUTE, acknowledged_at=town.now - 50 * MINUTE)
    town.case(one, 3, state="handed_off", ago=120 * MINUTE, due=60 * MINUTE, acknowledged_at=town.now - 100 * MINUTE)
    town.case(one, 2, ago=timedelta(days=2), due=timedelta(days=1))
    town.case(one, 1, state="closed", ago=timedelta(days=2), due=timedelta(days=7))
    town.case(one, 1, state="closed", ago=timedelta(days=9), due=timedelta(days=7))
    shown = await town.take()
    counted = {labels: number for labels, number in shown["cases"].items() if number}
    assert counted == {
        "4/open": 1, "4/notified": 1, "3/acknowledged": 2, "3/handed_off": 1, "2/open": 1, "1/closed": 1,
    }  # fmt: skip
    late = {labels: number for labels, number in shown["cases_overdue"].items() if number}
    assert late == {"acknowledge/2": 1, "act/2": 1, "act/3": 2}
    assert shown["case_waiting_since_timestamp_seconds"]["4"] == (town.now - 2 * MINUTE).timestamp()
    assert shown["case_acknowledge_by_timestamp_seconds"]["4"] == (town.now + 3 * MINUTE).timestamp()
    assert shown["case_waiting_since_timestamp_seconds"]["3"] == 0, "somebody has them"
    recent = {labels: number for labels, number in shown["cases_recent"].items() if number}
    assert recent == {"waiting/4": 2, "kept/3": 2, "broken/3": 1}
    times = shown["case_acknowledge_seconds"]
    assert (times["0.5/3"], times["1/3"]) == (30 * 60, 70 * 60)


async def test_what_was_counted_once_and_is_gone_is_zero(town: Town) -> None:
    tenant = town.tenant()
    town.case(tenant, 4, due=5 * MINUTE)
    town.run("insert into operational_alerts (tenant_id, id, kind) values (%s, %s, 'process_died:scorer')", tenant, new_id())
    shown = await town.take()
    assert shown["cases"]["4/open"] == 1
    assert shown["alerts_open"]["process_died:scorer"] == 1
    town.run("delete from cases")
    town.run("update operational_alerts set closed_at = now()")
    shown = await town.take()
    assert shown["cases"]["4/open"] == 0
    assert shown["case_acknowledge_by_timestamp_seconds"]["4"] == 0
    assert shown["alerts_open"]["process_died:scorer"] == 0


async def test_deliveries_dead_letters_and_signs_of_life(town: Town) -> None:
    tenant, channel = town.tenant(), new_id()
    town.run(
        "insert into channels (tenant_id, id, name, kind, url, secret) "
        "values (%s, %s, 'c', 'webhook', 'https://x.example', '')",
        tenant, channel,
    )  # fmt: skip

    def deliver(state: str, ago: timedelta, *, relayed: bool = True) -> None:
        at = town.now - ago
        message = UUID(int=floor(at.timestamp()).int | new_id().int & (1 << 80) - 1)
        town.run(
            "insert into outbox (tenant_id, id, key, topic, payload, created_at, available_at, relayed_at) "
            "values (%s, %s, %s, 'case.opened', '{}', %s, %s, %s)",
            tenant, message, str(message), at, at, at if relayed else None,
        )  # fmt: skip
        if relayed:
            town.run(
                "insert into deliveries (tenant_id, outbox_id, channel_id, state, created_at) values (%s, %s, %s, %s, %s)",
                tenant, message, channel, state, at,
            )  # fmt: skip

    deliver("delivered", MINUTE)
    town.case(tenant, 4, state="acknowledged", due=5 * MINUTE, acknowledged_at=town.now)
    town.run(
        "insert into case_events (tenant_id, case_id, id, key, kind, at, severity) "
        "select tenant_id, id, id, 'a', 'acknowledged', %s, 4 from cases",
        town.now,
    )
    deliver("delivered", MINUTE)
    town.run(
        "update outbox set payload = jsonb_build_object('case_id', (select id from cases)) "
        "where id = (select outbox_id from deliveries order by outbox_id desc limit 1)"
    )
    deliver("delivered", timedelta(days=3))  # long ago
    deliver("pending", timedelta(days=2))  # and waits still
    deliver("pending", MINUTE)
    town.run(
        "update deliveries set last_error = 'timeout' where created_at > now() - interval '1 day' and state = 'pending'"
    )
    deliver("dead", timedelta(days=20))
    deliver("failed", MINUTE)
    deliver("failed", timedelta(days=40))
    deliver("failed", 2 * MINUTE)
    town.run(
        "update deliveries set last_error = 'case_closed' where created_at = %s and state = 'failed'", town.now - 2 * MINUTE
    )
    deliver("", 3 * MINUTE, relayed=False)
    town.run(
        "insert into heartbeats (process, host, pid, at) values ('worker', 'a', 1, %s), ('worker', 'b', 2, %s)",
        town.now,
        town.now - MINUTE,
    )
    shown = await town.take()
    counted = {labels: number for labels, number in shown["deliveries"].items() if number}
    assert counted == {"delivered": 1, "acknowledged": 1, "waiting": 1, "retrying": 1, "unreachable": 1}
    assert shown["dead_letters"] == {"": 2}
    assert shown["delivery_oldest_timestamp_seconds"] == {"": (town.now - timedelta(days=2)).timestamp()}
    assert shown["outbox_oldest_timestamp_seconds"] == {"": (town.now - 3 * MINUTE).timestamp()}
    assert shown["outbox_waiting"] == {"": 3}
    assert shown["channels"]["webhook/enabled"] == 1
    assert shown["heartbeat_timestamp_seconds"]["worker"] == town.now.timestamp()


async def test_feedback_waits_until_a_reviewer_has_seen_it(town: Town) -> None:
    tenant, reviewer, seen = town.tenant(), new_id(), new_id()
    town.run("insert into reviewers (tenant_id, id, name, password_hash) values (%s, %s, 'r', '')", tenant, reviewer)
    for item, kind in ((seen, "harmful"), (new_id(), "harmful"), (new_id(), "helpful")):
        town.run(
            "insert into feedback (tenant_id, id, turn_id, kind, at) values (%s, %s, %s, %s, now())",
            tenant, item, new_id(), kind,
        )  # fmt: skip
    town.run(
        "insert into feedback_reviews (tenant_id, feedback_id, verdict, reviewer, at) values (%s, %s, 'harm', %s, now())",
        tenant, seen, reviewer,
    )  # fmt: skip
    shown = await town.take()
    counted = {labels: number for labels, number in shown["feedback"].items() if number}
    assert counted == {"harmful/reviewed": 1, "harmful/waiting": 1, "helpful/waiting": 1}


async def test_a_process_that_beats_is_alive(town: Town) -> None:
    task = asyncio.create_task(beat(town, "console", seconds=0.05))
    async with asyncio.timeout(20):
        while not (await town.take())["heartbeat_timestamp_seconds"]["console"]:
            await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait([task])


async def test_one_of_several_counts_and_another_takes_over(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    one, two = Town(town.url), Town(town.url)
    first = asyncio.create_task(one.census.run())
    await counted(one)
    second = asyncio.create_task(two.census.run())
    await asyncio.sleep(0.3)
    assert two.shown()["counted_timestamp_seconds"][""] == 0
    first.cancel()
    await asyncio.wait([first])
    await counted(two)
    second.cancel()
    await asyncio.wait([second])


async def counted(town: Town) -> None:
    async with asyncio.timeout(20):
        while not town.shown()["counted_timestamp_seconds"][""]:
            await asyncio.sleep(0.02)


async def test_with_the_database_away_the_last_numbers_stand(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    tenant = town.tenant()
    town.case(tenant, 4, due=5 * MINUTE)
    task = asyncio.create_task(town.census.run())
    await counted(town)
    before = town.shown()
    assert before["cases"]["4/open"] == 1
    monkeypatch.setattr(town, "url", "postgresql://nobody@127.0.0.1:1/none")
    await town.census._once()
    after = town.shown()
    assert after["cases"] == before["cases"]
    assert after["counted_timestamp_seconds"] == before["counted_timestamp_seconds"]
    task.cancel()
    await asyncio.wait([task])
