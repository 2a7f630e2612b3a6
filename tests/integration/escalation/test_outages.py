"""Workers that die, a database that dies, and what arrives all the same."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from guard.escalation.clock import _LEADER
from guard.records.installation import keys_of
from guard.records.keys import Keys
from tests import scripted_server as behave
from tests.integration.escalation.house import House, Worker, alive, children
from tests.integration.escalation.receiver import Receiver
from tests.postgres import Cluster


@pytest.fixture
def pair(house: House) -> Iterator[tuple[Worker, Worker]]:
    first = house.work(wait=False)
    second = house.work()
    house.ready(first)
    yield first, second
    first.kill()
    second.kill()


def test_a_worker_killed_in_the_middle_is_made_up_for_under_the_same_id(house: House, receiver: Receiver) -> None:
    released = threading.Event()
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.on(path, behave.first(1, behave.hold(released))))
    worker = house.work(total_seconds=0.9)
    message = house.tell(tenant)
    receiver.wait(path, 1)
    pool = children(worker.process.pid)
    assert len(pool) == 2
    worker.kill()
    assert not alive(pool, 2), "the pool's processes outlived their worker"
    released.set()
    successor = house.work()
    one, two = receiver.wait(path, 2)
    assert one.id == two.id
    assert one.body == two.body
    assert house.settled(message, "delivered")["attempts"] == 2
    successor.kill()


def test_two_workers_send_nothing_twice_and_one_death_loses_nothing(
    house: House, receiver: Receiver, pair: tuple[Worker, Worker]
) -> None:
    first, second = pair
    tenants = [house.tenant() for _ in range(3)]
    paths = [f"/{uuid4()}" for _ in tenants]
    for tenant, path in zip(tenants, paths, strict=True):
        house.channel(tenant, receiver.url(path))
    for tenant in tenants:
        house.tell_many(tenant, 40, severity=1)
        house.tell_many(tenant, 40, severity=4)
    for path in paths:
        assert len({seen.id for seen in receiver.wait(path, 80)}) == 80
    time.sleep(0.3)
    assert [len(receiver.at(path)) for path in paths] == [80, 80, 80]
    beats = house.rows("select pid from heartbeats where process = 'worker' and at > now() - interval '10 seconds'")
    assert {first.process.pid, second.process.pid} <= {row["pid"] for row in beats}
    leaders = house.rows(
        "select count(*) as n from pg_locks where locktype = 'advisory' and granted and objid = %s", [_LEADER]
    )
    assert leaders == [{"n": 1}]
    # Now one dies at some moment of a second wave.
    for tenant in tenants:
        house.tell_many(tenant, 60, severity=3)
    time.sleep(0.05)
    first.kill()
    for path in paths:
        deadline = time.monotonic() + 120
        while len({seen.id for seen in receiver.at(path)}) < 140:
            assert time.monotonic() < deadline, len({seen.id for seen in receiver.at(path)})
            time.sleep(0.02)
    statement = "select count(*) as n from deliveries where tenant_id = any(%s) and state <> 'delivered'"
    deadline = time.monotonic() + 120
    while house.rows(statement, [tenants])[0]["n"]:
        assert time.monotonic() < deadline, house.rows(statement, [tenants])
        time.sleep(0.05)
    # Somebody leads: the heartbeat task, sent by the leader and run by a pool process, goes on.
    deadline = time.monotonic() + 120
    since = house.rows("select now() as now")[0]["now"]
    while not house.rows("select 1 from heartbeats where process = 'worker.tasks' and at > %s", [since]):
        assert time.monotonic() < deadline, "no leader after the first one's death"
        time.sleep(0.05)


def test_postgresql_killed_and_restarted_goes_on_by_itself(house: House, receiver: Receiver, cluster: Cluster) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.url(path))
    worker = house.work()
    house.tell(tenant)
    receiver.wait(path, 1)
    for round_ in range(2):
        cluster.kill()
        time.sleep(0.7 if round_ else 0.0)
        cluster.restart()
        message = house.tell(tenant)
        receiver.wait(path, 2 + round_)
        house.settled(message, "delivered")
    assert len({seen.id for seen in receiver.at(path)}) == 3
    assert worker.process.poll() is None
    cluster.kill()
    time.sleep(0.3)
    try:
        assert worker.stop() < 8  # also while the database is away
    finally:
        cluster.restart()


def test_a_worker_with_another_key_that_starts_in_an_outage_takes_nothing_up(
    house: House, cluster: Cluster, tmp_path: Path
) -> None:
    """Every secret would be one that does not open, and its message told to nobody."""

    async def note() -> None:
        async with await psycopg.AsyncConnection.connect(house.database_url, autocommit=True) as connection:
            await keys_of(connection, house.folder)

    asyncio.run(note())
    Keys.load(tmp_path)
    cluster.kill()
    try:
        worker = house.work(wait=False, HANDRAIL_DATA_DIR=str(tmp_path))
        with pytest.raises(subprocess.TimeoutExpired):
            worker.process.wait(1.5)
    finally:
        cluster.restart()
    assert worker.process.wait(60) == 1
    assert "is not the one that this database was written with" in worker.log.read_text()


def test_a_stop_does_not_wait_for_a_receiver_that_hangs(house: House, receiver: Receiver) -> None:
    released = threading.Event()
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.on(path, behave.first(1, behave.hold(released))))
    worker = house.work(total_seconds=20.0)
    house.tell(tenant)
    receiver.wait(path, 1)
    pool = children(worker.process.pid)
    assert worker.stop() < 8
    assert not alive(pool, 1)
    released.set()


def test_the_worker_ends_with_its_supervisor_when_asked(house: House) -> None:
    # A stand-in for the supervisor starts the worker, says its id, and is killed.
    code = "import subprocess, sys; child = subprocess.Popen(sys.argv[1:]); print(child.pid, flush=True); child.wait()"
    supervisor = house.work(command=[sys.executable, "-c", code], bound=True)
    (worker,) = children(supervisor.process.pid)
    pool = children(worker)
    assert len(pool) == 2
    supervisor.kill()
    assert not alive([worker, *pool], 2)


def test_a_killed_pool_process_ends_the_worker_and_the_next_one_sends_again(house: House, receiver: Receiver) -> None:
    released = threading.Event()
    tenant, path = house.tenant(), f"/{uuid4()}"
    house.channel(tenant, receiver.on(path, behave.first(1, behave.hold(released))))
    worker = house.work(total_seconds=0.9, processes=1)
    message = house.tell(tenant)
    receiver.wait(path, 1)
    (child,) = children(worker.process.pid)
    os.kill(child, signal.SIGKILL)
    assert worker.process.wait(30) == 1
    successor = house.work()
    one, two = receiver.wait(path, 2)
    assert one.id == two.id
    assert house.settled(message, "delivered")["attempts"] == 2
    released.set()
    successor.kill()


def test_an_idle_pool_process_that_is_killed_leaves_no_deaf_worker_behind(house: House) -> None:
    """The one that waits for work holds the lock that all read under: the others would wait for ever."""
    worker = house.work(processes=2)
    for child in children(worker.process.pid):
        os.kill(child, signal.SIGKILL)
    assert worker.process.wait(30) == 1
    assert "a process of the pool was killed" in worker.log.read_text()


def test_a_worker_without_a_database_says_what_to_do(house: House) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from guard.escalation.worker import run\nfrom guard.settings import load_settings\nrun(load_settings())",
        ],
        env={**os.environ, "HANDRAIL_DATA_DIR": str(house.folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "HANDRAIL_DATABASE_URL" in done.stderr
