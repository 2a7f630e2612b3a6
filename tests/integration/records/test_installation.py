"""A gateway whose master key is not the database's writes nothing there, whenever the two meet."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import psycopg
import pytest

from guard.errors import RecordsUnavailable
from guard.records.errors import KeyUnusable
from guard.records.installation import assure, compare, confirm, keys_of
from guard.records.keys import Keys
from tests.integration.records.world import World

AWAY = "postgresql://handrail@127.0.0.1:1/handrail"


@pytest.fixture(scope="module")
def home(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder whose key the database knows."""
    folder = tmp_path_factory.mktemp("home")

    async def note() -> None:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            await keys_of(connection, folder)

    asyncio.run(note())
    return folder


async def test_a_database_of_another_key_counts_as_away(
    database_url: str, home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Found when the database is first reached, also after it was away at the start: what comes goes to the journal."""
    alien = World(database_url, tmp_path / "alien")
    tenant = alien.tenant()
    claim = alien.claim(tenant, "one")
    async with alien.records(admit=partial(compare, keys=alien.keys, home=alien.settings.home)) as records:
        assert records.away
        await records.commit(alien.entry(claim, await records.claim(claim), severity=3))
        async with asyncio.timeout(5):
            while not caplog.records or "is not the one" not in str((caplog.records[-1].exc_info or ("", ""))[1]):
                await asyncio.sleep(0.02)
        assert records.away
    assert alien.count("turns", tenant) == 0
    assert list((alien.settings.home / "journal").glob("*.journal"))
    own = World(database_url, home)
    claim = own.claim(tenant, "two")
    async with own.records(admit=partial(compare, keys=own.keys, home=home)) as records:
        assert not records.away
        await records.commit(own.entry(claim, await records.claim(claim), severity=3))
    assert own.count("turns", tenant) == 1


def test_no_key_is_made_beside_a_database_that_cannot_be_asked(tmp_path: Path) -> None:
    """It might be a second one. Whoever has a key may start."""
    with pytest.raises(KeyUnusable, match=r"there is no master\.key in .*; start again when PostgreSQL answers"):
        assure(AWAY, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    World(AWAY, tmp_path / "old")
    assure(AWAY, tmp_path / "old")


def test_a_key_is_confirmed_where_the_database_can_be_asked(
    database_url: str, empty_database_url: str, home: Path, tmp_path: Path
) -> None:
    """One that is away is told apart: whoever has no work without it asks again."""
    own, alien = Keys.load(home), Keys.load(tmp_path / "alien")
    confirm(database_url, own, home)
    confirm(empty_database_url, alien, tmp_path / "alien")
    with pytest.raises(KeyUnusable, match="is not the one that this database was written with"):
        confirm(database_url, alien, tmp_path / "alien")
    with pytest.raises(RecordsUnavailable, match="PostgreSQL cannot be reached"):
        confirm(AWAY, alien, tmp_path / "alien")


async def test_a_database_that_is_not_migrated_yet_is_let_in(empty_database_url: str, tmp_path: Path) -> None:
    """Nothing was written to it; that it lacks its tables is told elsewhere."""
    world = World(empty_database_url, tmp_path)
    async with world.records(admit=partial(compare, keys=world.keys, home=tmp_path)) as records:
        assert not records.away
