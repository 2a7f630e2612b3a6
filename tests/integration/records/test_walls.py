"""The second wall, against a real PostgreSQL: whose rows a role sees, and which columns it never does."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, InvalidTextRepresentation
from psycopg_pool import AsyncConnectionPool

from guard.records import audit
from guard.records.errors import RightsMissing
from guard.records.pool import Database
from guard.records.scope import Role, tenant_scope
from guard.turns.contract import Identity
from tests.integration.records.walled import furnish, readable, role_of, tables_with_tenant
from tests.integration.records.world import World

_MARK = "what only this tenant said"


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> World:
    return World(database_url, tmp_path)


@pytest.fixture(scope="module")
def tenants(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Identity, Identity]:
    """Two tenants with something in every room."""
    world = World(database_url, tmp_path_factory.mktemp("walls"))

    async def both() -> tuple[Identity, Identity]:
        return await furnish(world, text=_MARK), await furnish(world, text="what the other said")

    return asyncio.run(both())


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[AsyncConnectionPool[Any]]:
    """One connection, so that what one scope leaves the next one finds."""
    async with AsyncConnectionPool(database_url, min_size=1, max_size=1, open=False, timeout=5) as pool:
        yield pool


def test_every_table_with_a_tenant_is_walled(owner: psycopg.Connection[Any]) -> None:
    """Those of later migrations too: `select wall('table')`. A partition is walled and has no door of its own."""
    tables = tables_with_tenant(owner)
    assert {"turns", "cases", "audit_log", "tenants"} <= {table["name"] for table in tables}
    assert [table["name"] for table in tables if not table["walled"]] == []
    assert [table["name"] for table in tables if table["policies"] != (0 if table["part"] else 1)] == []
    for role in Role:
        assert [table["name"] for table in tables if table["part"] and readable(owner, role, table["oid"])] == []


def test_a_new_month_is_walled_too(owner: psycopg.Connection[Any]) -> None:
    owner.execute("select ensure_partitions('2041-05-10')")
    parts = [table for table in tables_with_tenant(owner) if table["name"] == "turns_2041_05"]
    assert [part["walled"] for part in parts] == [True]


def test_a_wall_needs_a_tenant(owner: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="no wall without tenant_id"):
        owner.execute("select wall('signals')")


@pytest.mark.parametrize("role", list(Role))
def test_a_role_sees_its_own_tenant_and_no_other(
    owner: psycopg.Connection[Any], tenants: tuple[Identity, Identity], role: Role
) -> None:
    """In every table of which it sees any column."""
    mine, other = tenants
    filled = 0
    for table in tables_with_tenant(owner):
        if table["key"] not in readable(owner, role, table["oid"]):
            continue
        count = sql.SQL("select count(*), count(*) filter (where {key} = %s) from {table}").format(
            key=sql.Identifier(table["key"]), table=sql.Identifier(table["name"])
        )
        with role_of(owner, role, mine):
            shown = owner.execute(count, [other.tenant_id]).fetchone()
        held = owner.execute(count, [mine.tenant_id]).fetchone()
        assert shown is not None
        assert held is not None
        assert shown == (held[1], 0), table["name"]
        filled += held[1]
        with role_of(owner, role, None):  # forgotten: nothing, not everything
            assert owner.execute(count, [mine.tenant_id]).fetchone() == (0, 0), table["name"]
            owner.execute("select set_config('handrail.tenant', '', true)")
            assert owner.execute(count, [mine.tenant_id]).fetchone() == (0, 0), table["name"]
    assert filled >= (1 if role is Role.POLICY_AUTHOR else 3), "the test looks at rows"


@pytest.mark.parametrize("role", list(Role))
def test_a_tenant_that_is_no_id_is_an_error(owner: psycopg.Connection[Any], role: Role) -> None:
    with role_of(owner, role, None):
        owner.execute("select set_config('handrail.tenant', 'everybody', true)")
        with pytest.raises(InvalidTextRepresentation):
            owner.execute("select name from tenants")


@pytest.mark.parametrize("role", list(Role))
def test_views_are_of_one_tenant(owner: psycopg.Connection[Any], tenants: tuple[Identity, Identity], role: Role) -> None:
    """A view runs with its owner's rights, whom no policy binds: it has to say itself whose rows it shows."""
    views = owner.execute(
        "select relname, has_table_privilege(%s, oid, 'select') from pg_class "
        "where relnamespace = 'public'::regnamespace and relkind in ('v', 'm') order by 1",
        [role.in_database],
    ).fetchall()
    assert {"turn_counts", "rule_counts"} <= {name for name, _ in views}
    for name in [name for name, granted in views if granted]:
        statement = sql.SQL("select distinct tenant_id from {}").format(sql.Identifier(name))
        with role_of(owner, role, tenants[0]):
            assert owner.execute(statement).fetchall() == [(tenants[0].tenant_id,)], name
        with role_of(owner, role, None):
            assert owner.execute(statement).fetchall() == [], name


