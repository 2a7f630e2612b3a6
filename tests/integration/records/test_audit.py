"""The audit log against a real PostgreSQL: one chain a tenant, whatever is written at once, and whatever is done to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.errors import InsufficientPrivilege
from psycopg_pool import AsyncConnectionPool

from guard.records import audit
from guard.records.audit_chain import Checked, Link, chains, digest, show, verify
from guard.records.errors import RequestRefused
from guard.records.scope import Role, tenant_scope
from guard.turns.contract import Identity
from tests.integration.records.world import World


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> World:
    return World(database_url, tmp_path)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        yield connection


async def _fill(connection: psycopg.AsyncConnection[Any], tenant: Identity, rows: int) -> None:
    for number in range(rows):
        await audit.append(
            connection,
            tenant_id=tenant.tenant_id,
            actor="reviewer:ada",
            action="case.claimed",
            subject=f"case:{number}",
            detail={"number": number, "late": number % 2 == 0, "why": None, "wörd": 'Grüße, „ja“ \\ "'},
        )


async def _checked(connection: psycopg.AsyncConnection[Any], tenant: Identity, **more: Any) -> Checked:
    (found,) = await verify(connection, only=tenant.tenant_id, **more)
    return found


async def test_a_chain_is_whole_and_reads_back(world: World, connection: psycopg.AsyncConnection[Any]) -> None:
    tenant = world.tenant()
    assert (await _checked(connection, tenant)).rows == 0
    await _fill(connection, tenant, 5)
    found = await _checked(connection, tenant)
    assert (found.rows, found.broken, found.chain.name, found.chain.seq) == (5, None, tenant.name, 5)
    rows = await show(connection, tenant.tenant_id, limit=2)
    assert [row.seq for row in rows] == [4, 5]
    assert rows[0].detail == '{"late":false,"number":3,"why":null,"wörd":"Grüße, „ja“ \\\\ \\""}'
    assert [row.seq for row in await show(connection, tenant.tenant_id, subject="case:3", action="case")] == [4]
    assert await show(connection, tenant.tenant_id, action="cas") == []
    assert await show(connection, tenant.tenant_id, since=datetime(2100, 1, 1, tzinfo=UTC)) == []
    assert await show(connection, world.tenant().tenant_id) == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30),
    st.dictionaries(
        st.text("abcé:,0", max_size=5), st.text("x:,9\"\\'", max_size=9) | st.integers() | st.booleans(), max_size=3
    ),
)
def test_postgresql_and_python_hash_the_same(database_url: str, about: str, detail: dict[str, Any]) -> None:
    """Of whatever words: neither trusts the other."""
    tenant, previous = "01a21b25-61ac-73bd-98fb-ff128b78fda4", bytes(range(32))
    try:
        written = orjson.dumps(detail).decode()
    except TypeError:  # an integer beyond 64 bits
        written = "{}"
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "select audit_digest(%s, %s::uuid, 12, '2026-11-27 04:05:06.789012+00', 'cli', 'a.b', %s, %s)",
            [previous, tenant, about, written],
        ).fetchone()
    at = str(round(datetime(2026, 11, 27, 4, 5, 6, tzinfo=UTC).timestamp()) * 1_000_000 + 789_012)
    assert row is not None
    assert bytes(row[0]) == digest(UUID(tenant), Link(12, at, "cli", "a.b", about, written, previous, b""))


async def test_twenty_writers_make_one_chain(world: World, connection: psycopg.AsyncConnection[Any]) -> None:
    """Of two tenants; some roll back, some die in the middle. Nothing is doubled and nothing left out."""
    tenants = [world.tenant(), world.tenant()]
    rounds = 15
    async with AsyncConnectionPool(world.url, min_size=20, max_size=20, open=False, timeout=20) as pool:

        async def write(number: int) -> int:
            tenant, stood = tenants[number % 2], 0
            role = list(Role)[number % len(Role)]
            for turn in range(rounds):
                try:
                    async with tenant_scope(pool, tenant.tenant_id, role) as scoped:
                        await audit.append(
                            scoped,
                            tenant_id=tenant.tenant_id,
                            actor=f"writer:{number}",
                            action="case.claimed",
                            subject=f"case:{turn}",
                        )
                        if (number + turn) % 5 == 0:
                            await scoped.execute("select 1/0")
                        if (number + turn) % 7 == 0:
                            await scoped.execute("select pg_terminate_backend(pg_backend_pid())")
                    stood += 1
                except psycopg.Error:
                    continue
            return stood

        stood = await asyncio.gather(*(write(number) for number in range(20)))
    for side, tenant in enumerate(tenants):
        found = await _checked(connection, tenant)
        assert found.broken is None
        assert found.rows == sum(stood[side::2]) > 0
        instants = world.rows("select at from audit_log where tenant_id = %s order by seq", tenant.tenant_id)
        assert instants == sorted(instants, key=lambda row: row["at"])


async def test_it_only_grows(world: World, connection: psycopg.AsyncConnection[Any]) -> None:
    """For its owner too, unless they take the triggers away, which a chain then tells."""
    tenant = world.tenant()
    await _fill(connection, tenant, 2)
    for statement in (
        "update audit_log set actor = 'nobody'",
        "delete from audit_log",
        "truncate audit_log",
        "delete from audit_heads",
        "truncate audit_heads",
        "update audit_heads set seq = 1",
    ):
        with pytest.raises(InsufficientPrivilege, match=r"only grows|one row forward"):
            await connection.execute(statement.encode())
    assert (await _checked(connection, tenant)).broken is None


async def test_a_row_falls_with_its_transaction(world: World, connection: psycopg.AsyncConnection[Any]) -> None:
    tenant = world.tenant()
    with pytest.raises(ZeroDivisionError):
        async with connection.transaction():
            await _fill(connection, tenant, 1)
            raise ZeroDivisionError
    assert (await _checked(connection, tenant)).rows == 0
    await _fill(connection, tenant, 1)
    assert (await _checked(connection, tenant)).rows == 1


def _tamper(world: World, *statements: str) -> Callable[[Identity], None]:
    """Somebody with all rights, triggers off."""

    def go(tenant: Identity) -> None:
        with psycopg.connect(world.url, autocommit=True) as connection:
            connection.execute("set session_replication_role = replica")
            for statement in statements:
                own = statement.replace("OWN", "tenant_id = %(tenant)s")
                connection.execute(own.encode(), {"tenant": tenant.tenant_id})

    return go


@pytest.mark.parametrize(
    ("statements", "row", "words"),
    [
        (["update audit_log set actor = 'nobody' where OWN and seq = 3"], 3, "does not match its hash"),
        (["update audit_log set detail = '{}' where OWN and seq = 1"], 1, "does not match its hash"),
        (["update audit_log set detail = (detail::text || ' ')::json where OWN and seq = 4"], 4, "does not match its hash"),
        (["update audit_log set at = at + interval '1 microsecond' where OWN and seq = 2"], 2, "does not match its hash"),
        (["update audit_log set at = 'infinity' where OWN and seq = 2"], 2, "does not match its hash"),
        (["delete from audit_log where OWN and seq = 3"], 3, "row 3 is missing"),
        (["delete from audit_log where OWN and seq in (1, 2)"], 1, "rows 1 to 2 are missing"),
        (["delete from audit_log where OWN and seq > 3"], 4, "rows up to 5 were cut of"),
        (["delete from audit_log where OWN"], 1, "rows up to 5 were cut of"),
        (["delete from audit_heads where OWN"], 5, "head was taken away"),
        (["update audit_heads set hash = sha256('x') where OWN"], 5, "does not name this row"),
        (["update audit_log set seq = seq + 10 where OWN and seq in (2, 3)",
          "update audit_log set seq = case seq when 12 then 3 else 2 end where OWN and seq in (12, 13)"],
         2, "does not name the hash"),
        (["update audit_log set hash = audit_digest(previous, tenant_id, seq, at, 'nobody', action, subject, "
          "detail::text), actor = 'nobody' where OWN and seq = 2"], 3, "does not name the hash"),
    ],
)  # fmt: skip
async def test_tampering_shows_where_it_begins(
    world: World, connection: psycopg.AsyncConnection[Any], statements: list[str], row: int, words: str
) -> None:
    tenant, untouched = world.tenant(), world.tenant()
    await _fill(connection, tenant, 5)
    await _fill(connection, untouched, 1)
    _tamper(world, *statements)(tenant)
    found = await _checked(connection, tenant)
    assert found.broken is not None
    assert found.broken.seq == row
    assert words in found.broken.what
    assert (await _checked(connection, untouched)).broken is None
    assert tenant.tenant_id in [one.tenant_id for one in await chains(connection)], "what lost its head is walked too"


async def test_a_new_chain_and_a_moved_head_show_by_an_anchor_alone(
    world: World, connection: psycopg.AsyncConnection[Any]
) -> None:
    """The limit of a log that lives beside what it tells of."""
    tenant = world.tenant()
    await _fill(connection, tenant, 5)
    (before,) = await chains(connection, only=tenant.tenant_id)
    assert before.seq is not None
    assert before.hash is not None
    anchors = {tenant.tenant_id: {before.seq: before.hash}}
    assert (await _checked(connection, tenant, anchors=anchors)).broken is None
    cut = (
        "update audit_heads h set seq = l.seq, hash = l.hash from audit_log l "
        "where h.tenant_id = %(tenant)s and l.tenant_id = h.tenant_id and l.seq = 3"
    )
    _tamper(world, "delete from audit_log where OWN and seq > 3", cut)(tenant)
    assert (await _checked(connection, tenant)).broken is None
    found = (await _checked(connection, tenant, anchors=anchors)).broken
    assert found is not None
    assert (found.seq, "an anchor knows row 5" in found.what) == (4, True)
    await _fill(connection, tenant, 2)
    found = (await _checked(connection, tenant, anchors=anchors)).broken
    assert found is not None
    assert (found.seq, "written anew" in found.what) == (5, True)
    _tamper(world, "delete from audit_log where OWN", "delete from audit_heads where OWN")(tenant)
    assert (await _checked(connection, tenant)).broken is None
    assert (await _checked(connection, tenant, anchors=anchors)).broken is not None


@pytest.mark.parametrize(
    "field",
    [
        {"actor": ""},
        {"actor": "x" * 201},
        {"actor": "two\nlines"},
        {"subject": ""},
        {"subject": "\x1b[31mred"},
        {"action": "Not Words"},
        {"action": "x" * 81},
        {"detail": {"why": "x" * 201}},
        {"detail": {"why": "\u202eback"}},
        {"detail": {"lone": "\ud800"}},
        {"detail": {str(number): "x" * 190 for number in range(30)}},
    ],
)
async def test_what_is_no_audit_row_is_refused(
    world: World, connection: psycopg.AsyncConnection[Any], field: dict[str, Any]
) -> None:
    """Long words may be text, and what cannot be printed may be a trick on whoever reads it."""
    tenant = world.tenant()
    row: dict[str, Any] = {"actor": "cli", "action": "a.b", "subject": "s", "detail": {}} | field
    with pytest.raises(RequestRefused):
        await audit.append(connection, tenant_id=tenant.tenant_id, **row)
    assert world.count("audit_log", tenant) == 0
