"""Whether a data folder's master key is the one that a database was written with.

Two master keys on one database would be found out only when a case's channel does not open, or a person is taken for two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from guard.errors import RecordsUnavailable
from guard.records.encryption import DataKey, unwrap
from guard.records.errors import KeyUnusable
from guard.records.keys import KEY_FILE, Keys
from guard.records.queries import query

__all__ = ["assure", "check", "compare", "confirm", "keys_of"]

_logger = logging.getLogger(__name__)

_SECONDS: Final = 3


async def keys_of(connection: AsyncConnection[Any], home: Path) -> Keys:
    """The keys of the data folder ``home``, which are those of the database: from now on it knows them. A key is made only
    where neither has one yet. Raises as :func:`check`; nothing is made or changed then."""
    await check(connection, home)
    keys = Keys.load(home)
    for version, fingerprint in keys.fingerprints.items():
        row = await _row(connection, "note_master_key", version=version, fingerprint=fingerprint)
        if bytes(row["fingerprint"]) != fingerprint:  # another process was first, with another key
            raise _other(home)
    return keys


def assure(database_url: str, home: Path) -> None:
    """As :func:`check`, for a process that is about to start beside a database. One that is away or not migrated yet is no
    reason not to start where the data folder ``home`` has a key; without one it is: a new key might be a second one. Raises
    :class:`~guard.records.errors.KeyUnusable`."""

    try:
        asyncio.run(_asked(database_url, partial(check, home=home)))
    except psycopg.Error as error:
        if not Keys.exist(home):
            raise KeyUnusable(
                f"there is no {KEY_FILE} in {home}, and the database cannot say whether one was used on it already; start "
                f"again when PostgreSQL answers and is migrated, or copy the installation's {KEY_FILE} there (mode 0600)"
            ) from None
        _logger.info("the master key was not compared with the database's (%s)", type(error).__name__)


def confirm(database_url: str, keys: Keys, home: Path) -> None:
    """As :func:`compare`, for a process that has a database to work on but no connection yet. One that is not migrated has
    nothing to be compared with. Raises :class:`~guard.errors.RecordsUnavailable` while it is away."""
    try:
        asyncio.run(_asked(database_url, partial(compare, keys=keys, home=home)))
    except psycopg.ProgrammingError as error:
        _logger.info("the master key was not compared with the database's (%s)", type(error).__name__)
    except psycopg.Error as error:
        raise RecordsUnavailable(f"PostgreSQL cannot be reached: {str(error).splitlines()[0]}") from None


async def _asked(database_url: str, ask: Callable[[AsyncConnection[Any]], Awaitable[None]]) -> None:
    async with await AsyncConnection.connect(database_url, autocommit=True, connect_timeout=_SECONDS) as connection:
        await connection.execute("select set_config('statement_timeout', %s, false)", [f"{_SECONDS}s"])
        await ask(connection)


async def check(connection: AsyncConnection[Any], home: Path) -> None:
    """Raises :class:`~guard.records.errors.KeyUnusable` where the database was written with another key than the data folder
    ``home`` has, or with one that it lacks. Changes nothing."""
    written = await _row(connection, "written_with_key")
    if not Keys.exist(home):
        if written["recorded"] or written["used"]:
            raise KeyUnusable(
                f"this database belongs to an installation whose {KEY_FILE} is not in {home}; give that installation's "
                f"folder with --data-dir, or copy its {KEY_FILE} there (mode 0600): a new key could not read what is stored"
            )
        return
    await _compare(connection, written, Keys.load(home), home)


async def compare(connection: AsyncConnection[Any], keys: Keys, home: Path) -> None:
    """As :func:`check`, with the keys that a process has read from ``home`` already."""
    await _compare(connection, await _row(connection, "written_with_key"), keys, home)


async def _compare(connection: AsyncConnection[Any], written: dict[str, Any], keys: Keys, home: Path) -> None:
    if not written["recorded"]:
        await _try_to_open(connection, keys, home)
        return
    cursor = await connection.cursor(row_factory=dict_row).execute(query("master_keys"))
    mine = keys.fingerprints
    if any(mine.get(row["version"]) != bytes(row["fingerprint"]) for row in await cursor.fetchall()):
        raise _other(home)


async def _try_to_open(connection: AsyncConnection[Any], keys: Keys, home: Path) -> None:
    """A database from before fingerprints: what is sealed in it must open."""
    sealed = await _row(connection, "sealed_once")
    try:
        if sealed["key_tenant"] is not None:
            unwrap(keys, DataKey(sealed["key_tenant"], sealed["key_id"], bytes(sealed["wrapped"])))
        if sealed["channel_tenant"] is not None:
            keys.open("channel", bytes(sealed["secret"]), sealed["channel_tenant"].bytes)
    except KeyUnusable:
        raise _other(home) from None


def _other(home: Path) -> KeyUnusable:
    return KeyUnusable(
        f"the {KEY_FILE} in {home} is not the one that this database was written with; give the data folder of its "
        "installation with --data-dir, or another database"
    )


async def _row(connection: AsyncConnection[Any], name: str, **values: Any) -> dict[str, Any]:
    row = await (await connection.cursor(row_factory=dict_row).execute(query(name), values)).fetchone()
    if row is None:
        raise RuntimeError(f"{name} always has a row")
    return row
