"""Two tenants with something in every room, for the tests of the walls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from guard.records import admin, audit
from guard.records.contract import Referral, TurnText
from guard.records.scope import Role
from guard.turns.contract import Identity
from tests.integration.records.world import World

__all__ = ["furnish", "readable", "role_of", "tables_with_tenant"]


async def furnish(world: World, *, text: str) -> Identity:
    """A tenant with a key, a reviewer, a channel, a turn of severity 4 with ``text``, its case and an audit row."""
    tenant = world.tenant(store_text=True)
    async with await psycopg.AsyncConnection.connect(world.url, autocommit=True) as connection:
        await admin.create_key(connection, tenant.tenant_id)
        await admin.create_reviewer(connection, tenant.tenant_id, "ada")
        await admin.add_webhook(connection, world.keys, tenant.tenant_id, "desk", "https://example.org/hook")
        await audit.append(connection, tenant_id=tenant.tenant_id, actor="test", action="made", subject="tenant")
    async with world.records() as records:
        claim = world.claim(tenant, "t", session="s", person=world.hashed(tenant, "person", "p"))
        claimed = await records.claim(claim)
        referral = Referral(("suicide",), ("us-988",), "US", True)
        await records.commit(world.entry(claim, claimed, severity=4, text=TurnText(text, text), referral=referral))
    return tenant


@contextmanager
def role_of(connection: psycopg.Connection[Any], role: Role, tenant: Identity | None) -> Iterator[None]:
    """A transaction as ``role``, for ``tenant`` or with the tenant forgotten; nothing of it stays."""
    with connection.transaction(force_rollback=True):
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role.in_database)))
        if tenant is not None:
            connection.execute("select set_config('handrail.tenant', %s, true)", [str(tenant.tenant_id)])
        yield


def tables_with_tenant(connection: psycopg.Connection[Any]) -> Sequence[dict[str, Any]]:
    """Every table with ``tenant_id``, and the tenants: whether it is a partition, walled, and by how many policies."""
    return (
        connection.cursor(row_factory=dict_row)
        .execute(
            """
            select c.oid, c.relname as name, c.relispartition as part, c.relrowsecurity as walled,
                   (select count(*) from pg_policy p where p.polrelid = c.oid) as policies,
                   case c.relname when 'tenants' then 'id' else 'tenant_id' end as key
            from pg_class c
            join pg_attribute a on a.attrelid = c.oid and not a.attisdropped
                and a.attname = case c.relname when 'tenants' then 'id' else 'tenant_id' end
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
            order by c.relname
            """
        )
        .fetchall()
    )


def readable(connection: psycopg.Connection[Any], role: Role, oid: int) -> list[str]:
    """The columns of a table that ``role`` may select."""
    rows = connection.cursor(row_factory=dict_row).execute(
        "select attname from pg_attribute where attrelid = %(oid)s and attnum > 0 and not attisdropped "
        "and has_column_privilege(%(role)s, %(oid)s, attnum, 'select') order by attnum",
        {"oid": oid, "role": role.in_database},
    )
    return [str(row["attname"]) for row in rows.fetchall()]
