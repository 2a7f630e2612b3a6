"""The queue's order, pages, filters and counts."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from guard.records.ids import new_id
from guard.turns.contract import Identity
from tests.integration.review.desk import Console, Desk

_ENTRY = re.compile(r'href="/review/cases/([0-9a-f-]{36})" data-open')


def fill(at: Desk, tenant: Identity, count: int, seed: int = 1) -> list[dict[str, Any]]:
    """``count`` cases of every state, severity and deadline, some of them to the same instant."""
    chance, now = random.Random(seed), datetime.now(UTC)
    rows = []
    for _ in range(count):
        opened = now - timedelta(minutes=chance.randrange(600))
        state = chance.choice(("open", "notified", "acknowledged", "handed_off", "closed"))
        rows.append(
            {
                "tenant_id": tenant.tenant_id,
                "id": new_id(),
                "case_key": chance.randbytes(32),
                "turn": new_id(),
                "severity": chance.randrange(5),
                "state": state,
                "opened_at": opened,
                "acknowledge_by": now + timedelta(minutes=chance.randrange(-30, 30)),
                "act_by": now + timedelta(minutes=chance.randrange(-20, 60)),
                "closed_at": opened + timedelta(minutes=5) if state == "closed" else None,
            }
        )
    with psycopg.connect(at.world.url, autocommit=True) as connection:
        connection.cursor().executemany(
            "insert into cases (tenant_id, id, case_key, first_turn, last_turn, severity, assigned_to, state, opened_at,"
            " raised_at, acknowledge_by, act_by, closed_at) values (%(tenant_id)s, %(id)s, %(case_key)s, %(turn)s, %(turn)s,"
            " %(severity)s, 'team', %(state)s, %(opened_at)s, %(opened_at)s, %(acknowledge_by)s, %(act_by)s, %(closed_at)s)",
            rows,
        )
    return rows


def due(row: dict[str, Any]) -> datetime:
    found: datetime = row["acknowledge_by"] if row["state"] in ("open", "notified") else row["act_by"]
    return found


async def walk(console: Console, path: str) -> list[UUID]:
    """All cases from the first page to the last."""
    found: list[UUID] = []
    while path:
        page = (await console.get(path)).text
        found += [UUID(one) for one in _ENTRY.findall(page)]
        following = re.search(r'href="/review(/queue[^"]*)" rel="next"', page)
        path = following.group(1).replace("&amp;", "&") if following is not None else ""
    return found


async def test_late_first_then_severity_then_what_is_due(at: Desk, tenant: Identity, ann: Console) -> None:
    rows = fill(at, tenant, 260)
    fill(at, at.world.tenant(), 40, seed=2)
    now = at.clock()
    still = [row for row in rows if row["state"] != "closed"]
    expected = sorted(still, key=lambda row: (due(row) >= now, -row["severity"], due(row), row["id"]))
    assert await walk(ann, "/queue") == [row["id"] for row in expected]


async def test_the_order_stays_while_somebody_reads_on(at: Desk, tenant: Identity, ann: Console) -> None:
    rows = fill(at, tenant, 180, seed=3)
    first = (await ann.get("/queue")).text
    following = re.search(r'href="/review(/queue[^"]*)" rel="next"', first)
    assert following is not None
    at.offset = timedelta(minutes=20)  # many more are late by now
    rest = await walk(ann, following.group(1).replace("&amp;", "&"))
    seen = [UUID(one) for one in _ENTRY.findall(first)] + rest
    assert len(seen) == len(set(seen))
    assert set(seen) == {row["id"] for row in rows if row["state"] != "closed"}


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("state=waiting", lambda row: row["state"] in ("open", "notified", "handed_off")),
        ("state=acknowledged", lambda row: row["state"] == "acknowledged"),
        ("severity=3", lambda row: row["severity"] >= 3 and row["state"] != "closed"),
        ("state=handed_off&severity=4", lambda row: row["severity"] == 4 and row["state"] == "handed_off"),
        ("state=closed", lambda row: row["state"] == "closed"),
        ("mine=1", lambda _: False),
    ],
)
async def test_filters(at: Desk, tenant: Identity, ann: Console, asked: str, kept: Any) -> None:
    rows = fill(at, tenant, 120, seed=4)
    found = await walk(ann, f"/queue?{asked}")
    assert len(found) == len(set(found))
    assert set(found) == {row["id"] for row in rows if kept(row)}
    if asked == "state=closed":
        by_id = {row["id"]: row for row in rows}
        instants = [by_id[one]["closed_at"] for one in found]
        assert instants == sorted(instants, reverse=True)


async def test_counts_and_mine(at: Desk, tenant: Identity, ann: Console, ben: Console) -> None:
    rows = fill(at, tenant, 60, seed=5)
    case = await at.case(tenant, severity=4)
    await ben.post(f"/cases/{case}/claim", {"then": "queue"})
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", (await ann.get("/queue")).text))
    still = [row for row in rows if row["state"] != "closed"]
    late = sum(due(row) < at.clock() for row in still)
    assert f"{len(still) + 1} open, {late} late, 0 yours" in page
    assert f"With {ben.person.name}." in page
    assert await walk(ben, "/queue?mine=1") == [case]
    assert "1 yours" in re.sub(r"<[^>]+>", "", (await ben.get("/queue")).text)


async def test_empty_queues_say_so(at: Desk, ann: Console) -> None:
    assert "No case is open" in (await ann.get("/queue")).text
    assert "No case fits this filter" in (await ann.get("/queue?severity=4")).text


@pytest.mark.parametrize(
    "asked", ["state=all%27", "severity=5", "severity=x", "after=nonsense", "after=" + "A" * 500, "after=W10="]
)
async def test_bad_addresses_get_a_sentence(ann: Console, asked: str) -> None:
    assert "This request could not be read" in (await ann.get(f"/queue?{asked}", expect=400)).text
