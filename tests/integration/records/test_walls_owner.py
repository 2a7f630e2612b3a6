"""The walls where the tables' owner is no superuser, on the releases that grant roles differently: 15, 16 and later."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool

from guard.records.errors import RightsMissing
from guard.records.migrate import migrate, rollback, status
from guard.records.scope import Role, tenant_scope
from tests.integration.records.walled import furnish, tables_with_tenant
from tests.integration.records.world import World
from tests.postgres import Cluster, embedded

_BINARIES = {"18": embedded(), "16": embedded("pginstall"), "15": Path("/usr/lib/postgresql/15/bin")}


@pytest.fixture(params=[name for name, path in _BINARIES.items() if (path / "initdb").exists()])
def bare(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A server on which nobody has made a role yet."""
    cluster = Cluster(_BINARIES[request.param])
    yield cluster
    cluster.remove()


def _owned(cluster: Cluster, rights: str) -> str:
    """A database whose owner has ``rights`` and no more."""
    name, word = f"owner_{secrets.token_hex(4)}", secrets.token_hex(8)
    url = cluster.create(name)
    with psycopg.connect(url, autocommit=True) as connection:
        role = sql.Identifier(name)
        connection.execute(sql.SQL("create role {} login {} password {}").format(role, sql.SQL(rights), sql.Literal(word)))
        connection.execute(sql.SQL("alter database {} owner to {}").format(role, role))
    return make_conninfo("", host=str(cluster.folder), dbname=name, user=name, password=word)


def _superuser(cluster: Cluster, statement: str) -> None:
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(statement.encode())


def _roles(cluster: Cluster) -> int:
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        row = connection.execute("select count(*) from pg_roles where rolname like 'handrail\\_%'").fetchone()
    assert row is not None
    return int(row[0])


async def test_owners_of_all_kinds(bare: Cluster, tmp_path: Path) -> None:
    """One may make roles; one may not, and is told what to do; one was given them; one of a second database comes late."""
    without = _owned(bare, "nocreaterole")
    with pytest.raises(RightsMissing, match=r"may not make the role handrail_operator.*alter role owner_\w+ createrole"):
        migrate(without)
    assert status(without).waiting[0] == "0004_walls"
    assert _roles(bare) == 0

    first = _owned(bare, "createrole")
    assert "0004_walls" in migrate(first)
    assert _roles(bare) == len(Role)

    for role in Role:  # as the message says
        _superuser(bare, f"grant {role.in_database} to {psycopg.conninfo.conninfo_to_dict(without)['user']}")
    assert migrate(without)[0] == "0004_walls"
    await _works(without, tmp_path / "without")

    late = _owned(bare, "createrole")
    if _version(bare) >= 160000:  # the roles are there, and another's: the right to make some is not enough
        with pytest.raises(RightsMissing, match="not take it on"):
            migrate(late)
        for role in Role:
            _superuser(bare, f"grant {role.in_database} to {psycopg.conninfo.conninfo_to_dict(late)['user']}")
    migrate(late)
    await _works(late, tmp_path / "late")

    for url in (first, without, late):  # the last one out takes the roles along, where it may
        assert "0001_spine" in rollback(url, count=100)
        assert "0004_walls" in migrate(url)
        rollback(url, count=100)


async def _works(url: str, home: Path) -> None:
    """The owner sees all and is not bound; a role sees its tenant alone and no text."""
    home.mkdir()
    world = World(url, home)
    mine, other = await furnish(world, text="said"), await furnish(world, text="said elsewhere")
    assert world.rows("select count(*) from turns where text_user is not null") == [{"count": 2}]
    async with AsyncConnectionPool(url, min_size=1, max_size=1, open=False, timeout=5) as pool:
        for role, tenant in ((Role.SRE, mine), (Role.REVIEWER, other)):
            async with tenant_scope(pool, tenant.tenant_id, role) as connection:
                rows = await (await connection.execute("select tenant_id from turns")).fetchall()
                assert [row["tenant_id"] for row in rows] == [tenant.tenant_id]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with tenant_scope(pool, mine.tenant_id, Role.SRE) as connection:
                await connection.execute("select text_user from turns")


def _version(cluster: Cluster) -> int:
    """The server's version, as a number."""
    with psycopg.connect(cluster.url("postgres")) as connection:
        return connection.info.server_version


@pytest.mark.parametrize("bare", ["18"], indirect=True)
def test_many_databases_of_a_new_server_at_once(bare: Cluster) -> None:
    """Roles are the server's, and each of them makes them."""
    urls = [bare.create(f"database_{number}") for number in range(4)]
    trouble: list[BaseException] = []

    def work(url: str) -> None:
        try:
            migrate(url)
        except BaseException as error:
            trouble.append(error)

    threads = [threading.Thread(target=work, args=[url]) for url in urls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    assert _roles(bare) == len(Role)
    assert all(status(url).waiting == () for url in urls)


def test_a_role_that_stands_above_the_walls_is_refused(cluster: Cluster, empty_database_url: str) -> None:
    _superuser(cluster, "do $$ begin create role handrail_sre nologin; exception when duplicate_object then null; end $$")
    _superuser(cluster, "alter role handrail_sre bypassrls")
    try:
        with pytest.raises(RightsMissing, match=r"above row-level security.*nobypassrls"):
            migrate(empty_database_url)
    finally:
        _superuser(cluster, "alter role handrail_sre nobypassrls")
    migrate(empty_database_url)


def test_rows_from_before_the_walls(empty_database_url: str, tmp_path: Path) -> None:
    """A database that has lived is walled as it stands: rows, partitions and a role's old spelling."""
    names = migrate(empty_database_url)
    rollback(empty_database_url, count=len(names) - 3)
    assert status(empty_database_url).applied[-1] == "0003_turn_session"
    world = World(empty_database_url, tmp_path)
    tenant = world.tenant()
    world.run(
        "insert into reviewers (tenant_id, id, name, password_hash, roles) "
        "values (%s, gen_random_uuid(), 'old', 'x', '{policy-author,sre}')",
        tenant.tenant_id,
    )
    world.run(
        "insert into turns (tenant_id, id, at, attempt, protocol, streamed, status, action, severity, policy, vocabulary, "
        "delivered) values (%s, gen_random_uuid(), now(), 1, 'p', false, 'full', 'allow', 0, 'h', 1, 'none')",
        tenant.tenant_id,
    )
    migrate(empty_database_url)
    assert world.rows("select roles from reviewers") == [{"roles": ["policy_author", "sre"]}]
    assert world.rows("select count(*) from turns") == [{"count": 1}]
    with psycopg.connect(empty_database_url) as connection:
        assert all(table["walled"] for table in tables_with_tenant(connection))
