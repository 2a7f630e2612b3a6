"""What was said: in no page before somebody asks, on record when they do, and text whatever it is made of."""

from __future__ import annotations

import html
import logging
import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from guard.records.encryption import wrap_new
from guard.review.reveal import PART
from guard.turns.contract import Identity
from tests.integration.review.desk import Console, Desk

_HOSTILE = (
    "<script>document.title='x'</script>",
    "</pre><img src=x onerror=alert(1)>",
    "![a](https://evil.example/beacon.png) [b](javascript:alert(1))",
    '=HYPERLINK("https://evil.example","x") +1 -1 @SUM(A1)',
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "good \u202egnp.exe\u202c \u2066x\u2069 \u200f \ufeff",
    "tab\tand\nline, \x1b[31m red \x07 bell \x85",
    "half \ud83d of a pair",
    "&lt;already&gt; &amp; \"quoted\" 'single'",
)


async def _case(at: Desk, tenant: Identity, user: str, reply: str = "") -> tuple[str, str]:
    turn, case = await at.turn(tenant, f"s-{uuid4()}", f"t-{uuid4()}", severity=3, user=user, reply=reply)
    return str(case), str(turn)


@pytest.mark.parametrize("hostile", _HOSTILE)
async def test_hostile_text_is_text(at: Desk, tenant: Identity, ann: Console, hostile: str) -> None:
    case, turn = await _case(at, tenant, hostile, hostile)
    for part in ("", "1"):
        answer = await ann.post(f"/cases/{case}/turns/{turn}/reveal", {"part": part}, expect=200)
        said = re.findall(r'<pre class="said" dir="auto">(.*?)</pre>', answer.text, re.DOTALL)
        assert len(said) == 2
        for one in said:
            assert not re.search(r"[<>\u202a-\u202e\u2066-\u2069\u200e\u200f\ufeff\x00-\x08\x0b-\x1f\x7f-\x9f]", one)
            shown = re.sub(r"\[U\+([0-9A-F]{4})\]", lambda mark: chr(int(mark.group(1), 16)), html.unescape(one))
            assert shown == hostile
        assert "evil.example" not in "".join(re.findall(r'(?:src|href|action)="[^"]*"', answer.text))
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


async def test_a_line_of_a_megabyte_comes_in_parts(at: Desk, tenant: Identity, ann: Console) -> None:
    long = "".join(f"{number:07d} " for number in range(131_072))
    case, turn = await _case(at, tenant, long)
    first = await ann.post(f"/cases/{case}/turns/{turn}/reveal", expect=200)
    assert len(first.text) < 3 * PART
    assert f'name="from" value="{PART}"' in first.text
    assert f"{len(long) - PART:,} more characters" in first.text
    last = await ann.post(f"/cases/{case}/turns/{turn}/reveal", {"from": len(long) - 8}, expect=200)
    assert "0131071" in last.text
    assert "more characters" not in last.text
    await ann.post(f"/cases/{case}/turns/{turn}/reveal", {"from": 10**8}, expect=200)
    for wrong in ("-1", "1e9", "²", "9" * 12):
        await ann.post(f"/cases/{case}/turns/{turn}/reveal", {"from": wrong}, expect=400)


async def test_no_page_has_text_that_nobody_asked_for_and_each_showing_is_on_record(
    at: Desk, tenant: Identity, ann: Console, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    secret, answer = "zq-said-by-the-person", "zq-said-by-the-chatbot"
    case, turn = await _case(at, tenant, secret, answer)
    await ann.post(f"/cases/{case}/claim")
    pages = ["/queue", f"/cases/{case}", f"/cases/{case}/chart.svg", "/feedback", "/queue?state=closed"]
    for path in pages:
        assert "zq-said" not in (await ann.get(path)).text
    for _ in range(2):
        shown = await ann.post(f"/cases/{case}/turns/{turn}/reveal", expect=200)
        assert secret in shown.text
        assert answer in shown.text
        assert "zq-said" not in str(shown.url)
    rows = at.world.rows("select turn_id, reviewer, attempt from reveals where case_id = %s", case)
    assert rows == [{"turn_id": rows[0]["turn_id"], "reviewer": ann.person.id, "attempt": 1}] * 2
    assert str(rows[0]["turn_id"]) == turn
    assert at.audited(f"case:{case}").count("text.revealed") == 2
    assert at.events(case).count("revealed") == 2
    for path in pages:
        assert "zq-said" not in (await ann.get(path)).text
    everything = at.world.rows("select detail::text from audit_log union all select detail::text from case_events")
    assert "zq-said" not in str(everything)
    assert "zq-said" not in caplog.text


async def test_text_that_is_not_stored_or_was_destroyed_cannot_be_shown(at: Desk, tenant: Identity, ann: Console) -> None:
    case, turn = await _case(at, tenant, "", "")
    assert "not stored" in (await ann.get(f"/cases/{case}")).text
    refused = await ann.post(f"/cases/{case}/turns/{turn}/reveal", expect=404)
    assert "No text is stored of this turn" in refused.text
    case, turn = await _case(at, tenant, "gone tomorrow")
    await ann.post(f"/cases/{case}/claim")
    await ann.post(f"/cases/{case}/note", {"token": at.token(case), "note": "gone with it"})
    at.world.run("update data_keys set wrapped = null, destroyed_at = now() where tenant_id = %s", tenant.tenant_id)
    await ann.post(f"/cases/{case}/turns/{turn}/reveal", expect=404)
    page = (await ann.get(f"/cases/{case}")).text
    assert "Destroyed with its key" in page
    assert f"/turns/{turn}/reveal" not in page
    assert at.world.count("reveals", tenant) == 0


async def test_text_under_another_key_says_so(at: Desk, tenant: Identity, ann: Console) -> None:
    case, turn = await _case(at, tenant, "sealed elsewhere")
    other = wrap_new(at.world.keys, tenant.tenant_id)
    at.world.run("update data_keys set wrapped = %s where tenant_id = %s", other.wrapped, tenant.tenant_id)
    answer = await ann.post(f"/cases/{case}/turns/{turn}/reveal", expect=200)
    assert "cannot be opened here" in answer.text
    assert "sealed elsewhere" not in answer.text
    assert at.world.count("reveals", tenant) == 1


async def test_a_turn_of_another_session_is_not_this_cases(at: Desk, tenant: Identity, ann: Console) -> None:
    case, _ = await _case(at, tenant, "one")
    _, other = await _case(at, tenant, "two")
    await ann.post(f"/cases/{case}/turns/{other}/reveal", expect=404)
    assert at.world.count("reveals", tenant) == 0


async def test_a_note_is_text_too(at: Desk, tenant: Identity, ann: Console) -> None:
    case, _ = await _case(at, tenant, "x")
    await ann.post(f"/cases/{case}/claim")
    note = "<script>alert(1)</script> \u202egnp"
    await ann.post(f"/cases/{case}/note", {"token": at.token(case), "note": note})
    page = (await ann.get(f"/cases/{case}")).text
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; [U+202E]gnp" in page


async def test_reading_keeps_the_case_with_its_holder(at: Desk, tenant: Identity, ann: Console, ben: Console) -> None:
    case, turn = await _case(at, tenant, "x")
    await ann.post(f"/cases/{case}/claim")
    at.offset = timedelta(minutes=9)
    await ann.post(f"/cases/{case}/turns/{turn}/reveal", expect=200)
    at.offset = timedelta(minutes=12)
    await ben.post(f"/cases/{case}/turns/{turn}/reveal", expect=200)
    await ben.post(f"/cases/{case}/claim", expect=409)
