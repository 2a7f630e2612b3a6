"""PostgreSQL is killed under the records; processes are killed with a full journal. Nothing acknowledged may be lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from detectors.signals import Scores, Side
from guard.errors import JournalFull, RecordsLate, RecordsUnavailable
from guard.records.admin import create_key
from guard.records.contract import Referral, SessionChange, TurnText
from guard.records.ids import new_id
from guard.records.pool import Database
from guard.records.snapshot import Snapshot
from guard.records.store import PostgresRecords
from guard.turns.contract import Delivered, Identity
from guard.turns.session import UserTurn, advance, from_json, merge, to_json
from tests.integration.records.world import World, now
from tests.postgres import Cluster
from tests.running import descendants


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> World:
    return World(database_url, tmp_path, database_seconds=1.0)


async def _until(ready: object, seconds: float = 15.0) -> None:
    assert callable(ready)
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.05)


def _journal_bytes(world: World) -> int:
    return sum(path.stat().st_size - 4 for path in (world.settings.home / "journal").glob("*.journal"))


async def _settled(world: World, records: PostgresRecords) -> None:
    await _until(lambda: not records.away and _journal_bytes(world) <= 0)


async def test_a_kill_in_the_middle_of_commits_loses_and_doubles_nothing(world: World, cluster: Cluster) -> None:
    tenant = world.tenant()
    acknowledged: list[str] = []

    async def turns(records: PostgresRecords, session: int) -> None:
        for number in range(40):
            name = f"{session}-{number}"
            claim = world.claim(tenant, name, session=f"s{session}")
            entry = world.entry(claim, await records.claim(claim), severity=3)
            entry = replace(entry, referral=Referral(("suicide",), ("us-988",), "US", True))
            if number % 2:
                await records.commit(entry)
            else:
                await records.enqueue(entry)
            acknowledged.append(name)
            await asyncio.sleep(0.01)

    async with world.records() as records:
        work = [asyncio.create_task(turns(records, session)) for session in range(8)]
        for _ in range(2):
            await asyncio.sleep(0.25)
            await asyncio.to_thread(cluster.kill)
            await asyncio.sleep(0.2)
            await asyncio.to_thread(cluster.restart)
        await asyncio.gather(*work)
        await _settled(world, records)
    assert len(acknowledged) == 320
    for table, count in {"turn_keys": 320, "referrals": 320, "cases": 8, "case_events": 320}.items():
        assert world.count(table, tenant) == count, table
    assert world.rows("select count(distinct id) from turns where tenant_id = %s", tenant.tenant_id) == [{"count": 320}]
    assert world.count("sessions", tenant) == 8
    assert world.rows("select count(*) from outbox where tenant_id = %s and topic = 'case.opened'", tenant.tenant_id) == [
        {"count": 8}
    ]
    alerts = world.rows("select count, closed_at from operational_alerts where kind = 'records_unavailable'")
    assert alerts
    assert all(alert["closed_at"] is not None for alert in alerts)


async def test_an_outage_keeps_turns_going(world: World, cluster: Cluster) -> None:
    tenant = world.tenant(store_text=True)
    async with world.records() as records:
        before = world.claim(tenant, "before", session="s")
        known = await records.claim(before)
        await records.commit(world.entry(before, known, severity=3))
        async with records.database.connection() as connection:
            key = await create_key(connection, tenant.tenant_id)
        assert await records.authenticate(key.secret) == tenant
        await asyncio.to_thread(cluster.kill)
        try:
            started = time.monotonic()
            claim = world.claim(tenant, "during", session="s")
            claimed = await records.claim(claim)
            assert not claimed.recorded
            assert claimed.session is not None
            assert known.session is not None
            assert claimed.session.id == known.session.id
            again = await records.claim(replace(claim, proposed=world.claim(tenant, "x").proposed))
            assert (again.turn_id, again.attempt) == (claimed.turn_id, 2)
            entry = world.entry(claim, claimed, severity=4, text=TurnText("said \ud800", "answered"))
            assert await records.commit(entry) is None
            await records.enqueue(world.entry(claim, again, severity=4))
            late = await records.claim(before)
            assert (late.turn_id, late.attempt) == (known.turn_id, 2)
            await records.enqueue(world.entry(before, late, severity=3))
            assert time.monotonic() - started < 3.0
            assert await records.authenticate(key.secret) == tenant
            with pytest.raises(RecordsUnavailable):
                await records.authenticate("hr_never-seen")
            with pytest.raises(RecordsUnavailable):
                await records.turn(tenant.tenant_id, claimed.turn_id)
        finally:
            await asyncio.to_thread(cluster.restart)
        await _settled(world, records)
        shown = await records.turn(tenant.tenant_id, claimed.turn_id)
        assert shown is not None
        assert (shown["attempt"], shown["session"]) == (2, str(known.session.id))
        assert await records.claim(claim) == replace(await records.claim(claim), attempt=3), (
            "the ledger knows of both attempts"
        )
    [session] = world.rows("select state from sessions where tenant_id = %s", tenant.tenant_id)
    assert session["state"]["turns"] == 2
    [case] = world.rows("select severity from cases where tenant_id = %s", tenant.tenant_id)
    assert case["severity"] == 4


async def test_a_restart_that_nobody_waited_for_costs_nothing(world: World, cluster: Cluster) -> None:
    tenant = world.tenant()
    async with world.records() as records:
        await asyncio.gather(*(records.claim(world.claim(tenant, f"a{n}", session="s")) for n in range(20)))
        await asyncio.to_thread(cluster.restart)
        claim = world.claim(tenant, "b", session="s")
        claimed = await records.claim(claim)
        assert claimed.recorded
        assert await records.commit(world.entry(claim, claimed, severity=3)) is not None
        assert not records.away


async def test_an_older_snapshot_never_replaces_a_newer_one(world: World) -> None:
    tenant = world.tenant()
    async with world.records() as records:
        claim = world.claim(tenant, "t", session="s")
        entry = world.entry(claim, await records.claim(claim), severity=3)
        older = Snapshot(replace(entry, delivered=Delivered.NONE, reply=None), now(), journal_id=new_id())
        await records.commit(entry)
        for _ in range(2):  # and an entry of the journal counts once
            await records._write([older])
        shown = await records.turn(tenant.tenant_id, entry.turn_id)
    assert shown is not None
    assert shown["delivered"] == "whole"
    assert shown["signals"]["harm.method"]["value"] == 0.0
    assert world.rows("select count(*) from journal_replays where id = %s", older.journal_id) == [{"count": 1}]
    assert world.count("case_events", tenant) == 1


async def test_a_state_that_was_journaled_is_merged(world: World) -> None:
    """Two processes changed one session, one of them while the database was away."""
    tenant = world.tenant()
    merged: list[tuple[object, object]] = []

    def merge(stored: Mapping[str, Any] | None, journaled: Mapping[str, Any]) -> dict[str, Any]:
        merged.append((stored, journaled))
        return {**(stored or {}), "turns": 99}

    async with world.records(merge_state=merge) as records:
        claim = world.claim(tenant, "t", session="s")
        entry = world.entry(claim, await records.claim(claim), severity=3)
        await records.commit(entry)
        [before] = world.rows("select version, state from sessions where tenant_id = %s", tenant.tenant_id)
        journaled = {"turns": 7}
        untouched = Snapshot(entry, now(), journal_id=new_id(), state=journaled, base=before["version"])
        await records._write([untouched])
        [row] = world.rows("select version, state from sessions where tenant_id = %s", tenant.tenant_id)
        assert (row["state"], row["version"], merged) == (journaled, before["version"] + 1, [])
        await records._write([replace(untouched, journal_id=new_id())])
        [row] = world.rows("select state from sessions where tenant_id = %s", tenant.tenant_id)
    assert merged == [(journaled, journaled)]
    assert row["state"] == {"turns": 99}


async def test_a_turn_that_was_known_elsewhere_keeps_its_id(world: World, cluster: Cluster) -> None:
    """The key was claimed by another process before the outage: the id that was given out leads to the turn."""
    tenant = world.tenant()
    async with world.records() as one, world.records() as two:
        claim = world.claim(tenant, "t", session="s")
        first = await one.claim(claim)
        await one.commit(world.entry(claim, first, severity=3))
        await asyncio.to_thread(cluster.kill)
        try:
            again = replace(claim, proposed=world.claim(tenant, "x").proposed)
            second = await two.claim(again)
            assert not second.recorded
            assert second.turn_id == again.proposed
            await two.commit(world.entry(again, second, severity=3))
        finally:
            await asyncio.to_thread(cluster.restart)
        await _settled(world, two)
        await _until(lambda: not one.away)
        shown = await two.turn(tenant.tenant_id, second.turn_id)
        assert shown is not None
        assert (shown["id"], shown["attempt"]) == (str(first.turn_id), 2)
    assert world.count("turn_keys", tenant) == 1
    assert world.count("case_events", tenant) == 1
    assert world.count("sessions", tenant) == 1


_CRASHING = """
import asyncio, os, signal, sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID
from guard.turns.contract import Identity
from tests.integration.records.world import World

