"""Tenants, keys, reviewers, channels, data keys and alerts against a real PostgreSQL."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from argon2 import PasswordHasher

from detectors.signals import SCREENS
from guard.records import admin
from guard.records.alerts import INSTALLATION
from guard.records.contract import TurnText
from guard.records.errors import KeyUnusable, NameTaken, NotFound, RequestRefused
from guard.records.ids import new_id
from guard.records.keys import Keys
from guard.turns.contract import Identity
from tests.integration.records.world import World


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> World:
    return World(database_url, tmp_path)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        yield connection


async def test_a_tenant_and_its_key(world: World, connection: psycopg.AsyncConnection[Any]) -> None:
    tenant_id = await admin.create_tenant(connection, "acme", people="hours", store_text=True, off=["distress"], tag="eu")
    with pytest.raises(NameTaken, match="acme"):
        await admin.create_tenant(connection, "acme")
    for name, people in (("Acme", "none"), ("", "none"), ("fine", "sometimes")):
        with pytest.raises(RequestRefused):
            await admin.create_tenant(connection, name, people=people)
    row = await admin.find_tenant(connection, "acme")
    assert (row.id, row.people, row.off) == (tenant_id, "hours", ["distress"])
    assert "acme" in [one.name for one in await admin.list_tenants(connection)]
    with pytest.raises(NotFound, match="nobody"):
        await admin.find_tenant(connection, "nobody")

    key = await admin.create_key(connection, tenant_id)
    assert re.fullmatch(r"hr_[A-Za-z0-9_-]{32}", key.secret)
    dump = str(world.rows("select k::text from api_keys k"))
    assert key.secret not in dump
    expected = Identity(tenant_id, "acme", "eu", "hours", True, frozenset({"distress", *SCREENS}), False)
    async with world.records() as records:
        assert await records.authenticate(key.secret) == expected
        assert await records.authenticate(key.secret[:-1]) is None
        assert await records.authenticate("sk-other") is None
        assert await records.authenticate("hr_" + "x" * 10_000) is None
    [listed] = await admin.list_keys(connection, tenant_id)
    assert key.secret.startswith(listed.prefix)
    assert len(listed.prefix) < 12
    with pytest.raises(NotFound):
        await admin.revoke_key(connection, new_id(), key.id)  # of another tenant
    await admin.revoke_key(connection, tenant_id, key.id)
    with pytest.raises(NotFound):
        await admin.revoke_key(connection, tenant_id, key.id)
    async with world.records() as records:
        assert await records.authenticate(key.secret) is None


async def test_a_reviewer(world: World, connection: psycopg.AsyncConnection[Any]) -> None:
    tenant = world.tenant()
    made = await admin.create_reviewer(connection, tenant.tenant_id, "first-reviewer")
    assert len(made.password) == 20
    [row] = world.rows("select password_hash, roles from reviewers where tenant_id = %s", tenant.tenant_id)
    assert row["password_hash"].startswith("$argon2id$")
    assert row["roles"] == ["reviewer"]
    PasswordHasher().verify(row["password_hash"], made.password)
    with pytest.raises(NameTaken):
        await admin.create_reviewer(connection, tenant.tenant_id, "first-reviewer")
    await admin.disable_reviewer(connection, tenant.tenant_id, "first-reviewer")
    with pytest.raises(NotFound):
        await admin.disable_reviewer(connection, tenant.tenant_id, "first-reviewer")
    password = await admin.reset_password(connection, tenant.tenant_id, "first-reviewer")
    assert password != made.password
    [listed] = await admin.list_reviewers(connection, tenant.tenant_id)
    assert listed.disabled_at is not None, "a new password lets nobody in who was shut out"
    await admin.enable_reviewer(connection, tenant.tenant_id, "first-reviewer")
    [listed] = await admin.list_reviewers(connection, tenant.tenant_id)
    assert (listed.name, listed.disabled_at) == ("first-reviewer", None)


async def test_a_channel_keeps_its_secret(world: World, connection: psycopg.AsyncConnection[Any], tmp_path: Path) -> None:
    tenant = world.tenant()
    secret = await admin.add_webhook(
        connection, world.keys, tenant.tenant_id, "on-call", "https://hooks.example.org/handrail", severity_from=3
    )
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    [row] = world.rows("select secret, c::text as dump from channels c where tenant_id = %s", tenant.tenant_id)
    assert secret.removeprefix("whsec_") not in row["dump"]
    assert admin.channel_secret(world.keys, tenant.tenant_id, row["secret"]) == secret
    for keys, tenant_id in ((world.keys, new_id()), (Keys.load(tmp_path / "other"), tenant.tenant_id)):
        with pytest.raises(KeyUnusable):
            admin.channel_secret(keys, tenant_id, row["secret"])
    with pytest.raises(NameTaken):
        await admin.add_webhook(connection, world.keys, tenant.tenant_id, "on-call", "https://hooks.example.org/")
    for url, more in (
        ("ftp://example.org", {}),
        ("https://", {}),
        ("https://e.org", {"topics": ["case.closed"]}),
        ("https://e.org", {"topics": []}),
        ("https://e.org", {"severity_from": 5}),
    ):
        with pytest.raises(RequestRefused):
            await admin.add_webhook(connection, world.keys, tenant.tenant_id, "other", url, **more)
    await admin.disable_channel(connection, tenant.tenant_id, "on-call")
    [listed] = await admin.list_channels(connection, tenant.tenant_id)
    assert (listed.enabled, listed.disabled_reason, listed.severity_from) == (False, "operator", 3)


async def test_destroyed_text_is_gone_and_later_text_is_not(world: World, connection: psycopg.AsyncConnection[Any]) -> None:
    tenant = world.tenant(store_text=True)
    texts = []
    async with world.records() as records:
        for name in ("before", "after"):
            claim = world.claim(tenant, name, session="s")
            claimed = await records.claim(claim)
            await records.commit(world.entry(claim, claimed, severity=3, text=TurnText(f"said {name}", "")))
            if name == "before":
                shown = await records.turn(tenant.tenant_id, claimed.turn_id)
                assert shown is not None
                assert shown["text"] == {"user": "said before", "reply": None}
                assert await admin.destroy_text(connection, tenant.tenant_id) == 1
            texts.append(claimed.turn_id)
        gone, kept = [await records.turn(tenant.tenant_id, turn_id) for turn_id in texts]
    assert gone is not None
    assert gone["text"] is None
    assert gone["rules"], "the record stays, its text does not"
    assert kept is not None
    assert kept["text"] == {"user": "said after", "reply": None}
    keys = world.rows(
        "select wrapped is null as gone, destroyed_at from data_keys where tenant_id = %s order by id", tenant.tenant_id
    )
    assert [key["gone"] for key in keys] == [True, False]


async def test_an_outage_is_one_alert_told_once(world: World, connection: psycopg.AsyncConnection[Any]) -> None:
    listening, deaf = world.tenant(), world.tenant()
    await admin.add_webhook(connection, world.keys, listening.tenant_id, "on-call", "https://hooks.example.org/")
    await admin.add_webhook(
        connection, world.keys, deaf.tenant_id, "cases", "https://hooks.example.org/", topics=["case.opened"]
    )
    async with world.records() as one, world.records() as two:
        for records in (one, two):
            for _ in range(500):
                records.alert("detectors_unavailable")
        await asyncio.sleep(0.5)
        one.alert("detectors_unavailable")
        await asyncio.sleep(0.5)
        [alert] = world.rows("select * from operational_alerts where kind = 'detectors_unavailable'")
        assert (alert["tenant_id"], alert["count"], alert["closed_at"]) == (INSTALLATION, 1001, None)
        told = world.rows("select tenant_id, topic, payload from outbox where payload ->> 'kind' = 'detectors_unavailable'")
        assert [(row["tenant_id"], row["topic"]) for row in told] == [(listening.tenant_id, "alert.opened")]
        one.clear("detectors_unavailable")
        one.clear("never-raised")
        await asyncio.sleep(0.5)
        one.alert("detectors_unavailable")
        one.alert("tenant-thing", tenant_id=deaf.tenant_id)
    rows = world.rows(
        "select count, closed_at is null as open from operational_alerts where kind = 'detectors_unavailable' order by id"
    )
    assert rows == [{"count": 1001, "open": False}, {"count": 1, "open": True}]
    assert world.count("outbox", deaf) == 1
    assert world.count("outbox", listening) == 2
    assert world.rows("select * from operational_alerts where kind = 'never-raised'") == []


async def test_an_alert_that_nobody_listens_to_is_told_to_the_installation(database_url: str, tmp_path: Path) -> None:
    world = World(database_url, tmp_path)
    world.run("update channels set enabled = false")
    async with world.records() as records:
        records.alert("nobody-listens")
    [row] = world.rows("select tenant_id from outbox where payload ->> 'kind' = 'nobody-listens'")
    assert row["tenant_id"] == INSTALLATION