def test_functions_with_their_owners_rights_are_few_and_known(owner: psycopg.Connection[Any]) -> None:
    """A further one may be a door in the wall: it is to be looked at as closely as these, and named here."""
    found = owner.execute(
        "select proname, proconfig from pg_proc where prosecdef and pronamespace = 'public'::regnamespace order by 1"
    ).fetchall()
    assert [name for name, _ in found] == ["audit_append", "end_pseudonyms_of_session", "end_sessions_of_reviewer"]
    assert {str(setting) for _, setting in found} == {"['search_path=pg_catalog, public, pg_temp']"}


def test_text_is_for_reviewers(owner: psycopg.Connection[Any], tenants: tuple[Identity, Identity]) -> None:
    """And the keys that open it: nobody else may read either."""
    tables = {table["name"]: table["oid"] for table in tables_with_tenant(owner)}
    for role in Role:
        seen = {*readable(owner, role, tables["turns"]), *readable(owner, role, tables["data_keys"])}
        wanted = {"text_user", "text_reply", "wrapped"} if role is Role.REVIEWER else set()
        assert seen & {"text_user", "text_reply", "wrapped"} == wanted
    with role_of(owner, Role.REVIEWER, tenants[0]):
        found = owner.execute("select text_user, wrapped from turns join data_keys k on k.id = text_key").fetchall()
    assert len(found) == 1


def test_an_sre_may_read_nothing_that_is_sealed_or_hashed_or_noted(owner: psycopg.Connection[Any]) -> None:
    """Text, people, secrets and notes are bytes; the audit log of the tenant's people is not theirs either."""
    for table in tables_with_tenant(owner):
        columns = readable(owner, Role.SRE, table["oid"])
        kinds = dict(
            owner.execute(
                "select attname, atttypid::regtype::text from pg_attribute where attrelid = %s", [table["oid"]]
            ).fetchall()
        )
        assert [name for name in columns if kinds[name] == "bytea"] == [], table["name"]
        assert {"person", "note", "detail", "state", "spoken", "payload", "spans"} & set(columns) <= (
            {"state"} if table["name"] in ("cases", "deliveries", "opinions") else set()
        ), table["name"]


