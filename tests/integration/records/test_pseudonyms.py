"""Pseudonyms at rest: encrypted, one writer at a time, and gone with their session or their key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from guard.records.pseudonyms import KeptPseudonyms, PostgresPseudonyms
from guard.records.store import PostgresRecords
from tests.integration.records.world import World

ENTRIES = [["a1", "PERSON", 1, "Alice"], ["b2", "PLACE", 1, None]]


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> World:
    return World(database_url, tmp_path)


@pytest.fixture
async def records(world: World) -> AsyncIterator[PostgresRecords]:
    async with world.records() as made:
        yield made


async def test_they_come_back_and_only_who_read_the_newest_writes(world: World, records: PostgresRecords) -> None:
    tenant, other = world.tenant(store_text=True), world.tenant()
    session = world.hashed(tenant, "session", "s")
    store = PostgresPseudonyms(records.database, world.keys)
    assert await store.load(tenant.tenant_id, session) == KeptPseudonyms(0, ())
    assert await store.keep(tenant.tenant_id, session, KeptPseudonyms(0, ENTRIES))
    assert not await store.keep(tenant.tenant_id, session, KeptPseudonyms(0, []))
    assert await store.load(tenant.tenant_id, session) == KeptPseudonyms(1, ENTRIES)
    assert await store.keep(tenant.tenant_id, session, KeptPseudonyms(1, ENTRIES[:1]))
    assert await store.load(tenant.tenant_id, session) == KeptPseudonyms(2, ENTRIES[:1])
    assert (await store.load(other.tenant_id, session)).version == 0
    [row] = world.rows("select sealed from pseudonyms where tenant_id = %s", tenant.tenant_id)
    assert b"Alice" not in row["sealed"]


async def test_they_end_with_their_session_or_their_key(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant(store_text=True)
    store = PostgresPseudonyms(records.database, world.keys)
    for name in ("s", "other"):
        claim = world.claim(tenant, name, session=name)
        await records.commit(world.entry(claim, await records.claim(claim)))
        assert await store.keep(tenant.tenant_id, world.hashed(tenant, "session", name), KeptPseudonyms(0, ENTRIES))
    session = world.hashed(tenant, "session", "s")
    world.run("delete from sessions where tenant_id = %s and key = %s", tenant.tenant_id, session)
    assert await store.load(tenant.tenant_id, session) == KeptPseudonyms(0, ())
    other = world.hashed(tenant, "session", "other")
    assert (await store.load(tenant.tenant_id, other)).entries == ENTRIES
    world.run("update data_keys set wrapped = null, destroyed_at = now() where tenant_id = %s", tenant.tenant_id)
    assert await store.load(tenant.tenant_id, other) == KeptPseudonyms(1, ())
    assert await store.keep(tenant.tenant_id, other, KeptPseudonyms(1, ENTRIES))
    assert await store.load(tenant.tenant_id, other) == KeptPseudonyms(2, ENTRIES)


async def test_no_role_reads_them(world: World) -> None:
    with psycopg.connect(world.url, autocommit=True) as connection:
        roles = connection.execute("select rolname from pg_roles where rolname like 'handrail\\_%'").fetchall()
        assert roles
        for (role,) in roles:
            allowed = connection.execute("select has_table_privilege(%s, 'pseudonyms', 'select')", [role]).fetchone()
            assert allowed == (False,), role


async def test_who_asks_for_names_to_be_found(world: World, records: PostgresRecords) -> None:
    world.run("update tenants set store_text = false, redact_upstream = 'off'")
    assert not await records.redacts()
    tenant = world.tenant()
    world.run("update tenants set redact_upstream = 'strict' where id = %s", tenant.tenant_id)
    assert await records.redacts()
    world.run("update tenants set redact_upstream = 'off', store_text = true where id = %s", tenant.tenant_id)
    assert await records.redacts()
    world.run("update tenants set store_text = false where id = %s", tenant.tenant_id)
