"""Feedback from the tenant's application to the reviewer's verdict."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest

from guard.gateway.app import create_app
from guard.gateway.upstream import AiohttpUpstream
from guard.records.encryption import DataKey, open_text, unwrap
from guard.records.feedback import note_field
from guard.records.ids import new_id
from guard.records.tenants import digest_of
from guard.turns.contract import Identity
from tests.integration.review.desk import Console, Desk

_ITEM = re.compile(r'<li class="entry card" data-item.*?</li>', re.DOTALL)


@asynccontextmanager
async def _gateway(at: Desk, tenant: Identity) -> AsyncIterator[httpx.AsyncClient]:
    key = f"hr_{uuid4().hex}"
    at.world.run(
        "insert into api_keys (tenant_id, id, prefix, digest) values (%s, %s, %s, %s)",
        tenant.tenant_id,
        new_id(),
        key[:9],
        digest_of(key),
    )
    upstream = AiohttpUpstream("http://127.0.0.1:9/v1", at.world.settings)
    app = create_app(
        desk=cast(Any, None),
        records=at.records,
        upstream=upstream,
        settings=at.world.settings,
        live=lambda: (200, {}),
        ready=lambda: (200, {}),
        metrics=lambda: (b"", "text/plain"),
    )
    head = {"authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(app=cast(Any, app))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=head) as client:
            yield client
    finally:
        await upstream.aclose()


async def _turn(at: Desk, tenant: Identity, **more: Any) -> str:
    turn, _ = await at.turn(tenant, f"s-{uuid4()}", f"t-{uuid4()}", **more)
    return str(turn)


async def test_feedback_counts_once_a_turn_and_kind(at: Desk, tenant: Identity) -> None:
    turn = await _turn(at, tenant)
    async with _gateway(at, tenant) as client:
        first = await client.post(f"/v1/turns/{turn}/feedback", json={"kind": "harmful"})
        assert first.status_code == 201
        assert first.json() == {**first.json(), "turn": turn, "kind": "harmful", "note": "not stored"}
        later = await client.post(f"/v1/turns/{turn}/feedback", json={"kind": "harmful", "note": "it mocked me"})
        again = await client.post(f"/v1/turns/{turn}/feedback", json={"kind": "harmful", "note": "another"})
        other = await client.post(f"/v1/turns/{turn}/feedback", json={"kind": "unwanted", "note": None})
    assert (later.status_code, again.status_code, other.status_code) == (200, 200, 201)
    assert later.json() == {**first.json(), "note": "stored"}
    assert again.json()["id"] == first.json()["id"] != other.json()["id"]
    rows = at.world.rows("select kind, note from feedback where tenant_id = %s order by id", tenant.tenant_id)
    assert [row["kind"] for row in rows] == ["harmful", "unwanted"]
    assert b"mocked" not in bytes(rows[0]["note"])


async def test_a_note_is_kept_only_where_text_is(at: Desk) -> None:
    tenant = at.world.tenant(store_text=False)
    turn = await _turn(at, tenant)
    async with _gateway(at, tenant) as client:
        answer = await client.post(f"/v1/turns/{turn}/feedback", json={"kind": "missed", "note": "nobody asked me"})
    assert answer.json()["note"] == "not stored"
    assert at.world.rows("select note from feedback where tenant_id = %s", tenant.tenant_id) == [{"note": None}]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "kind"),
        ({"kind": "nice"}, 400, "kind"),
        ({"kind": ["harmful"]}, 400, "kind"),
        ({"kind": "harmful", "note": 3}, 400, "note"),
        ({"kind": "harmful", "note": "x" * 2001}, 400, "note"),
        ({"kind": "harmful", "note": "a\0b"}, 400, "note"),
        ({"kind": "harmful", "why": "zq-secret"}, 400, None),
        ([], 400, None),
        ({"kind": "harmful", "note": "x" * 40_000}, 413, None),
    ],
)
async def test_bad_feedback_is_told_what_is_wrong(
    at: Desk, tenant: Identity, body: Any, status: int, param: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    turn = await _turn(at, tenant)
    async with _gateway(at, tenant) as client:
        answer = await client.post(f"/v1/turns/{turn}/feedback", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["param"] == param
    assert "zq-secret" not in answer.text + caplog.text
    assert at.world.count("feedback", tenant) == 0


async def test_foreign_turns_and_keys(at: Desk, tenant: Identity) -> None:
    turn = await _turn(at, tenant)
    async with _gateway(at, at.world.tenant()) as client:
        for wanted in (turn, "nonsense", str(uuid4())):
            assert (await client.post(f"/v1/turns/{wanted}/feedback", json={"kind": "harmful"})).status_code == 404
        unsigned = await client.post(f"/v1/turns/{turn}/feedback", json={"kind": "harmful"}, headers={"authorization": "no"})
        assert unsigned.status_code == 401
        wrong = await client.get(f"/v1/turns/{turn}/feedback")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert at.world.rows("select 1 from feedback where turn_id = %s", turn) == []


async def test_feedback_is_in_the_description_of_the_api(at: Desk, tenant: Identity) -> None:
    async with _gateway(at, tenant) as client:
        described = (await client.get("/openapi.json")).json()["paths"]["/v1/turns/{turn_id}/feedback"]["post"]
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["kind"]["enum"] == ["harmful", "unwanted", "missed", "helpful"]
    assert {"200", "201", "400", "401", "404", "413", "503"} <= set(described["responses"])


async def test_the_gravest_feedback_comes_first_and_leaves_when_it_was_read(
    at: Desk, tenant: Identity, ann: Console, ben: Console
) -> None:
    said = "zq-the-reply"
    kinds = ("helpful", "unwanted", "missed", "harmful")
    async with _gateway(at, tenant) as client:
        for kind in kinds:
            turn = await _turn(at, tenant, user="zq-hello", reply=said)
            made = await client.post(f"/v1/turns/{turn}/feedback", json={"kind": kind, "note": f"zq-note <i>{kind}</i>"})
    page = (await ann.get("/feedback")).text
    assert "zq-" not in page
    items = _ITEM.findall(page)
    found = re.findall(r'<span class="badge">([^<]+)</span>', page)
    assert found == ["Felt harmful", "Help was missing", "Help was unwanted", "Helped"]
    harmful = made.json()["id"]
    assert harmful in items[0]
    shown = await ann.post(f"/feedback/{harmful}/reveal", expect=200)
    for words in (said, "zq-hello", "zq-note &lt;i&gt;harmful&lt;/i&gt;"):
        assert words in shown.text
    assert at.audited(f"feedback:{harmful}") == ["feedback.revealed"]
    assert at.world.rows("select reviewer, case_id from reveals where feedback_id = %s", harmful) == [
        {"reviewer": ann.person.id, "case_id": None}
    ]
    for _ in range(2):
        await ann.post(f"/feedback/{harmful}/review", {"verdict": "harm"})
    late = await ben.post(f"/feedback/{harmful}/review", {"verdict": "no_harm"}, expect=409)
    assert ann.person.name in late.text
    await ben.post(f"/feedback/{harmful}/review", {"verdict": "fine"}, expect=400)
    assert at.audited(f"feedback:{harmful}") == ["feedback.revealed", "feedback.reviewed"]
    assert harmful not in (await ann.get("/feedback")).text
    assert harmful not in (await ann.get("/feedback?kind=helpful")).text
    assert "Harm, to be followed up" in (await ann.get("/feedback?seen=1")).text
    await ann.get("/feedback?kind=bad", expect=400)


async def test_pages_of_feedback(at: Desk, tenant: Identity, ann: Console) -> None:
    rows = [(tenant.tenant_id, new_id(), new_id(), ("harmful", "helpful", "missed")[number % 3]) for number in range(120)]
    for tenant_id, item, turn, kind in rows:
        at.world.run(
            "insert into feedback (tenant_id, id, turn_id, kind, at) values (%s, %s, %s, %s, now())",
            tenant_id,
            item,
            turn,
            kind,
        )
    found: list[str] = []
    path = "/feedback"
    while path:
        page = (await ann.get(path)).text
        found += re.findall(r"/review/feedback/([0-9a-f-]{36})/review", page)
        following = re.search(r'href="/review(/feedback[^"]*)" rel="next"', page)
        path = following.group(1).replace("&amp;", "&") if following is not None else ""
    rank = {"harmful": 0, "missed": 1, "helpful": 3}
    assert found == [str(item) for _, item, _, _ in sorted(rows, key=lambda row: (rank[row[3]], row[1]))]
    await ann.get("/feedback?after=9", expect=400)


async def test_a_note_is_stored_without_what_is_personal(at: Desk, tenant: Identity) -> None:
    turn = await _turn(at, tenant)
    async with _gateway(at, tenant) as client:
        said = {"kind": "missed", "note": "write to ann@example.org or 07700 900123, please"}
        assert (await client.post(f"/v1/turns/{turn}/feedback", json=said)).status_code == 201
    sql = "select f.id, f.key_id, f.note, k.wrapped from feedback f join data_keys k on k.id = f.key_id where f.turn_id = %s"
    [row] = at.world.rows(sql, UUID(turn))
    sealer = unwrap(at.world.keys, DataKey(tenant.tenant_id, row["key_id"], row["wrapped"]))
    note = open_text(sealer, row["note"], tenant_id=tenant.tenant_id, turn_id=UUID(turn), field=note_field("missed"))
    assert note == "write to <EMAIL_ADDRESS> or <PHONE_NUMBER>, please"
