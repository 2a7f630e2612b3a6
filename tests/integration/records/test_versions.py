"""The oldest releases of PostgreSQL that the records run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.records.contract import Referral, TurnText
from guard.records.migrate import migrate, rollback, status
from tests.integration.records.world import World
from tests.postgres import Cluster, embedded

_BINARIES = [embedded("pginstall"), Path("/usr/lib/postgresql/15/bin"), Path("/usr/lib/postgresql/17/bin")]


@pytest.fixture(scope="module", params=[path for path in _BINARIES if (path / "initdb").exists()], ids=str)
def older(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    cluster = Cluster(request.param)
    yield cluster
    cluster.remove()


async def test_a_turn_is_kept(older: Cluster, tmp_path: Path) -> None:
    url = older.create("older")
    migrate(url)
    assert status(url).server_version < 180000
    world = World(url, tmp_path)
    tenant = world.tenant(store_text=True)
    async with world.records() as records:
        for severity in (3, 4, 0):
            claim = world.claim(tenant, f"t{severity}", session="s")
            entry = world.entry(
                claim,
                await records.claim(claim),
                severity=severity,
                text=TurnText("said", "answered"),
                referral=Referral(("suicide",), ("us-988",), "US", True),
            )
            if severity:
                assert await records.commit(entry) is not None
            await records.enqueue(entry)
            shown = await records.turn(tenant.tenant_id, entry.turn_id)
            assert shown is not None
            assert shown["text"] == {"user": "said", "reply": "answered"}
            assert shown["signals"]["distress"]["value"] == 0.3
        person, hi = world.hashed(tenant, "person", "p"), world.hashed(tenant, "thread", "hi")
        first = await records.claim(world.claim(tenant, "1", person=person, thread=hi))
        again = await records.claim(world.claim(tenant, "2", person=person, thread=hi, retry=True))
        assert (again.turn_id, again.attempt) == (first.turn_id, 2)
        records.alert("something")
    assert world.count("case_events", tenant) == 2
    assert world.rows("select count(*) from operational_alerts") == [{"count": 1}]
    assert rollback(url, count=99)
