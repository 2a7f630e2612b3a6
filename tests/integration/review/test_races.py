"""Many reviewers at one queue, some of whom vanish in the middle: no case is lost, and none is decided twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

from guard.records.scope import Role, tenant_scope
from guard.review import leases
from guard.review.dispositions import Disposition, close
from guard.review.errors import CaseRefused
from guard.review.queue import Filter, entries
from guard.turns.contract import Identity
from tests.integration.review.desk import Console, Desk, Person

_REVIEWERS = 20
_CASES = 200


async def test_twenty_reviewers_and_two_hundred_cases(at: Desk, tenant: Identity) -> None:
    cases = [await at.case(tenant, severity=3 + number % 2) for number in range(_CASES)]
    people = [at.person(tenant, f"r{number}", "reviewer") for number in range(_REVIEWERS)]
    pool = at.app._app.state.pool
    closed: list[UUID] = []
    refused: Counter[str] = Counter()
    died: list[UUID] = []

    async def work(person: Person, chance: random.Random) -> None:
        """One reviewer: takes what is first and free, closes it, twice as double clicks go; one in ten claims is their last
        word, and somebody else comes to the desk."""
        idle = 0
        while idle < 3:
            now = at.clock()
            async with tenant_scope(pool, tenant.tenant_id, Role.REVIEWER) as connection:
                shown, _ = await entries(connection, person.reviewer, Filter(), now)
            free = [entry for entry in shown if entry.holder is None]
            if not free:
                idle += 1
                await asyncio.sleep(0.05)
                continue
            entry = free[min(int(chance.expovariate(0.5)), len(free) - 1)]
            try:
                async with tenant_scope(pool, tenant.tenant_id, Role.REVIEWER) as connection:
                    lease = await leases.claim(connection, person.reviewer, entry.id, now)
            except CaseRefused as error:
                refused[type(error).__name__] += 1
                continue
            if chance.random() < 0.1:
                died.append(entry.id)
                person = at.person(tenant, "next", "reviewer")
                continue
            once, seen = uuid4(), at.case_row(entry.id)["last_turn"]
            for _ in range(2):
                try:
                    async with tenant_scope(pool, tenant.tenant_id, Role.REVIEWER) as connection:
                        await close(
                            connection,
                            at.world.keys,
                            person.reviewer,
                            entry.id,
                            token=lease.token,
                            once=once,
                            seen=seen,
                            disposition=Disposition.TRUE_DISTRESS,
                            note="",
                            now=at.clock(),
                        )
                except CaseRefused as error:
                    refused[type(error).__name__] += 1
            closed.append(entry.id)

    chance = random.Random(7)
    await asyncio.gather(*(work(person, random.Random(chance.random())) for person in people))
    left = at.world.rows("select id, state from cases where tenant_id = %s and state <> 'closed'", tenant.tenant_id)
    assert {row["id"] for row in left} == set(died)
    assert len(died) >= 10
    at.offset = timedelta(minutes=11)  # the leases of those who vanished run out
    while at.world.rows("select 1 from cases where tenant_id = %s and state <> 'closed'", tenant.tenant_id):
        await asyncio.gather(*(work(person, random.Random(chance.random())) for person in people[:4]))
        at.offset += timedelta(minutes=11)
    decided = at.world.rows("select case_id, count(*) from dispositions where tenant_id = %s group by 1", tenant.tenant_id)
    assert {row["case_id"] for row in decided} == set(cases)
    assert {row["count"] for row in decided} == {1}
    assert sorted(closed) == sorted(cases)
    assert refused["CaseHeld"] > 0  # they did get into each other's way
    audit = at.world.rows("select count(*) from audit_log where tenant_id = %s and action = 'case.closed'", tenant.tenant_id)
    assert audit == [{"count": _CASES}]
    print(f"cases {_CASES}, reviewers {_REVIEWERS}, died {len(died)}, refused {dict(refused)}, lost 0, decided twice 0")


async def test_of_many_claims_at_one_moment_one_wins(at: Desk, tenant: Identity) -> None:
    case = await at.case(tenant)
    browsers = [at.browser(at.person(tenant, f"b{number}", "reviewer")) for number in range(8)]
    await asyncio.gather(*(browser.csrf() for browser in browsers))

    async def claim(browser: Console) -> int:
        form = {"csrf": await browser.csrf()}
        return (await browser.client.post(f"/review/cases/{case}/claim", data=form)).status_code

    answers = Counter(await asyncio.gather(*map(claim, browsers)))
    assert answers == {303: 1, 409: 7}
    assert at.events(case) == ["opened", "acknowledged"]


async def test_closing_while_the_person_writes_on_waits_for_neither(at: Desk, tenant: Identity, ann: Console) -> None:
    for number in range(12):
        session = f"both-{number}"
        _, case = await at.turn(tenant, session, f"{session}-1", severity=3)
        assert case is not None
        await ann.post(f"/cases/{case}/claim")
        fields = {"token": at.token(case), "seen": at.case_row(case)["last_turn"], "disposition": "in_care"}
        form = {"csrf": await ann.csrf(), "once": str(uuid4()), **{key: str(value) for key, value in fields.items()}}
        answer, turn = await asyncio.gather(
            ann.client.post(f"/review/cases/{case}/close", data=form),
            at.turn(tenant, session, f"{session}-2", severity=4),
        )
        if answer.status_code == 303:  # closed first: what came then has a case of its own
            assert turn[1] != case
        else:
            assert answer.status_code == 409
            assert turn[1] == case
        assert at.world.rows("select id from cases where id = %s and state <> 'closed'", turn[1])