async def main(url, home, tenant_id):
    world = World(url, Path(home), database_seconds=0.5)
    tenant = Identity(UUID(tenant_id), "t")
    records = world.records()
    await records.open()
    for number in range(5):
        claim = world.claim(tenant, f"t{number}", session="s")
        await records.commit(world.entry(claim, await records.claim(claim), severity=3))
        print(number, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(*sys.argv[1:]))
"""


def _crash(world: World, tenant: Identity) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CRASHING, world.url, str(world.settings.home), str(tenant.tenant_id)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout.split() == list("01234")


async def test_a_successor_replays_the_journal_of_a_killed_process(world: World, cluster: Cluster) -> None:
    tenant = world.tenant()
    await asyncio.to_thread(cluster.kill)
    try:
        await asyncio.to_thread(_crash, world, tenant)
    finally:
        await asyncio.to_thread(cluster.restart)
    [left] = (world.settings.home / "journal").glob("*.journal")
    content = left.read_bytes()
    async with world.records(), world.records():
        await _until(lambda: world.count("turns", tenant) == 5)
        await _until(lambda: not left.exists())
    # the same file once more, with a torn tail: every entry is known, the tail is nothing
    left.write_bytes(content + content[-40:-10])
    async with world.records():
        await _until(lambda: not left.exists())
    for table, count in {"turns": 5, "cases": 1, "case_events": 5, "turn_keys": 5}.items():
        assert world.count(table, tenant) == count, table
    [session] = world.rows("select state from sessions where tenant_id = %s", tenant.tenant_id)
    assert session["state"]["turns"] == 5


async def test_a_full_journal_is_said(world: World, cluster: Cluster, tmp_path: Path) -> None:
    small = World(world.url, tmp_path / "small", database_seconds=0.5, journal_max_bytes=1024 * 1024)
    tenant = small.tenant()
    await asyncio.to_thread(cluster.kill)
    try:
        async with small.records() as records:
            claim = small.claim(tenant, "t", session="s")
            claimed = await records.claim(claim)
            text = TurnText("x" * 300_000, "y" * 100_000)
            with pytest.raises(JournalFull, match="HANDRAIL_JOURNAL_MAX_BYTES"):
                for _ in range(10):
                    await records.commit(small.entry(claim, claimed, severity=3, text=text))
            await records.enqueue(small.entry(claim, claimed, text=text))  # says so, and goes on
            await asyncio.to_thread(cluster.restart)
            await _settled(small, records)
    finally:
        if not cluster.running:
            await asyncio.to_thread(cluster.restart)
    assert small.count("turns", tenant) == 1
    assert small.rows("select closed_at is not null as closed from operational_alerts where kind = 'journal_full'") == [
        {"closed": True}
    ]


async def test_a_hanging_server_holds_nobody_up(world: World, cluster: Cluster) -> None:
    tenant = world.tenant()
    async with world.records() as records:
        claim = world.claim(tenant, "t", session="s")
        claimed = await records.claim(claim)
        pids = [cluster.pid, *descendants(cluster.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            assert await records.commit(world.entry(claim, claimed, severity=3)) is None
            stopped = await records.claim(world.claim(tenant, "u", session="s"))
            assert not stopped.recorded
            assert time.monotonic() - started < 2 * world.settings.database_seconds + 0.5
            assert records.away
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        await _until(lambda: world.count("turns", tenant) == 1)
        await _settled(world, records)
    assert world.count("case_events", tenant) == 1


async def test_slow_work_is_late_where_the_server_answers(world: World) -> None:
    database = Database(world.url, seconds=0.4)
    await database.open()
    try:
        with pytest.raises(RecordsLate):
            await database.bounded(asyncio.sleep(5))
        assert not database.away
    finally:
        await database.close()


async def test_a_transaction_that_waits_for_a_lock_holds_up_itself_alone(world: World) -> None:
    tenant = world.tenant()
    before = world.rows("select count(*) from operational_alerts where kind = 'records_unavailable'")
    async with world.records() as records:
        held, free = world.claim(tenant, "t", session="held"), world.claim(tenant, "f", session="free")
        entry = world.entry(held, await records.claim(held), severity=3)
        assert await records.commit(entry) is not None
        after = world.claim(tenant, "u", session="held")
        late = world.entry(after, await records.claim(after), severity=3)
        with psycopg.connect(world.url) as page:
            page.execute("select from cases where tenant_id = %s for update", [tenant.tenant_id])
            writing = asyncio.create_task(records.commit(late))
            grouped = records.enqueue(world.entry(after, await records.claim(after), severity=3))
            while not writing.done():
                assert (await records.claim(free)).recorded
                assert not records.away
                await asyncio.sleep(0.02)
            assert await writing is None
            assert await records.commit(world.entry(free, await records.claim(free), severity=3)) is not None
            await grouped
            assert not records.away
        await _settled(world, records)
    assert world.count("turn_keys", tenant) == 3
    assert world.count("case_events", tenant) == 3
    assert world.rows("select count(*) from operational_alerts where kind = 'records_unavailable'") == before


async def test_an_alert_that_met_a_lock_is_told_when_the_lock_is_gone(world: World) -> None:
    kind = "test_locked"
    waiting = (
        "select 1 from pg_locks where not granted and relation = 'operational_alerts'::regclass"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    async with world.records() as records:
        with psycopg.connect(world.url) as page:
            page.execute("lock table operational_alerts in access exclusive mode")
            records.alert(kind)
            await _until(lambda: world.rows(waiting))
            await _until(lambda: not world.rows(waiting))  # given up
        assert not records.away
        await _until(lambda: world.rows("select 1 from operational_alerts where kind = %s", kind))


_WORKING = """
import asyncio, sys
from pathlib import Path
from uuid import UUID
from guard.turns.contract import Identity
from tests.integration.records.world import World

