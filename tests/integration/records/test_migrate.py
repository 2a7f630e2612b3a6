"""Migrations against a real PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

import migrations
from detectors.signals import BY_ID, VOCABULARY_VERSION, Side, vocabulary
from guard.errors import RecordsUnavailable
from guard.records import migrate as migrate_module
from guard.records.errors import DatabaseBusy, SchemaUnknown, VocabularyMismatch
from guard.records.migrate import migrate, rollback, status
from tests.integration.records.world import World


def _tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
    return {name for (name,) in rows if "yoyo" not in name}


def test_applies_once_and_rolls_back_to_nothing(empty_database_url: str) -> None:
    names = migrate(empty_database_url)
    files = [path.stem for path in Path(migrations.__path__[0]).glob("*.sql")]
    assert list(names) == sorted(name for name in files if not name.endswith(".rollback"))
    assert all(f"{name}.rollback" in files for name in names)
    assert migrate(empty_database_url) == ()
    assert status(empty_database_url).waiting == ()
    assert {"turns", "scores", "cases", "outbox"} <= _tables(empty_database_url)
    rollback(empty_database_url, count=100)
    assert _tables(empty_database_url) == set()
    assert "0001_spine" in status(empty_database_url).waiting
    assert "0001_spine" in migrate(empty_database_url)
    assert "turns" in _tables(empty_database_url)


def test_several_processes_may_migrate_at_once(empty_database_url: str) -> None:
    applied: list[tuple[str, ...]] = []
    threads = [threading.Thread(target=lambda: applied.append(migrate(empty_database_url))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(applied) == 3
    assert sum("0001_spine" in names for names in applied) == 1


def test_a_killed_migration_does_not_leave_a_lock(empty_database_url: str) -> None:
    status(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("insert into yoyo_lock (locked, ctime, pid) values (1, now(), 1)")
    migrate(empty_database_url)


_WAITS = (
    "select from pg_locks where not granted and locktype = 'relation' and database = "
    "(select oid from pg_database where datname = current_database())"
)


def _until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not ready():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def _back_before_0010(url: str) -> None:
    migrate(url)
    while "0010_hand_off" not in status(url).waiting:
        rollback(url)


def test_a_migration_lets_others_go_before_it_while_somebody_holds_a_table(empty_database_url: str) -> None:
    _back_before_0010(empty_database_url)
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(empty_database_url) as report,
        psycopg.connect(empty_database_url, autocommit=True) as other,
    ):
        report.execute("select count(*) from cases")
        migrating = pool.submit(migrate, empty_database_url)
        _until(lambda: other.execute(_WAITS).rowcount > 0)
        # A gateway's statement, which waits behind the migration, comes through while the report still runs.
        other.execute("set lock_timeout = '10s'")
        other.execute("select from cases")
        report.commit()
        assert "0010_hand_off" in migrating.result(60)


def test_a_migration_that_finds_a_table_held_again_and_again_says_so(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _back_before_0010(empty_database_url)
    monkeypatch.setattr(migrate_module, "_TRIES", 2)
    monkeypatch.setattr(migrate_module, "_PAUSE_SECONDS", 0.0)
    with psycopg.connect(empty_database_url) as report:
        report.execute("select count(*) from cases")
        with pytest.raises(DatabaseBusy, match="0010_hand_off was not applied"):
            migrate(empty_database_url)
    assert "0010_hand_off" in status(empty_database_url).waiting
    assert "0010_hand_off" in migrate(empty_database_url)


def test_who_asks_is_told_when_another_process_migrates(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate_module, "_LOOK_SECONDS", 1)
    with psycopg.connect(empty_database_url, autocommit=True) as other:
        other.execute("select pg_advisory_lock(%s)", [migrate_module._LOCK])
        with pytest.raises(DatabaseBusy, match="another process migrates"):
            status(empty_database_url)
    status(empty_database_url)


def test_a_start_does_not_wait_for_partitions(empty_database_url: str) -> None:
    migrate(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        name = f"turns_{datetime.now(UTC):%Y_%m}"
        connection.execute(sql.SQL("drop table {}").format(sql.Identifier(name)))
        with psycopg.connect(empty_database_url) as report:
            report.execute("select count(*) from turns_default")
            assert migrate(empty_database_url) == ()
        migrate(empty_database_url)
        assert connection.execute("select to_regclass(%s) is not null", [name]).fetchone() == (True,)


def test_the_vocabulary_is_stored(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from signals").fetchone() == (len(BY_ID),)
        for side in Side:
            row = connection.execute(
                "select signal_ids from vocabularies where version = %s and side = %s", (VOCABULARY_VERSION, side.value)
            ).fetchone()
            assert row == ([signal.id for signal in vocabulary(side)],)


def test_a_vocabulary_that_differs_is_an_error(empty_database_url: str) -> None:
    migrate(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("update vocabularies set signal_ids = signal_ids[2:] where side = 'reply'")
    with pytest.raises(VocabularyMismatch, match="reply"):
        migrate(empty_database_url)


def test_a_signal_that_changed_its_name_is_an_error(empty_database_url: str) -> None:
    migrate(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("update signals set name = 'distress.old' where name = 'distress'")
    with pytest.raises(VocabularyMismatch, match="distress"):
        migrate(empty_database_url)


def test_a_database_of_a_newer_version_is_refused(empty_database_url: str) -> None:
    migrate(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(
            "insert into _yoyo_migration (migration_hash, migration_id, applied_at_utc) values ('x', '9999_later', now())"
        )
    with pytest.raises(SchemaUnknown):
        migrate(empty_database_url)


def test_a_database_that_is_away_is_named() -> None:
    with pytest.raises(RecordsUnavailable, match="cannot be reached"):
        migrate("postgresql://handrail@/none?host=/nonexistent")


def test_partitions_take_over_rows_of_the_default_partition(empty_database_url: str) -> None:
    migrate(empty_database_url)
    tenant, turn = uuid4(), uuid4()
    last_second = datetime(2031, 3, 31, 23, 59, 59, 999999, tzinfo=UTC)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        for at in (last_second, datetime(2031, 4, 1, tzinfo=UTC)):
            connection.execute(
                "insert into turns (tenant_id, id, at, attempt, protocol, streamed, status, action, severity, policy, "
                "vocabulary, delivered) values (%s, %s, %s, 1, 'p', false, 'full', 'allow', 0, 'h', 1, 'none')",
                (tenant, turn, at),
            )
        connection.execute("set timezone to 'America/New_York'")
        connection.execute("select ensure_partitions(%s)", [datetime(2031, 4, 10, tzinfo=UTC)])
        connection.execute("select ensure_partitions(%s)", [datetime(2031, 4, 10, tzinfo=UTC)])
        rows = connection.execute("select tableoid::regclass::text, at from turns order by at").fetchall()
        assert [name for name, _ in rows] == ["turns_2031_03", "turns_2031_04"]
        assert rows[0][1] == last_second
        assert connection.execute("select count(*) from turns_default").fetchone() == (0,)
        bounds = connection.execute(
            "select pg_get_expr(relpartbound, oid) from pg_class where relname = 'scores_2031_04'"
        ).fetchone()
        assert bounds is not None


async def test_partitions_are_made_while_turns_are_written(empty_database_url: str, tmp_path: Path) -> None:
    migrate(empty_database_url)
    world = World(empty_database_url, tmp_path)
    tenant = world.tenant()
    later = datetime(2033, 7, 31, 23, 59, tzinfo=UTC)
    async with world.records() as records:

        async def write(number: int) -> None:
            claim = replace(world.claim(tenant, str(number)), at=later + timedelta(seconds=3 * number))
            await records.commit(world.entry(claim, await records.claim(claim), severity=3))

        async def make() -> None:
            async with records.database.connection() as connection:
                await connection.execute("select ensure_partitions(%s)", [later])

        await asyncio.gather(*(write(number) for number in range(20)), make(), *(write(number) for number in range(20, 60)))
        while (tmp_path / "journal").exists() and any(f.stat().st_size > 4 for f in (tmp_path / "journal").iterdir()):
            await asyncio.sleep(0.05)
    places = world.rows("select tableoid::regclass::text as place, count(*) from turns group by 1 order by 1")
    assert places == [{"place": "turns_2033_07", "count": 20}, {"place": "turns_2033_08", "count": 40}]
    assert world.count("scores", tenant) == 120
