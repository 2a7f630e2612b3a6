"""A second opinion on a case's page: beside the estimates, called what it is, and one tenant's alone."""

from __future__ import annotations

import json
from uuid import UUID

from detectors.signals import Side
from guard.opinion.rubric import RUBRICS
from guard.records.ids import new_id
from guard.turns.contract import Identity
from tests.integration.review.desk import Console, Desk

_USER = RUBRICS[Side.USER]


def _give(at: Desk, tenant: Identity, turn: UUID, *, model: str, labels: dict[str, object] | None, rubric: str = "") -> None:
    at.world.run(
        "insert into opinions (tenant_id, id, turn_id, turn_at, attempt, side, rubric, model, why, draw, state, reason,"
        " labels, asked_at, ended_at)"
        " select tenant_id, %s, id, at, attempt, 'user', %s, %s, 'near', 0.5, %s, %s, %s, now(), now()"
        " from turns where tenant_id = %s and id = %s",
        new_id(), rubric or _USER.id, model, "refused" if labels is None else "answered",
        "declined" if labels is None else None, None if labels is None else json.dumps(labels), tenant.tenant_id, turn,
    )  # fmt: skip


async def test_it_stands_beside_the_estimates_and_is_called_a_models(at: Desk, ann: Console, tenant: Identity) -> None:
    turn, case = await at.turn(tenant, "s", "t1", severity=4, user="words that stay sealed")
    _give(at, tenant, turn, model="second-1", labels={label.name: label.values[-1] for label in _USER.labels})
    page = (await ann.get(f"/cases/{case}")).text
    assert "Second opinion by second-1 on the person&#39;s words" in page
    assert "A model's label, not a clinician's." in page
    assert "Ideation, level 0 to 5" in page
    assert page.index("Why, and how sure") < page.index("Second opinion by") < page.index("Rules of the turn that decided")
    assert "words that stay sealed" not in page


async def test_a_refusal_and_an_older_rubric_are_shown_for_what_they_are(at: Desk, ann: Console, tenant: Identity) -> None:
    turn, case = await at.turn(tenant, "s", "t1", severity=4, user="a")
    _give(at, tenant, turn, model="declines", labels=None)
    _give(at, tenant, turn, model="older", labels={"verdict": "no"}, rubric="user@000000000000")
    page = (await ann.get(f"/cases/{case}")).text
    assert "The model declined to label it." in page
    assert ">verdict <" in page


async def test_a_models_name_is_text(at: Desk, ann: Console, tenant: Identity) -> None:
    turn, case = await at.turn(tenant, "s", "t1", severity=4, user="a")
    _give(at, tenant, turn, model="<script>alert(1)</script>", labels=None)
    page = (await ann.get(f"/cases/{case}")).text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


async def test_without_one_the_page_says_nothing_of_it(at: Desk, ann: Console, tenant: Identity) -> None:
    _, case = await at.turn(tenant, "s", "t1", severity=4, user="a")
    assert "Second opinion" not in (await ann.get(f"/cases/{case}")).text
