"""A process that is killed while a reply streams: the turn and what the session learned of it are on record."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from guard.turns.contract import Delivered, Reply
from tests.integration.records.world import World, now
from tests.unit.turns.desk import World as Place

_STREAMING = """
import asyncio, sys
from pathlib import Path
from uuid import UUID
from guard.turns.contract import Identity
from tests.integration.records.world import World, now
from tests.unit.turns.desk import World as Place

async def main(url, home, tenant_id):
    place = Place()
    place.identity, place.now = Identity(UUID(tenant_id), "t", store_text=True), now()
    place.scorer.says["it is all too much"] = {"distress": 0.9, "warning.hopeless": 0.9}
    async with World(url, Path(home)).records() as records:
        place.room.records = records
        await place.desk.begin(place.request("it is all too much")).opening()
        print("streams", flush=True)
        await asyncio.sleep(600)

asyncio.run(main(*sys.argv[1:]))
"""
_ROWS = "select delivered, severity, ordinal, text_user is not null as text from turns where tenant_id = %s order by at"


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> World:
    return World(database_url, tmp_path)


async def test_a_disclosure_whose_reply_was_cut_off_by_a_kill_is_known_to_the_next_turn(world: World) -> None:
    tenant = world.tenant(store_text=True)
    arguments = ["-c", _STREAMING, world.url, str(world.settings.home), str(tenant.tenant_id)]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert (await asyncio.wait_for(process.stdout.readline(), 60)).strip() == b"streams"
        await _until(lambda: world.rows(_ROWS, tenant.tenant_id))
    finally:
        process.kill()
        await process.wait()
    first = {"delivered": "none", "severity": 1, "ordinal": 1, "text": True}
    assert world.rows(_ROWS, tenant.tenant_id) == [first]
    place = Place()
    place.identity, place.now = tenant, now()
    async with world.records() as records:
        place.room.records = records
        await _answered(place, "it is all too much", "I hear", "are you there")
    later = {"delivered": "whole", "severity": 0, "ordinal": 2, "text": True}
    assert world.rows(_ROWS, tenant.tenant_id) == [first, later]
    [session] = world.rows("select state from sessions where tenant_id = %s", tenant.tenant_id)
    assert (session["state"]["state"], session["state"]["turns"]) == ("distressed", 2)


async def test_a_disclosure_that_is_written_before_and_after_its_reply_counts_once(world: World) -> None:
    tenant = world.tenant(store_text=True)
    place = Place()
    place.identity, place.now = tenant, now()
    place.scorer.says["it is all too much"] = {"distress": 0.9, "warning.hopeless": 0.9}
    async with world.records() as records:
        place.room.records = records
        await _answered(place, "it is all too much")
    assert world.rows(_ROWS, tenant.tenant_id) == [{"delivered": "whole", "severity": 1, "ordinal": 1, "text": True}]
    [session] = world.rows("select state from sessions where tenant_id = %s", tenant.tenant_id)
    assert (session["state"]["turns"], len(session["state"]["known"])) == (1, 2)


async def _answered(place: Place, *texts: str) -> None:
    turn = place.desk.begin(place.request(*texts))
    await turn.opening()
    await turn.end(Reply(0, "I am here.", "", "stop"))
    await turn.settle()
    turn.close(Delivered.WHOLE)
    assert await place.room.drain(30) == 0


async def _until(condition: Any) -> None:
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit, "it did not come true in time"
        await asyncio.sleep(0.02)
