"""Work for one tenant in one role: PostgreSQL then shows no other tenant's rows and no column that the role never sees.

The wall is migration 0004. It is the second one: queries name their tenant all the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from guard.records.errors import RightsMissing

__all__ = ["Connections", "Role", "tenant_scope"]


class Role(StrEnum):
    """What somebody may see. Stored in ``reviewers.roles`` by its value; in PostgreSQL ``handrail_<value>``."""

    OPERATOR = "operator"
    POLICY_AUTHOR = "policy_author"
    REVIEWER = "reviewer"
    SRE = "sre"
    AUDITOR = "auditor"

    @property
    def in_database(self) -> str:
        """The name of PostgreSQL's role."""
        return f"handrail_{self.value}"


class Connections(Protocol):
    """A psycopg pool, or :class:`~guard.records.pool.Database`."""

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection[Any]]:
        """Lends a connection on which no transaction is open."""
        ...


@asynccontextmanager
async def tenant_scope(pool: Connections, tenant_id: UUID, role: Role) -> AsyncIterator[AsyncConnection[DictRow]]:
    """One transaction as ``role`` for ``tenant_id``; its rows are dicts. Commits at the end, rolls back on an exception.

    Role and tenant end with the transaction, however it ends: the pool gets its connection back as it was. Raises
    :class:`~guard.records.errors.RightsMissing` where the service may not take on the role, and what ``pool`` raises.
    A statement that reads or writes what the role may not raises ``psycopg.errors.InsufficientPrivilege``.
    """
    async with pool.connection() as connection:
        rows_before = connection.row_factory
        try:
            async with connection.transaction():
                connection.row_factory = dict_row
                await _enter(connection, tenant_id, role)
                yield connection
        finally:
            connection.row_factory = rows_before


async def _enter(connection: AsyncConnection[Any], tenant_id: UUID, role: Role) -> None:
    try:
        await connection.execute(
            "select set_config('handrail.tenant', %s, true), set_config('role', %s, true)",
            [str(tenant_id), role.in_database],
        )
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege):
        raise RightsMissing(
            f"PostgreSQL does not let the service take on the role {role.in_database}; run: handrail db migrate"
        ) from None