async def turns(world, tenant, records, session):
    number = 0
    while True:
        claim = world.claim(tenant, f"{session}-{number}", session=f"s{session}")
        await records.commit(world.entry(claim, await records.claim(claim), severity=3))
        print(claim.key.hex(), flush=True)
        number += 1

async def main(url, home, tenant_id):
    world = World(url, Path(home), database_seconds=0.5)
    tenant = Identity(UUID(tenant_id), "t")
    async with world.records() as records:
        await asyncio.gather(*(turns(world, tenant, records, session) for session in range(4)))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_database_and_process_die_together(world: World, cluster: Cluster) -> None:
    tenant = world.tenant()
    acknowledged: list[str] = []
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _WORKING,
            world.url,
            str(world.settings.home),
            str(tenant.tenant_id),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        acknowledged.append((await process.stdout.readline()).decode().strip())
        reading = asyncio.create_task(process.stdout.read())
        await asyncio.sleep(0.3)
        await asyncio.to_thread(cluster.kill)
        await asyncio.sleep(0.1)  # now the journal is all that there is
        process.kill()
        # The last line may be cut off: then it was not acknowledged.
        acknowledged += (await reading).decode().split("\n")[:-1]
        await process.wait()
        await asyncio.to_thread(cluster.restart)
    async with world.records() as records:
        await _settled(world, records)
    known = world.rows(
        "select distinct k.key from turn_keys k join turns t on t.tenant_id = k.tenant_id and t.id = k.turn_id "
        "where k.tenant_id = %s",
        tenant.tenant_id,
    )
    stored = {row["key"].hex() for row in known}
    assert len(acknowledged) > 20
    assert set(acknowledged) <= stored
    assert world.count("cases", tenant) == 4
    doubled = "select turn_id from case_events where tenant_id = %s group by turn_id having count(*) > 1"
    assert world.rows(doubled, tenant.tenant_id) == []
    lost = "select t.id from turns t where tenant_id = %s and not exists (select from case_events e where e.turn_id = t.id)"
    assert world.rows(lost, tenant.tenant_id) == []
    states = world.rows("select state from sessions where tenant_id = %s", tenant.tenant_id)
    assert sum(row["state"]["turns"] for row in states) == len(stored)


