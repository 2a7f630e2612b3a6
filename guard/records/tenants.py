"""Whose key this is. Cached for a few seconds; while the database is away, what was known stays known."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from typing import Final, TypeVar

import psycopg
from psycopg.rows import dict_row

from detectors.signals import SCREENS
from guard.errors import RecordsUnavailable
from guard.records.pool import Database
from guard.records.queries import query
from guard.records.terms import Identity, RedactUpstream
from policies.expression.names import may_be_off

__all__ = ["KEY_PREFIX", "TenantKeys", "digest_of"]

KEY_PREFIX: Final = "hr_"
_FRESH: Final = 5.0
_LONGEST: Final = 200
_MOST: Final = 2048

_Value = TypeVar("_Value")


def digest_of(key: str) -> bytes:
    """What is stored of a key. Its 32 random characters need no slow hash."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


class TenantKeys:
    """Looks keys up. Known and unknown ones are kept apart, so that a flood of wrong keys drives nobody out."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[bytes, tuple[float, Identity]] = OrderedDict()
        self._unknown: OrderedDict[bytes, float] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Identity | None]] = {}

    async def authenticate(self, key: str) -> Identity | None:
        """The tenant of ``key``, or ``None``. Raises :class:`~guard.errors.RecordsUnavailable` for a key that was never
        seen here while the database is away."""
        if not key.startswith(KEY_PREFIX) or len(key) > _LONGEST:
            return None
        digest, now = digest_of(key), asyncio.get_running_loop().time()
        known = self._known.get(digest)
        if known is not None and now - known[0] < _FRESH:
            return known[1]
        if now - self._unknown.get(digest, float("-inf")) < _FRESH:
            return None
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = asyncio.create_task(self._ask(digest))
            task.add_done_callback(lambda done: self._asked(digest, done))
        try:
            return await self._database.bounded(_result(task))
        except psycopg.errors.UndefinedColumn:
            raise RecordsUnavailable("the database is of an older version; run: handrail db migrate") from None
        except (psycopg.Error, RecordsUnavailable, OSError):
            if known is not None:
                return known[1]
            raise RecordsUnavailable("the key cannot be checked while PostgreSQL is away") from None

    def _asked(self, digest: bytes, done: asyncio.Task[Identity | None]) -> None:
        self._asking.pop(digest, None)
        if not done.cancelled():
            done.exception()  # whoever still waits for it is told; one that nobody waits for is no fault of its own

    async def _ask(self, digest: bytes) -> Identity | None:
        async with self._database.connection() as connection:
            cursor = await connection.cursor(row_factory=dict_row).execute(query("authenticate"), {"digest": digest})
            row = await cursor.fetchone()
        now = asyncio.get_running_loop().time()
        if row is None:
            self._known.pop(digest, None)
            _put(self._unknown, digest, now)
            return None
        identity = Identity(
            tenant_id=row["id"],
            name=row["name"],
            tag=row["tag"],
            people=row["people"],
            store_text=row["store_text"],
            redact_upstream=RedactUpstream(row["redact_upstream"]),
            off=frozenset(filter(may_be_off, row["off"])) | (frozenset() if row["screens"] else frozenset(SCREENS)),
            synthetic=row["synthetic"],
        )
        self._unknown.pop(digest, None)
        _put(self._known, digest, (now, identity))
        return identity


async def _result(task: asyncio.Task[Identity | None]) -> Identity | None:
    return await asyncio.shield(task)


def _put(entries: OrderedDict[bytes, _Value], key: bytes, value: _Value) -> None:
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > _MOST:
        entries.popitem(last=False)
