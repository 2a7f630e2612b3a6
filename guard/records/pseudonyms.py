"""A session's pseudonyms at rest: encrypted with the tenant's data key, written by whoever read the newest version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import orjson
import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from guard.errors import RecordsUnavailable
from guard.records.encryption import DataKey, unwrap, wrap_new
from guard.records.errors import KeyUnusable, TextDestroyed
from guard.records.keys import Keys
from guard.records.pool import Database
from guard.records.queries import query

__all__ = ["KeptPseudonyms", "PostgresPseudonyms", "PseudonymStore"]

_FIELD: Final = b"pseudonyms"


@dataclass(frozen=True, slots=True)
class KeptPseudonyms:
    """What :meth:`detectors.pii.pseudonyms.Pseudonyms.to_json` gave. ``version``: 0 where nothing was kept yet."""

    version: int
    entries: Sequence[Sequence[Any]]


class PseudonymStore(Protocol):
    """Keeps pseudonyms. ``session``: the 32-byte keyed hash that the session's row has as its key."""

    async def load(self, tenant_id: UUID, session: bytes) -> KeptPseudonyms:
        """What is kept; nothing where it was destroyed. Raises :class:`~guard.errors.RecordsUnavailable`."""
        ...

    async def keep(self, tenant_id: UUID, session: bytes, kept: KeptPseudonyms) -> bool:
        """Keeps ``kept``, made from the version that it names; false where another was kept meanwhile. Raises
        :class:`~guard.errors.RecordsUnavailable`."""
        ...


class PostgresPseudonyms:
    """Implements :class:`PseudonymStore`."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys

    async def load(self, tenant_id: UUID, session: bytes) -> KeptPseudonyms:
        """See :meth:`PseudonymStore.load`."""
        try:
            return await self._database.bounded(self._load(tenant_id, session))
        except (psycopg.Error, OSError):
            raise RecordsUnavailable("the session's pseudonyms cannot be read: PostgreSQL does not answer") from None

    async def keep(self, tenant_id: UUID, session: bytes, kept: KeptPseudonyms) -> bool:
        """See :meth:`PseudonymStore.keep`."""
        try:
            return await self._database.bounded(self._keep(tenant_id, session, kept))
        except (psycopg.Error, OSError):
            raise RecordsUnavailable("the session's pseudonyms cannot be kept: PostgreSQL does not answer") from None

    async def _load(self, tenant_id: UUID, session: bytes) -> KeptPseudonyms:
        async with self._database.connection() as connection:
            row = await _one(connection, "pseudonyms", {"tenant_id": tenant_id, "session": session})
        if row is None:
            return KeptPseudonyms(0, ())
        try:
            sealer = unwrap(self._keys, DataKey(tenant_id, row["key_id"], row["wrapped"]))
            return KeptPseudonyms(row["version"], orjson.loads(sealer.open(row["sealed"], _bound(tenant_id, session))))
        except (KeyUnusable, TextDestroyed, orjson.JSONDecodeError):  # destroyed with its key: the session counts anew
            return KeptPseudonyms(row["version"], ())

    async def _keep(self, tenant_id: UUID, session: bytes, kept: KeptPseudonyms) -> bool:
        async with self._database.connection() as connection, connection.transaction():
            key = await self._data_key(connection, tenant_id)
            sealed = unwrap(self._keys, key).seal(orjson.dumps(kept.entries), _bound(tenant_id, session))
            place = {"tenant_id": tenant_id, "session": session, "key_id": key.id}
            row = await _one(connection, "keep_pseudonyms", place | {"sealed": sealed, "version": kept.version})
        return row is not None

    async def _data_key(self, connection: AsyncConnection[Any], tenant_id: UUID) -> DataKey:
        row = await _one(connection, "data_keys", {"tenant_ids": [tenant_id]})
        if row is not None:
            return DataKey(tenant_id, row["id"], row["wrapped"])
        key = wrap_new(self._keys, tenant_id)
        await connection.execute(query("add_data_key"), {"tenant_id": tenant_id, "id": key.id, "wrapped": key.wrapped})
        return key


async def _one(connection: AsyncConnection[Any], name: str, values: dict[str, Any]) -> dict[str, Any] | None:
    cursor = await connection.cursor(row_factory=dict_row).execute(query(name), values)
    return await cursor.fetchone()


def _bound(tenant_id: UUID, session: bytes) -> bytes:
    """What they are bound to: moved to another session they do not open."""
    return tenant_id.bytes + session + _FIELD