async def test_a_real_state_survives_an_outage(world: World, cluster: Cluster) -> None:
    """With the session's own state machine and its own merge."""
    tenant = world.tenant()

    def change(key: str, value: float) -> Callable[[Mapping[str, Any] | None], dict[str, Any]]:
        turn = UserTurn(Scores.of(Side.USER, "m@1", {"distress": value, "risk.suicide": value}), now(), key=key)
        return lambda stored: to_json(advance(from_json(stored), turn))

    async with world.records(merge_state=merge) as records:
        for number, value in enumerate((0.2, 0.9, 0.3)):
            if number == 1:
                await asyncio.to_thread(cluster.kill)
            claim = world.claim(tenant, str(number), session="s")
            claimed = await records.claim(claim)
            assert claimed.recorded == (number == 0)
            assert claimed.session is not None
            session = SessionChange(
                claimed.session.id, claimed.session.version, change(claim.key.hex(), value), lambda state: None
            )
            entry = world.entry(claim, claimed, severity=3, session=session)
            await records.commit(entry)
        await asyncio.to_thread(cluster.restart)
        await _settled(world, records)
    [row] = world.rows("select state from sessions where tenant_id = %s", tenant.tenant_id)
    state = from_json(row["state"])
    assert state.turns == 3
    assert state.peaks["suicide"].value == 0.9