@pytest.mark.parametrize(
    "statement",
    [
        "select * from turns",
        "select text_user from turns",
        "select t::text from turns t",
        "select row_to_json(t) from turns t",
        "select to_jsonb(t) from turns t",
        "select md5(text_reply::text) from turns",
        "select count(text_user) from turns",
        "select id from turns where text_user is not null",
        "select id from turns order by text_reply",
        "select string_agg(encode(text_user, 'hex'), '') from turns",
        "copy turns to stdout",
        "copy turns (id, text_user) to stdout",
        "copy (select text_user from turns) to stdout",
        "select * from turns_default",
        "copy turns_default to stdout",
        "select person from turns",
        "select person from sessions",
        "select person from cases",
        "select state from sessions",
        "select key from turn_keys",
        "select wrapped from data_keys",
        "select secret from channels",
        "select password_hash from reviewers",
        "select note from case_notes",
        "select note from feedback",
        "select detail from case_events",
        "select payload from outbox",
        "select * from audit_log",
        "update turns set text_user = null",
        "update turns set action = 'allow' returning text_user",
        "delete from turns returning text_user",
        "create view mine as select text_user from turns",
        "create function mine() returns bytea language sql as 'select text_user from turns'",
        "create trigger mine before update on turns for each row execute function audit_refuse()",
        "alter table turns disable row level security",
        "select lo_import('/etc/hostname')",
        "copy (select 1) to '/tmp/x'",
        "copy (select 1) to program 'cat'",
        "select pg_read_file('PG_VERSION')",
    ],
)
def test_an_sre_reads_no_text_by_any_query(
    owner: psycopg.Connection[Any], tenants: tuple[Identity, Identity], statement: str
) -> None:
    with role_of(owner, Role.SRE, tenants[0]), pytest.raises(InsufficientPrivilege), owner.cursor() as cursor:
        if statement.startswith("copy"):
            with cursor.copy(statement.encode()) as copied:
                assert b"".join(bytes(part) for part in copied) == b"never"
        else:
            cursor.execute(statement.encode())


def test_statistics_tell_an_sre_nothing(owner: psycopg.Connection[Any], tenants: tuple[Identity, Identity]) -> None:
    """The planner's samples of columns are as closed as the columns."""
    owner.execute("analyze turns, sessions, cases")
    assert owner.execute("select count(*) from pg_stats where attname in ('text_user', 'person')").fetchone() != (0,)
    with role_of(owner, Role.SRE, tenants[0]):
        shown = owner.execute("select count(*) from pg_stats where schemaname = 'public'").fetchone()
    assert shown == (0,)


def test_an_sre_sees_that_it_works(owner: psycopg.Connection[Any], tenants: tuple[Identity, Identity]) -> None:
    with role_of(owner, Role.SRE, tenants[0]):
        assert owner.execute("select severity, status from turns").fetchall() == [(4, "full")]
        assert owner.execute("select state, severity from cases").fetchall() == [("open", 4)]
        with owner.cursor().copy("copy (select id, status from turns) to stdout") as rows:
            copied = b"".join(bytes(row) for row in rows)
    assert copied.count(b"\n") == 1


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (Role.OPERATOR, "update channels set tenant_id = %(other)s"),
        (Role.OPERATOR, "insert into channels (tenant_id, id, name, kind, url, secret) "
                        "values (%(other)s, gen_random_uuid(), 'x', 'webhook', 'https://x', 'x')"),
        (Role.OPERATOR, "insert into reviewers (tenant_id, id, name, password_hash) "
                        "values (%(other)s, gen_random_uuid(), 'x', 'x')"),
        (Role.REVIEWER, "insert into case_events (tenant_id, case_id, id, key, kind, at, severity) "
                        "select %(other)s, id, gen_random_uuid(), 'k', 'noted', now(), 0 from cases"),
        (Role.REVIEWER, "insert into outbox (tenant_id, id, key, topic, payload) "
                        "values (%(other)s, gen_random_uuid(), 'k', 'case.raised', '{}')"),
        (Role.REVIEWER, "update turns set text_user = null"),
        (Role.AUDITOR, "insert into audit_log select * from audit_log"),
        (Role.AUDITOR, "update audit_heads set seq = seq + 1"),
        (Role.AUDITOR, "select text_user from turns"),
        (Role.POLICY_AUTHOR, "select * from turns"),
        (Role.POLICY_AUTHOR, "select count(*) from cases"),
        (Role.OPERATOR, "select person from cases"),
        (Role.OPERATOR, "select secret from channels"),
    ],
)  # fmt: skip
def test_a_role_does_only_what_is_its_own(
    owner: psycopg.Connection[Any], tenants: tuple[Identity, Identity], role: Role, statement: str
) -> None:
    with role_of(owner, role, tenants[0]), pytest.raises(InsufficientPrivilege):
        owner.execute(statement.encode(), {"other": tenants[1].tenant_id})


