"""The records against a real PostgreSQL: claims, commits, cases and sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from guard.records.contract import PolicySource, Referral, TurnText
from guard.records.store import PostgresRecords
from guard.turns.contract import Delivered
from tests.integration.records.world import World, now


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> World:
    return World(database_url, tmp_path)


@pytest.fixture
async def records(world: World) -> AsyncIterator[PostgresRecords]:
    async with world.records() as records:
        yield records


async def test_a_new_turn_opens_its_session_and_a_repeat_is_an_attempt(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant()
    first = await records.claim(world.claim(tenant, "one", session="s"))
    assert first.recorded
    assert first.attempt == 1
    assert first.session is not None
    again = await records.claim(world.claim(tenant, "one", session="s"))
    assert (again.turn_id, again.at, again.attempt) == (first.turn_id, first.at, 2)
    other = await records.claim(world.claim(tenant, "two", session="s"))
    assert other.turn_id != first.turn_id
    assert other.session is not None
    assert other.session.id == first.session.id


async def test_tenants_never_share_a_turn(world: World, records: PostgresRecords) -> None:
    one, two = world.tenant(), world.tenant()
    claim = world.claim(one, "x", session="s")
    first = await records.claim(claim)
    second = await records.claim(replace(claim, identity=two, proposed=world.claim(two, "x").proposed))
    assert first.turn_id != second.turn_id
    assert first.session is not None
    assert second.session is not None
    assert first.session.id != second.session.id
    assert await records.turn(two.tenant_id, first.turn_id) is None


async def test_many_claims_at_once_share_keys_rightly(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant()
    async with world.records() as others:
        claims = [world.claim(tenant, f"turn-{n % 7}", session=f"s-{n % 3}") for n in range(140)]
        answers = await asyncio.gather(*((records if n % 2 else others).claim(claim) for n, claim in enumerate(claims)))
    for turn in range(7):
        mine = [answer for n, answer in enumerate(answers) if n % 7 == turn]
        assert len({answer.turn_id for answer in mine}) == 1
        assert sorted(answer.attempt for answer in mine) == list(range(1, 21))
    assert world.rows("select count(*) from sessions where tenant_id = %s", tenant.tenant_id) == [{"count": 3}]


async def test_strangers_stay_strangers(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant()
    one = await records.claim(world.claim(tenant, "a"))
    two = await records.claim(world.claim(tenant, "b"))
    assert one.session is None
    assert two.session is None
    assert one.turn_id != two.turn_id


async def test_a_known_person_goes_on_where_it_is_clear(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant()
    person = world.hashed(tenant, "person", "p")
    hi, more = world.hashed(tenant, "thread", "hi"), world.hashed(tenant, "thread", "more")
    first = await records.claim(world.claim(tenant, "1", person=person, thread=hi))
    assert first.session is not None
    second = await records.claim(world.claim(tenant, "2", person=person, thread=more, joins=hi))
    assert second.session is not None
    assert second.session.id == first.session.id
    # the same opening once more is another conversation, and from then on the first message is ambiguous
    third = await records.claim(world.claim(tenant, "3", person=person, thread=hi))
    assert third.session is not None
    assert third.session.id != first.session.id
    fourth = await records.claim(world.claim(tenant, "4", person=person, thread=more, joins=hi))
    assert fourth.session is not None
    assert fourth.session.id not in (first.session.id, third.session.id)


async def test_a_retry_is_the_same_turn_for_ten_minutes(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant()
    person, hi = world.hashed(tenant, "person", "p"), world.hashed(tenant, "thread", "hi")
    first = await records.claim(world.claim(tenant, "1", person=person, thread=hi))
    again = await records.claim(world.claim(tenant, "2", person=person, thread=hi, retry=True))
    assert (again.turn_id, again.attempt) == (first.turn_id, 2)
    assert again.session == first.session
    unasked = await records.claim(world.claim(tenant, "3", person=person, thread=hi))
    assert unasked.turn_id != first.turn_id
    world.run("update turn_keys set turn_at = turn_at - interval '11 minutes' where tenant_id = %s", tenant.tenant_id)
    late = await records.claim(world.claim(tenant, "4", person=person, thread=hi, retry=True))
    assert late.turn_id not in (first.turn_id, unasked.turn_id)


async def test_an_idempotency_key_is_one_turn_and_one_session(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant()
    person, hi = world.hashed(tenant, "person", "p"), world.hashed(tenant, "thread", "hi")
    answers = await asyncio.gather(*(records.claim(world.claim(tenant, "same", person=person, thread=hi)) for _ in range(5)))
    assert sorted(answer.attempt for answer in answers) == [1, 2, 3, 4, 5]
    assert len({answer.turn_id for answer in answers}) == 1
    assert len({answer.session.id for answer in answers if answer.session is not None}) == 1


async def test_a_commit_is_there_and_shown(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant()
    claim = world.claim(tenant, "t", session="s")
    claimed = await records.claim(claim)
    entry = world.entry(
        claim, claimed, severity=3, referral=Referral(("suicide",), ("us-988",), "US", True), delivered=Delivered.PART
    )
    case = await records.commit(entry)
    assert case is not None
    shown = await records.turn(tenant.tenant_id, claimed.turn_id)
    assert shown is not None
    assert set(shown) == {
        "id", "session", "at", "attempt", "replayed", "status", "action", "policy", "model", "vocabulary", "signals",
        "rules", "referrals", "case", "delivered", "text",
    }  # fmt: skip
    assert shown["case"] == str(case)
    assert shown["signals"]["distress"] == {"value": 0.3, "tier": "lexicon", "span": None}
    assert shown["signals"]["risk.violence"] == {"value": None, "tier": "missing", "span": None}
    assert shown["signals"]["harm.method"]["value"] == 0.0
    assert shown["rules"] == [{"id": "floor/rule", "severity": 3, "outcome": "fired", "by": None}]
    assert shown["referrals"][0]["resources"] == ["us-988"]
    assert shown["delivered"] == "part"
    assert shown["text"] is None
    assert shown["at"] == claimed.at.isoformat()


async def test_repeating_a_commit_doubles_nothing(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant()
    claim = world.claim(tenant, "t", session="s")
    claimed = await records.claim(claim)
    entry = world.entry(claim, claimed, severity=3, referral=Referral(("suicide",), ("us-988",), "US", True))
    cases = {await records.commit(entry) for _ in range(3)}
    retried = await records.claim(claim)
    again = world.entry(claim, retried, severity=3, referral=Referral(("suicide",), ("us-988",), "US", True))
    cases.add(await records.commit(again))
    await records.enqueue(replace(again, delivered=Delivered.NONE))
    assert len(cases) == 1
    for table, count in {"turns": 2, "scores": 4, "referrals": 1, "cases": 1, "case_events": 1, "outbox": 1}.items():
        assert world.count(table, tenant) == count, table
    [row] = world.rows("select delivered from turns where tenant_id = %s and attempt = 2", tenant.tenant_id)
    assert row["delivered"] == "none"
    [session] = world.rows("select state from sessions where tenant_id = %s", tenant.tenant_id)
    assert session["state"]["turns"] == 1


async def test_a_case_is_opened_once_a_session_and_raised(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant()
    ids = []
    for number, severity in enumerate((3, 3, 4, 4)):
        claim = world.claim(tenant, f"t{number}", session="s")
        ids.append(await records.commit(world.entry(claim, await records.claim(claim), severity=severity)))
    assert len(set(ids)) == 1
    [case] = world.rows("select * from cases where tenant_id = %s", tenant.tenant_id)
    assert case["severity"] == 4
    assert case["acknowledge_by"] - case["opened_at"] < timedelta(minutes=6)
    assert case["act_by"] - case["opened_at"] < timedelta(minutes=11)
    events = world.rows("select kind from case_events where tenant_id = %s order by id", tenant.tenant_id)
    assert [event["kind"] for event in events] == ["opened", "evidence", "raised", "evidence"]
    told = world.rows("select topic, payload from outbox where tenant_id = %s order by id", tenant.tenant_id)
    assert [row["topic"] for row in told] == ["case.opened", "case.raised", "case.raised"]
    assert set(told[0]["payload"]) == {"case_id", "turn_id", "session_id", "severity", "acknowledge_by", "act_by"}


async def test_a_raise_must_be_acknowledged_again_and_a_closed_case_stays_closed(
    world: World, records: PostgresRecords
) -> None:
    tenant = world.tenant()
    first = world.claim(tenant, "1", session="s")
    entry = world.entry(first, await records.claim(first), severity=3)
    case = await records.commit(entry)
    world.run("update cases set state = 'acknowledged', acknowledged_at = now() where id = %s", case)
    second = world.claim(tenant, "2", session="s")
    await records.commit(world.entry(second, await records.claim(second), severity=4))
    [row] = world.rows("select state, acknowledge_by from cases where id = %s", case)
    assert row["state"] == "open"
    assert timedelta(minutes=4) < row["acknowledge_by"] - now() < timedelta(minutes=5)
    world.run("update cases set state = 'closed', closed_at = now() where id = %s", case)
    assert await records.commit(entry) == case
    third = world.claim(tenant, "3", session="s")
    assert await records.commit(world.entry(third, await records.claim(third), severity=3)) not in (None, case)


async def test_who_took_a_case_hears_of_new_evidence_once_in_a_while_and_keeps_it(
    world: World, records: PostgresRecords
) -> None:
    tenant, at = world.tenant(), now()

    async def turn(name: str, severity: int, minutes: float = 0.0) -> UUID | None:
        claim = world.claim(tenant, name, session="s")
        entry = world.entry(claim, await records.claim(claim), severity=4)
        assert entry.case is not None
        intent = replace(entry.case, severity=severity, at=at + timedelta(minutes=minutes))
        return await records.commit(replace(entry, severity=severity, case=intent))

    def told() -> list[tuple[str, str | None]]:
        rows = world.rows("select topic, payload from outbox where tenant_id = %s order by created_at, id", tenant.tenant_id)
        return [(row["topic"], row["payload"].get("reason")) for row in rows]

    case = await turn("1", 3)
    await turn("2", 3)
    assert told() == [("case.opened", None)]  # nobody has it yet: the ladder tells
    for state in ("acknowledged", "handed_off"):
        world.run("update cases set state = %s, rung = 5, next_rung_at = now() where id = %s", state, case)
        minutes = 20.0 if state == "acknowledged" else 60.0
        await turn(f"{state} 1", 3, minutes)
        await turn(f"{state} 2", 2, minutes + 0.1)
        await turn(f"{state} 3", 1, minutes + 30)
        assert world.rows("select state, severity, rung from cases where id = %s", case) == [
            {"state": state, "severity": 3, "rung": 5}
        ]
    assert told() == [("case.opened", None), ("case.raised", "evidence"), ("case.raised", "evidence")]
    await turn("higher", 4, 90)
    assert told()[3:] == [("case.raised", "severity")]
    [row] = world.rows("select state, rung, next_rung_at from cases where id = %s", case)
    assert row == {"state": "open", "rung": 1, "next_rung_at": None}


async def test_a_case_that_is_recorded_late_is_not_taken_for_live(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant()
    for name, minutes, wanted in (("now", 0, 15), ("late", 20, 60)):
        claim, at = world.claim(tenant, name, session=name), now() - timedelta(minutes=minutes)
        entry = world.entry(claim, await records.claim(claim), severity=3)
        assert entry.case is not None
        case = await records.commit(replace(entry, case=replace(entry.case, at=at)))
        [row] = world.rows("select acknowledge_by - opened_at as time from cases where id = %s", case)
        assert row["time"] == timedelta(minutes=wanted)


async def test_two_processes_open_one_case(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant()
    claims = [world.claim(tenant, f"t{n}", session="s") for n in range(20)]
    async with world.records() as others:
        claimed = [await records.claim(claim) for claim in claims]
        cases = await asyncio.gather(
            *(
                (records if n % 2 else others).commit(world.entry(claim, answer, severity=3))
                for n, (claim, answer) in enumerate(zip(claims, claimed, strict=True))
            )
        )
    assert None not in cases
    assert len(set(cases)) == 1
    assert world.rows("select count(*) from case_events where tenant_id = %s", tenant.tenant_id) == [{"count": 20}]
    [session] = world.rows("select state, version from sessions where tenant_id = %s", tenant.tenant_id)
    assert session["state"]["turns"] == 20
    numbers = world.rows("select ordinal from turns where tenant_id = %s order by ordinal", tenant.tenant_id)
    assert [row["ordinal"] for row in numbers] == list(range(1, 21))


async def test_enqueued_entries_are_stored_soon_and_once(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant()
    claims = [world.claim(tenant, f"t{n}", session=f"s{n % 10}") for n in range(300)]
    claimed = await asyncio.gather(*(records.claim(claim) for claim in claims))
    loop = asyncio.get_running_loop()
    await records.enqueue(world.entry(claims[0], claimed[0]))
    started = loop.time()
    await records.enqueue(world.entry(claims[0], claimed[0]))
    assert loop.time() - started < 1.0
    await asyncio.gather(
        *(records.enqueue(world.entry(claim, answer)) for claim, answer in zip(claims, claimed, strict=True))
    )
    assert world.rows("select count(*) from turns where tenant_id = %s", tenant.tenant_id) == [{"count": 300}]
    assert world.rows("select count(*) from scores where tenant_id = %s", tenant.tenant_id) == [{"count": 600}]
    states = world.rows("select state from sessions where tenant_id = %s", tenant.tenant_id)
    assert [row["state"]["turns"] for row in states] == [30] * 10


async def test_one_entry_that_cannot_be_stored_does_not_take_others_along(world: World, records: PostgresRecords) -> None:
    tenant = world.tenant()
    claims = [world.claim(tenant, f"t{n}") for n in range(5)]
    entries = [world.entry(claim, await records.claim(claim)) for claim in claims]
    entries[2] = replace(entries[2], zone="a\x00b")
    await asyncio.gather(*(records.enqueue(entry) for entry in entries))
    assert world.count("turns", tenant) == 4
    folder = world.settings.home / "journal"
    while not list(folder.glob("*.refused")):  # set aside, so that the journal goes on
        await asyncio.sleep(0.05)
    await records.commit(world.entry(claims[2], await records.claim(claims[2]), severity=3))
    assert world.count("turns", tenant) == 5


async def test_text_is_absent_or_unreadable(world: World, records: PostgresRecords) -> None:
    silent, keeping = world.tenant(), world.tenant(store_text=True)
    said, answered = "the heron waits by the weir", "it has all the time in the world"
    ids = {}
    for tenant in (silent, keeping):
        claim = world.claim(tenant, "t", session="s")
        claimed = await records.claim(claim)
        ids[tenant.name] = claimed.turn_id
        text = TurnText(said, answered)
        await records.commit(world.entry(claim, claimed, severity=3, text=text, spoken={"kept": 3}))
    tables = world.rows("select tablename from pg_tables where schemaname = 'public'")
    for table in tables:
        rows = world.rows(f'select t::text as row from "{table["tablename"]}" t')  # noqa: S608 - names from the catalogue
        for needle in (said, answered, said.encode().hex(), answered.encode().hex()):
            assert not any(needle in row["row"] for row in rows), table
    assert world.rows("select text_user from turns where tenant_id = %s", silent.tenant_id) == [{"text_user": None}]
    shown = await records.turn(keeping.tenant_id, ids[keeping.name])
    assert shown is not None
    assert shown["text"] == {"user": said, "reply": answered, "kept": 3}
    # the same bytes in another turn's row do not open
    claim = world.claim(keeping, "u", session="s")
    claimed = await records.claim(claim)
    await records.commit(world.entry(claim, claimed, severity=3, text=TurnText("x", "y")))
    world.run(
        "update turns set text_user = (select text_user from turns where tenant_id = %s and id = %s) where id = %s",
        keeping.tenant_id,
        ids[keeping.name],
        claimed.turn_id,
    )
    moved = await records.turn(keeping.tenant_id, claimed.turn_id)
    assert moved is not None
    assert moved["text"] is None


async def test_the_policy_that_a_turn_names_is_kept_once_a_tenant(world: World) -> None:
    policies = [PolicySource("hash", "companion-app", '{"name": "companion-app"}')]
    tenants = [world.tenant(), world.tenant()]
    async with world.records(policies=policies) as records:
        for number in range(3):
            for tenant in tenants:
                claim = world.claim(tenant, str(number))
                await records.commit(world.entry(claim, await records.claim(claim)))
    async with world.records(policies=policies) as again:
        claim = world.claim(tenants[0], "later")
        await again.commit(world.entry(claim, await again.claim(claim)))
    for tenant in tenants:
        rows = world.rows("select hash, name, source from policies where tenant_id = %s", tenant.tenant_id)
        assert rows == [{"hash": "hash", "name": "companion-app", "source": '{"name": "companion-app"}'}]
