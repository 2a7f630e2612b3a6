"""Who may open what: every route, every role, and ids of another tenant."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute

from guard.records.feedback import FeedbackKind
from guard.review import case, feedback, queue
from guard.turns.contract import Identity
from tests.integration.review.desk import Console, Desk

_ROLES = ("reviewer", "auditor", "sre", "operator", "policy_author")
_LISTS = {"/review/queue": {"reviewer", "auditor"}, "/review/feedback": {"reviewer", "auditor"}}


def _routes() -> Iterator[tuple[str, str]]:
    for room in (queue, case, feedback):
        for route in room.router.routes:
            assert isinstance(route, APIRoute)
            for method in sorted(route.methods or ()):
                yield method, route.path


ROUTES = list(_routes())
WITH_IDS = [(method, path) for method, path in ROUTES if "{" in path]


def test_the_routes_are_those_that_are_tested() -> None:
    assert len(ROUTES) == 14
    assert len(WITH_IDS) == 12


class Things:
    """A case with text, its turn, feedback on it, and what a form about them carries."""

    def __init__(self, at: Desk, tenant: Identity) -> None:
        self.at, self.tenant = at, tenant

    async def make(self) -> None:
        turn, case_id = await self.at.turn(self.tenant, f"s-{uuid4()}", f"t-{uuid4()}", severity=4, user="theirs alone")
        kept = await self.at.records.feedback(self.tenant, turn, FeedbackKind.HARMFUL, "a note of theirs")
        assert kept is not None
        self.turn, self.case, self.feedback = turn, case_id, kept.id

    def path(self, pattern: str) -> str:
        filled = pattern.removeprefix("/review").replace("{case_id}", str(self.case)).replace("{turn_id}", str(self.turn))
        return filled.replace("{feedback_id}", str(self.feedback))

    def form(self, token: object) -> dict[str, object]:
        return {
            "token": token,
            "seen": self.turn,
            "disposition": "in_care",
            "decision": uuid4(),
            "verdict": "seen",
            "note": "mine",
            "to": uuid4(),
        }

    def state(self) -> list[object]:
        tables = ("cases", "case_events", "case_leases", "dispositions", "case_notes", "reveals", "feedback_reviews")
        return [self.at.rows_of(table, self.tenant) for table in tables]


@pytest.mark.parametrize(("method", "pattern"), WITH_IDS)
async def test_another_tenants_ids_are_nothing_whatever_the_role(
    at: Desk, tenant: Identity, method: str, pattern: str
) -> None:
    things = Things(at, tenant)
    await things.make()
    owner = at.browser(at.person(tenant, "owner", "reviewer"))
    await owner.post(f"/cases/{things.case}/claim")
    token, before = at.token(str(things.case)), things.state()
    elsewhere = at.world.tenant(store_text=True)
    for roles in (*((role,) for role in _ROLES), _ROLES):
        stranger = at.browser(at.person(elsewhere, "stranger", *roles))
        if method == "GET":
            answer = await stranger.get(things.path(pattern), expect=404)
        else:
            answer = await stranger.post(things.path(pattern), things.form(token), expect=404)
        for word in ("theirs alone", "a note of theirs", owner.person.name):
            assert word not in answer.text
    assert things.state() == before


@pytest.mark.parametrize("role", [role for role in _ROLES if role != "reviewer"])
async def test_only_reviewers_work_on_cases_and_auditors_see_lists(at: Desk, tenant: Identity, role: str) -> None:
    things = Things(at, tenant)
    await things.make()
    before = things.state()
    someone = at.browser(at.person(tenant, role.replace("_", "-"), role))
    for method, pattern in ROUTES:
        if method == "POST":
            await someone.post(things.path(pattern), things.form(uuid4()), expect=404)
            continue
        answer = await someone.get(things.path(pattern), expect=200 if role in _LISTS.get(pattern, set()) else 404)
        for word in ("theirs alone", "a note of theirs", '<button name="then"', "/reveal", "/claim"):
            assert word not in answer.text
    assert things.state() == before


async def test_nobody_who_is_not_signed_in_gets_anywhere(at: Desk, tenant: Identity) -> None:
    things = Things(at, tenant)
    await things.make()
    browser: Console = at.browser(at.person(tenant, "out", "reviewer"))
    browser.client.cookies.clear()
    for method, pattern in ROUTES:
        form = {"csrf": "x"} if method == "POST" else None
        answer = await browser.client.request(method, f"/review{things.path(pattern)}", data=form)
        assert answer.status_code == 303, (method, pattern)
        assert answer.headers["location"].startswith("/review/login")


async def test_no_form_works_without_its_token(at: Desk, tenant: Identity, ann: Console) -> None:
    things = Things(at, tenant)
    await things.make()
    before = things.state()
    for pattern in (path for method, path in ROUTES if method == "POST"):
        for token in ("", "x" * 43):
            await ann.post(things.path(pattern), {**things.form(uuid4()), "csrf": token}, expect=403)
    assert things.state() == before
