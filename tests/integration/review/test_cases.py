"""A case from the queue to its end and back, over HTTP."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from guard.records.ids import new_id
from guard.turns.contract import Identity
from guard.turns.session import Peak, SessionState
from policies.decision import Outcome, RuleResult
from tests.integration.review.desk import Console, Desk


def crisis() -> SessionState:
    at = datetime.now(UTC)
    return SessionState(
        state="crisis",
        since=at,
        started_at=at,
        last_at=at,
        turns=1,
        ladder={"wish": "affirmed", "method": "declined", "intent": "denied", "plan": "asked"},
        behaviour="24h",
        peaks={"suicide": Peak(0.9, at)},
        monitored=True,
        minor=True,
    )


async def test_looking_acknowledges_nothing_and_claiming_does(at: Desk, tenant: Identity, ann: Console) -> None:
    case = await at.case(tenant, severity=4)
    page = (await ann.get(f"/cases/{case}")).text
    assert "Nobody has this case" in page
    assert at.case_row(case)["state"] == "open"
    assert at.events(case) == ["opened"]
    await ann.post(f"/cases/{case}/claim")
    row = at.case_row(case)
    assert (row["state"], row["owner"]) == ("acknowledged", ann.person.id)
    assert row["acknowledged_at"] is not None
    await ann.post(f"/cases/{case}/claim")  # the same again is the same
    assert at.events(case) == ["opened", "acknowledged"]
    assert at.audited(f"case:{case}") == ["case.viewed", "case.acknowledged"]
    assert "You hold this case" in (await ann.get(f"/cases/{case}")).text


async def test_a_case_has_one_holder_who_keeps_it_by_giving_signs(
    at: Desk, tenant: Identity, ann: Console, ben: Console
) -> None:
    case = await at.case(tenant)
    await ann.post(f"/cases/{case}/claim")
    token = at.token(case)
    refused = await ben.post(f"/cases/{case}/claim", expect=409)
    assert ann.person.name in refused.text
    assert "Nothing of yours was written" in refused.text
    at.offset = timedelta(minutes=9)
    await ann.post(f"/cases/{case}/heartbeat", {"token": token}, expect=204)
    at.offset = timedelta(minutes=18)
    await ben.post(f"/cases/{case}/claim", expect=409)
    at.offset = timedelta(minutes=20)
    await ben.post(f"/cases/{case}/claim")
    assert at.case_row(case)["owner"] == ben.person.id
    assert at.events(case) == ["opened", "acknowledged", "claimed"]
    lost = await ann.post(f"/cases/{case}/heartbeat", {"token": token}, expect=409)
    assert ben.person.name in lost.text


async def test_a_stale_token_changes_nothing_and_gives_back_what_was_written(
    at: Desk, tenant: Identity, ann: Console, ben: Console
) -> None:
    case = await at.case(tenant)
    await ann.post(f"/cases/{case}/claim")
    stale, seen = at.token(case), at.case_row(case)["last_turn"]
    at.offset = timedelta(minutes=11)
    await ben.post(f"/cases/{case}/claim")
    before = at.case_row(case)
    fields = {"token": stale, "seen": seen, "disposition": "true_crisis", "note": "called <b>twice</b>"}
    refused = await ann.post(f"/cases/{case}/close", fields, expect=409)
    assert ben.person.name in refused.text
    assert "called &lt;b&gt;twice&lt;/b&gt;" in refused.text
    for action in ("release", "hand-off", "note"):
        await ann.post(f"/cases/{case}/{action}", {**fields, "to": ben.person.id}, expect=409)
    assert at.case_row(case) == before
    assert at.world.count("dispositions", tenant) == 0
    assert at.world.count("case_notes", tenant) == 0


async def test_whoever_comes_back_late_to_a_case_that_nobody_took_may_still_act(
    at: Desk, tenant: Identity, ann: Console
) -> None:
    case = await at.case(tenant)
    await ann.post(f"/cases/{case}/claim")
    at.offset = timedelta(minutes=25)
    await ann.post(f"/cases/{case}/note", {"token": at.token(case), "note": "on the telephone with them"})
    assert "on the telephone with them" in (await ann.get(f"/cases/{case}")).text


async def test_closing_is_one_decision_however_often_it_is_sent(at: Desk, tenant: Identity, ann: Console) -> None:
    case = await at.case(tenant, state=crisis())
    await ann.post(f"/cases/{case}/claim")
    row = at.case_row(case)
    fields = {
        "token": at.token(case),
        "seen": row["last_turn"],
        "once": uuid4(),
        "disposition": "true_crisis",
        "note": "spoke with the person",
    }
    for _ in range(3):
        await ann.post(f"/cases/{case}/close", fields)
    assert at.case_row(case)["state"] == "closed"
    assert at.events(case) == ["opened", "acknowledged", "closed"]
    assert at.world.count("dispositions", tenant) == 1
    assert at.world.count("case_notes", tenant) == 1
    assert at.audited(f"case:{case}")[-1] == "case.closed"
    session = at.world.rows("select state from sessions where id = %s", row["session_id"])[0]["state"]
    assert session["state"] == "recovering"
    stored = at.world.rows("select note from case_notes where case_id = %s", case)[0]["note"]
    assert b"spoke" not in bytes(stored)


async def test_undoing_is_a_decision_of_its_own_and_happens_once(at: Desk, tenant: Identity, ann: Console) -> None:
    case = await at.case(tenant, state=crisis())
    await ann.post(f"/cases/{case}/claim")
    row = at.case_row(case)
    await ann.post(
        f"/cases/{case}/close", {"token": at.token(case), "seen": row["last_turn"], "disposition": "false_positive"}
    )
    first = at.world.rows("select * from dispositions where case_id = %s", case)
    assert "Undo the closing" in (await ann.get(f"/cases/{case}")).text
    for _ in range(2):
        await ann.post(f"/cases/{case}/undo", {"decision": first[0]["id"]})
    after = at.world.rows("select * from dispositions where case_id = %s order by id", case)
    assert after[0] == first[0]
    assert [item["kind"] for item in after] == ["false_positive", "undo"]
    assert after[1]["undoes"] == first[0]["id"]
    now = at.case_row(case)
    assert (now["state"], now["owner"], now["closed_at"]) == ("acknowledged", ann.person.id, None)
    assert at.events(case) == ["opened", "acknowledged", "closed", "reopened", "acknowledged"]
    session = at.world.rows("select state from sessions where id = %s", row["session_id"])[0]["state"]
    assert session["state"] == "crisis"
    with pytest.raises(psycopg.errors.RaiseException, match="never updated"):
        at.world.run("update dispositions set kind = 'cannot_tell' where id = %s", first[0]["id"])


async def test_undo_has_a_reach(at: Desk, tenant: Identity, ann: Console) -> None:
    case = await at.case(tenant)
    await ann.post(f"/cases/{case}/claim")
    seen = at.case_row(case)["last_turn"]
    await ann.post(f"/cases/{case}/close", {"token": at.token(case), "seen": seen, "disposition": "in_care"})
    decided = at.world.rows("select id from dispositions where case_id = %s", case)[0]["id"]
    await ann.post(f"/cases/{case}/undo", {"decision": uuid4()}, expect=404)
    at.world.run("update review_sessions set expires_at = now() + interval '3 days', seen_at = now() + interval '25 hours'")
    at.offset = timedelta(hours=25)
    refused = await ann.post(f"/cases/{case}/undo", {"decision": decided}, expect=409)
    assert "older than a day" in refused.text
    assert at.case_row(case)["state"] == "closed"


async def test_undo_gives_way_to_a_newer_case(at: Desk, tenant: Identity, ann: Console) -> None:
    _, case = await at.turn(tenant, "again", "first", severity=3)
    assert case is not None
    await ann.post(f"/cases/{case}/claim")
    seen = at.case_row(case)["last_turn"]
    await ann.post(f"/cases/{case}/close", {"token": at.token(case), "seen": seen, "disposition": "true_distress"})
    _, newer = await at.turn(tenant, "again", "second", severity=4)
    assert newer != case
    decided = at.world.rows("select id from dispositions where case_id = %s", case)[0]["id"]
    refused = await ann.post(f"/cases/{case}/undo", {"decision": decided}, expect=409)
    assert f"/review/cases/{newer}" in refused.text


async def test_new_evidence_stops_a_closing_and_asks_for_a_new_acknowledgement(
    at: Desk, tenant: Identity, ann: Console
) -> None:
    _, case = await at.turn(tenant, "raised", "one", severity=3)
    assert case is not None
    await ann.post(f"/cases/{case}/claim")
    token, seen = at.token(case), at.case_row(case)["last_turn"]
    _, same = await at.turn(tenant, "raised", "two", severity=4)
    assert same == case
    refused = await ann.post(
        f"/cases/{case}/close", {"token": token, "seen": seen, "disposition": "false_positive"}, expect=409
    )
    assert "wrote something new" in refused.text
    newest = at.case_row(case)["last_turn"]
    await ann.post(f"/cases/{case}/close", {"token": token, "seen": newest, "disposition": "false_positive"}, expect=409)
    await ann.post(f"/cases/{case}/release", {"token": token}, expect=409)
    assert "New evidence raised this case" in (await ann.get(f"/cases/{case}")).text
    row = at.case_row(case)
    assert (row["state"], row["severity"]) == ("open", 4)
    await ann.post(f"/cases/{case}/claim")
    await ann.post(f"/cases/{case}/close", {"token": token, "seen": newest, "disposition": "true_crisis"})
    assert at.case_row(case)["severity"] == 4


async def test_a_case_that_was_raised_is_whose_who_takes_it_first(
    at: Desk, tenant: Identity, ann: Console, ben: Console
) -> None:
    _, case = await at.turn(tenant, "raised", "one", severity=3)
    assert case is not None
    await ann.post(f"/cases/{case}/claim")
    token = at.token(case)
    await ann.post(f"/cases/{case}/heartbeat", {"token": token}, expect=204)
    await ben.post(f"/cases/{case}/claim", expect=409)
    await at.turn(tenant, "raised", "two", severity=4)
    lost = await ann.post(f"/cases/{case}/heartbeat", {"token": token}, expect=409)
    assert "New evidence raised this case" in lost.text
    await ann.post(f"/cases/{case}/note", {"token": token, "note": "they do not answer"})  # nobody took it: nothing is lost
    assert f"/review/cases/{case}/claim" in (await ben.get("/queue")).text
    assert "holds this case until" not in (await ben.get(f"/cases/{case}")).text
    await ben.post(f"/cases/{case}/claim")
    row = at.case_row(case)
    assert (row["state"], row["owner"], row["severity"]) == ("acknowledged", ben.person.id, 4)
    lost = await ann.post(f"/cases/{case}/heartbeat", {"token": token}, expect=409)
    assert ben.person.name in lost.text
    await ann.post(f"/cases/{case}/claim", expect=409)
    await ben.post(f"/cases/{case}/heartbeat", {"token": at.token(case)}, expect=204)


async def test_handing_off_and_back(at: Desk, tenant: Identity, ann: Console, ben: Console) -> None:
    case = await at.case(tenant)
    auditor = at.person(tenant, "audrey", "auditor")
    await ann.post(f"/cases/{case}/claim")
    token = at.token(case)
    for nobody in (uuid4(), auditor.id, ann.person.id):
        await ann.post(f"/cases/{case}/hand-off", {"token": token, "to": nobody}, expect=404)
    once = uuid4()
    for _ in range(2):
        await ann.post(f"/cases/{case}/hand-off", {"token": token, "to": ben.person.id, "once": once})
    row = at.case_row(case)
    assert (row["state"], row["owner"]) == ("handed_off", ben.person.id)
    (message,) = at.world.rows("select * from outbox where tenant_id = %s and topic <> 'case.opened'", tenant.tenant_id)
    facts = message["payload"]
    assert (message["topic"], facts["case_id"], facts["reason"]) == ("case.unacknowledged", str(case), "handed_off")
    assert (facts["severity"], facts["rung"], facts["everybody"], message["relayed_at"]) == (3, 1, False, None)
    await ben.post(f"/cases/{case}/claim")
    at.world.run("update cases set rung = 2, next_rung_at = 'infinity' where id = %s", case)
    await ben.post(f"/cases/{case}/release", {"token": at.token(case)})
    row = at.case_row(case)
    assert (row["state"], row["owner"]) == ("handed_off", None)
    assert (row["rung"], row["next_rung_at"]) == (1, None)  # somebody has to be told again
    await ann.post(f"/cases/{case}/claim")
    assert at.events(case) == ["opened", "acknowledged", "handed_off", "acknowledged", "handed_off", "acknowledged"]
    at.world.run("update cases set rung = 2, next_rung_at = 'infinity' where id = %s", case)
    at.offset = timedelta(minutes=11)
    await ben.post(f"/cases/{case}/claim")
    row = at.case_row(case)
    assert (row["owner"], row["rung"], row["next_rung_at"]) == (ben.person.id, 1, None)  # should it be abandoned


@pytest.mark.parametrize(
    ("path", "fields", "status", "words"),
    [
        ("close", {"disposition": "cured"}, 400, "Choose how the case ends"),
        ("close", {}, 400, "Choose how the case ends"),
        ("close", {"disposition": "in_care", "note": "x" * 4001}, 413, "at most 4,000 characters"),
        ("close", {"disposition": "in_care", "token": "nonsense"}, 400, "not whole"),
        ("note", {"note": "  "}, 400, "empty"),
        ("note", {"note": "\U0001f642" * 4001}, 413, "at most 4,000 characters"),
        ("note", {"note": "x" * 70_000}, 413, "too long"),
        ("hand-off", {}, 400, "Choose a colleague"),
        ("heartbeat", {"token": "no"}, 400, "not whole"),
    ],
)
async def test_bad_input_is_told_and_changes_nothing(
    at: Desk, tenant: Identity, ann: Console, path: str, fields: dict[str, str], status: int, words: str
) -> None:
    case = await at.case(tenant)
    await ann.post(f"/cases/{case}/claim")
    before = at.case_row(case), at.events(case)
    whole = {"token": at.token(case), "seen": before[0]["last_turn"], **fields}
    assert words in (await ann.post(f"/cases/{case}/{path}", whole, expect=status)).text
    assert (at.case_row(case), at.events(case)) == before


async def test_the_longest_note_fits_in_any_script(at: Desk, tenant: Identity, ann: Console) -> None:
    case = await at.case(tenant)
    await ann.post(f"/cases/{case}/claim")
    note = "\U0001f642" * 4000
    await ann.post(f"/cases/{case}/note", {"token": at.token(case), "note": note})
    assert note in (await ann.get(f"/cases/{case}")).text


async def test_the_page_says_what_is_known_of_the_person(at: Desk, tenant: Identity, ann: Console) -> None:
    spoken = {"compositions": [{"template": "ccs/x", "beats": [["people", "people-open"], ["question", "q"]]}]}
    rules = (
        RuleResult("intent-or-plan", 3, Outcome.FIRED),
        RuleResult("violence-intent", 3, Outcome.SUPPRESSED, "context.figurative"),
        RuleResult("command-voices", 3, Outcome.MISSING, "risk.command_voices"),
    )
    case = await at.case(
        tenant,
        state=crisis(),
        spoken=spoken,
        zone="Asia/Tokyo",
        rules=rules,
        scores={"risk.suicide_ge4": 0.75, "distress": 0.8},
    )
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", (await ann.get(f"/cases/{case}")).text))
    for words in (
        "The person writes of thoughts of suicide with intent or a plan.",
        "Live: last wrote less than a minute ago",
        "Asia/Tokyo",
        "yes, within the last day",
        "Because of what you wrote, someone on this service",
        "Wish to be dead yes the person said yes",
        "Has thought about how declined",
        "Some intent to act no the person said no",
        "Time or place worked out unknown asked, no clear answer",
        "Thoughts of suicide unknown not asked",
        "Someone else may read this device.",
        "Likely a minor",
        "ideation level 4 or more: with some intent",
        "likely 0.75",
        "not clinically validated",
        "because it reads as a figure of speech, fiction or quotation",
        "nobody answered risk.command_voices (voices that command harm)",
        "crisis",
    ):
        assert words in page, words


async def test_a_case_without_a_session_and_with_a_zone_that_is_none(at: Desk, tenant: Identity, ann: Console) -> None:
    claim = at.world.claim(tenant, "alone")
    claimed = await at.records.claim(claim)
    entry = replace(at.world.entry(claim, claimed, severity=3), zone="Mars/Olympus")
    case = await at.records.commit(entry)
    page = (await ann.get(f"/cases/{case}")).text
    assert "this turn had no session" in page
    assert "Not known" in page
    await ann.get(f"/cases/{case}/chart.svg")


async def test_the_chart_is_a_still_picture(at: Desk, tenant: Identity, ann: Console) -> None:
    case_id = None
    for number in range(45):
        _, case = await at.turn(tenant, "long", f"long-{number}", severity=3 if number == 20 else 0)
        case_id = case or case_id
    answer = await ann.get(f"/cases/{case_id}/chart.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    for forbidden in ("<script", "href", "<!--", "onload", "http://www.kozea"):
        assert forbidden not in answer.text
    page = (await ann.get(f"/cases/{case_id}")).text
    earlier = re.search(r'href="(/review/cases/[^"]+before=[^"]+)"', page)
    assert earlier is not None
    assert page.count('<th scope="row">') >= 40
    older = await ann.client.get(earlier.group(1).replace("&amp;", "&"))
    assert older.status_code == 200
    await ann.get(f"/cases/{case_id}?before=nonsense", expect=400)


async def test_unknown_ids(at: Desk, tenant: Identity, ann: Console) -> None:
    for path in (f"/cases/{new_id()}", f"/cases/{new_id()}/chart.svg", "/cases/none"):
        await ann.get(path, expect=404)
