"""The migration of the channels on a database that has rows, there and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from guard.records.ids import new_id
from guard.records.migrate import migrate, rollback, status
from tests.integration.escalation.house import House

_NAME = "0005_channels"


def _back(url: str) -> None:
    """Takes back everything from the channels on."""
    rollback(url, count=sum(name >= _NAME for name in status(url).applied))


def _one(url: str, statement: str) -> dict[str, Any]:
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row


def test_it_takes_rows_along_and_gives_them_back(empty_database_url: str, tmp_path: Path) -> None:
    migrate(empty_database_url)
    _back(empty_database_url)
    house = House(empty_database_url, tmp_path)
    tenant = house.tenant()
    channel, case = house.channel(tenant, "https://hooks.example.org/h"), house.case(tenant)
    message = house.tell(tenant, case_id=str(case))
    house.rows("insert into deliveries (tenant_id, outbox_id, channel_id) values (%s, %s, %s)", (tenant, message, channel))
    assert _NAME in migrate(empty_database_url)
    assert _one(empty_database_url, "select rung, previous_secret from channels") == {"rung": 1, "previous_secret": None}
    assert _one(empty_database_url, "select rung, next_rung_at from cases") == {"rung": 1, "next_rung_at": None}
    assert _one(empty_database_url, "select spent, instead_of from deliveries") == {"spent": 0, "instead_of": None}
    mail = new_id()
    house.rows(
        "insert into channels (tenant_id, id, name, kind, url) values (%s, %s, 'mail', 'email', 'mailto:a@example.org')",
        (tenant, mail),
    )
    house.rows(
        "insert into deliveries (tenant_id, outbox_id, channel_id, instead_of) values (%s, %s, %s, %s)",
        (tenant, message, mail, channel),
    )
    _back(empty_database_url)
    assert _one(empty_database_url, "select array_agg(id) as ids from channels") == {"ids": [channel]}
    assert _one(empty_database_url, "select count(*) as n from deliveries") == {"n": 1}
    assert _NAME in migrate(empty_database_url)