def test_another_tenants_rows_are_not_changed(owner: psycopg.Connection[Any], tenants: tuple[Identity, Identity]) -> None:
    """An update without a tenant in it reaches one tenant's rows."""
    with role_of(owner, Role.REVIEWER, tenants[0]):
        assert owner.execute("update cases set state = 'notified'").rowcount == 1
    with role_of(owner, Role.OPERATOR, tenants[0]):
        assert owner.execute("update channels set severity_from = 1").rowcount == 1


def test_an_audit_row_goes_into_the_own_chain_alone(
    owner: psycopg.Connection[Any], tenants: tuple[Identity, Identity]
) -> None:
    """Also for one who logs in by a name of their own that has been given a role."""
    append = "select audit_append(%s, 'somebody', 'something.done', 'something', '{}')"
    for role in Role:
        for forgotten in (False, True):
            with (
                role_of(owner, role, None if forgotten else tenants[0]),
                pytest.raises(InsufficientPrivilege, match="another"),
            ):
                owner.execute(append, [tenants[1].tenant_id])
        with role_of(owner, role, tenants[0]):
            assert owner.execute(append, [tenants[0].tenant_id]).fetchone() is not None
    name = f"visitor_{secrets.token_hex(4)}"
    with owner.transaction(force_rollback=True):
        owner.execute(sql.SQL("create role {} login in role handrail_sre").format(sql.Identifier(name)))
        owner.execute(sql.SQL("set session authorization {}").format(sql.Identifier(name)))
        with pytest.raises(InsufficientPrivilege, match="another"), owner.transaction():
            owner.execute(append, [tenants[1].tenant_id])
        with pytest.raises(InsufficientPrivilege, match="permission denied to set role"), owner.transaction():
            owner.execute("set role handrail_reviewer")


def test_the_owner_is_not_bound(owner: psycopg.Connection[Any], tenants: tuple[Identity, Identity]) -> None:
    """Gateway and worker see every tenant, a setting or not."""
    found = owner.execute("select count(*) from turns where tenant_id = any (%s)", [[one.tenant_id for one in tenants]])
    assert found.fetchone() == (2,)


async def _standing(pool: AsyncConnectionPool[Any]) -> tuple[Any, ...]:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "select current_user = session_user, current_setting('role'), "
            "coalesce(current_setting('handrail.tenant', true), '')"
        )
        row = await cursor.fetchone()
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    assert isinstance(row, tuple), "rows are what the pool's own are"
    return row


_CLEAN = (True, "none", "")


async def test_a_scope_is_one_transaction_of_one_role(
    pool: AsyncConnectionPool[Any], tenants: tuple[Identity, Identity]
) -> None:
    async with tenant_scope(pool, tenants[0].tenant_id, Role.SRE) as connection:
        row = await (await connection.execute("select current_user as who, count(*) as turns from turns")).fetchone()
        assert row == {"who": "handrail_sre", "turns": 1}
    assert await _standing(pool) == _CLEAN


@pytest.mark.parametrize("fault", ["python", "sql", "refused", "cancelled", "inner"])
async def test_the_pool_gets_back_what_it_lent(
    pool: AsyncConnectionPool[Any], tenants: tuple[Identity, Identity], fault: str
) -> None:
    """However a scope ends; and what it wrote is gone."""
    tenant = tenants[0].tenant_id

    async def fail() -> None:
        async with tenant_scope(pool, tenant, Role.REVIEWER) as connection:
            await connection.execute("update cases set owner = gen_random_uuid()")
            if fault == "python":
                raise KeyError(fault)
            if fault == "sql":
                await connection.execute("select 1/0")
            if fault == "refused":
                await connection.execute("select password_hash from reviewers")
            if fault == "inner":
                async with connection.transaction():
                    await connection.execute("select nothing")
            await connection.execute("select pg_sleep(30)")

    task = asyncio.create_task(fail())
    if fault == "cancelled":
        await asyncio.sleep(0.3)
        task.cancel()
    with pytest.raises((KeyError, psycopg.Error, asyncio.CancelledError)):
        await task
    assert await _standing(pool) == _CLEAN
    async with pool.connection() as connection:
        cursor = await connection.execute("select count(owner) from cases where tenant_id = %s", [tenant])
        assert await cursor.fetchone() == (0,)


