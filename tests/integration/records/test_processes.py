"""Several processes, one database: a key is one turn for all of them."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.integration.records.world import World

_CLAIMING = """
import asyncio, json, sys
from pathlib import Path
from uuid import UUID
from guard.turns.contract import Identity
from tests.integration.records.world import World

async def main(url, home, tenant_id):
    world = World(url, Path(home))
    tenant = Identity(UUID(tenant_id), "t")
    async with world.records() as records:
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        out = []
        for number in range(30):
            claims = [world.claim(tenant, f"t{number}", session=f"s{number % 4}") for _ in range(3)]
            answers = await asyncio.gather(*map(records.claim, claims))
            out += [[number, str(a.turn_id), a.attempt, str(a.session.id), a.recorded] for a in answers]
            last = answers[-1]
            await records.commit(world.entry(claims[-1], last, severity=3))
        print(json.dumps(out), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> World:
    return World(database_url, tmp_path)


async def test_two_processes_claim_the_same_keys(world: World) -> None:
    tenant = world.tenant()
    arguments = ["-c", _CLAIMING, world.url, str(world.settings.home), str(tenant.tenant_id)]
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe, limit=2**20)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert (await process.stdout.readline()).strip() == b"ready"
    answers = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
    for process in processes:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0
        answers += json.loads(out)
    assert all(recorded for *_, recorded in answers)
    for number in range(30):
        mine = [answer for answer in answers if answer[0] == number]
        assert len({turn for _, turn, *_ in mine}) == 1
        assert sorted(attempt for _, _, attempt, *_ in mine) == [1, 2, 3, 4, 5, 6]
    assert len({session for *_, session, _ in answers}) == 4
    for table, count in {"turn_keys": 30, "sessions": 4, "cases": 4, "case_events": 30, "turns": 60}.items():
        assert world.count(table, tenant) == count, table
    states = world.rows("select state, key from sessions where tenant_id = %s", tenant.tenant_id)
    assert sum(row["state"]["turns"] for row in states) == 30