async def test_a_statement_that_the_server_has_prepared_is_as_walled(
    pool: AsyncConnectionPool[Any], tenants: tuple[Identity, Identity]
) -> None:
    """The same statement, the same connection, other roles and tenants: each gets its own."""
    statement = "select tenant_id, state from cases"
    for _ in range(8):
        for tenant in tenants:
            for role in (Role.SRE, Role.REVIEWER):
                async with tenant_scope(pool, tenant.tenant_id, role) as connection:
                    rows = await (await connection.execute(statement, prepare=True)).fetchall()
                    assert [row["tenant_id"] for row in rows] == [tenant.tenant_id]
            with pytest.raises(InsufficientPrivilege):
                async with tenant_scope(pool, tenant.tenant_id, Role.POLICY_AUTHOR) as connection:
                    await connection.execute(statement, prepare=True)


async def test_scopes_of_many_at_once_do_not_mix(database_url: str, tenants: tuple[Identity, Identity]) -> None:
    """Over the services' own pool, which lends connections in autocommit mode."""
    database = Database(database_url, seconds=5.0, connections=4)
    await database.open()

    async def look(number: int) -> None:
        tenant = tenants[number % 2]
        async with tenant_scope(database, tenant.tenant_id, Role.REVIEWER) as connection:
            await asyncio.sleep(0.001 * (number % 3))
            rows = await (await connection.execute("select tenant_id from turns")).fetchall()
            assert [row["tenant_id"] for row in rows] == [tenant.tenant_id]

    try:
        await asyncio.gather(*(look(number) for number in range(60)))
        async with database.connection() as connection:
            row = await (await connection.execute("select current_setting('role'), count(*) from tenants")).fetchone()
            assert row is not None
            assert row[0] == "none"
    finally:
        await database.close()


async def test_an_audit_row_within_a_scope_stands_or_falls_with_it(
    pool: AsyncConnectionPool[Any], world: World, tenants: tuple[Identity, Identity]
) -> None:
    tenant = tenants[0].tenant_id
    before = world.count("audit_log", tenants[0])
    with pytest.raises(ValueError, match="no"):
        async with tenant_scope(pool, tenant, Role.REVIEWER) as connection:
            await audit.append(connection, tenant_id=tenant, actor="reviewer:x", action="case.claimed", subject="case:x")
            raise ValueError("no")
    assert world.count("audit_log", tenants[0]) == before
    async with tenant_scope(pool, tenant, Role.REVIEWER) as connection:
        await audit.append(connection, tenant_id=tenant, actor="reviewer:x", action="case.claimed", subject="case:x")
    assert world.count("audit_log", tenants[0]) == before + 1


async def test_a_service_that_may_not_take_on_a_role_says_so(database_url: str) -> None:
    """A login of its own that was given nothing."""
    name, word = f"stranger_{secrets.token_hex(4)}", secrets.token_hex(8)
    with psycopg.connect(database_url, autocommit=True) as connection:
        create = sql.SQL("create role {} login password {}").format(sql.Identifier(name), sql.Literal(word))
        connection.execute(create)
    try:
        url = psycopg.conninfo.make_conninfo(database_url, user=name, password=word)
        async with AsyncConnectionPool(url, min_size=1, max_size=1, open=False, timeout=5) as pool:
            with pytest.raises(RightsMissing, match="handrail_sre"):
                async with tenant_scope(pool, uuid4(), Role.SRE):
                    pass
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
