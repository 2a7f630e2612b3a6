"""Feedback of users as a queue of its own: what nobody has read yet, the gravest kind first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from guard.records import audit
from guard.records.feedback import FeedbackKind
from guard.records.scope import Role, tenant_scope
from guard.review import wording
from guard.review.forms import checked_form
from guard.review.identity import Reviewer, needs
from guard.review.pages import page
from guard.review.queries import query
from guard.review.reveal import reveal_feedback

__all__ = ["PAGE", "VERDICTS", "router"]

router = APIRouter(prefix="/review")

PAGE: Final = 50
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        FeedbackKind.HARMFUL.value: "Felt harmful",
        FeedbackKind.MISSED.value: "Help was missing",
        FeedbackKind.UNWANTED.value: "Help was unwanted",
        FeedbackKind.HELPFUL.value: "Helped",
    }
)
"""What a user can say of a turn."""

VERDICTS: Final[Mapping[str, str]] = MappingProxyType(
    {"seen": "Seen", "harm": "Harm, to be followed up", "no_harm": "No harm", "cannot_tell": "Cannot tell"}
)
"""What a reviewer makes of it. Once: the first verdict stands."""


@router.get("/feedback")
async def feedback_page(
    request: Request, reviewer: Annotated[Reviewer, Depends(needs(Role.REVIEWER, Role.AUDITOR))]
) -> Response:
    """A page of feedback. No note and no text is in it."""
    given = request.query_params
    kind, seen, after = given.get("kind", ""), given.get("seen", "0") == "1", given.get("after", "")
    if kind and kind not in KINDS:
        raise HTTPException(400, f"There is no such kind of feedback. Choose one of: {', '.join(KINDS.values())}.")
    rank, after_id = _cursor(after)
    role = Role.REVIEWER if Role.REVIEWER in reviewer.roles else Role.AUDITOR
    values = {
        "tenant_id": reviewer.tenant_id,
        "seen": seen,
        "kind": kind or None,
        "after_rank": rank,
        "after_id": after_id,
        "limit": PAGE + 1,
    }
    async with tenant_scope(request.app.state.pool, reviewer.tenant_id, role) as connection:
        rows = await (await connection.execute(query("feedback"), values)).fetchall()
        counted = await (await connection.execute(query("feedback_counts"), values)).fetchall()
    asked = {name: value for name, value in (("kind", kind), ("seen", "1" if seen else "")) if value}
    following = None
    if len(rows) > PAGE:
        last = rows[PAGE - 1]
        following = "?" + urlencode({**asked, "after": f"{last['rank']}.{last['id']}"})
    return page(
        request,
        "feedback.html",
        items=rows[:PAGE],
        following=following,
        first=not after,
        kinds=KINDS,
        verdicts=VERDICTS,
        kind=kind,
        seen=seen,
        counts={row["kind"]: row["items"] for row in counted},
        now=request.app.state.clock(),
        words=wording,
        may_act=Role.REVIEWER in reviewer.roles,
        flash="Your verdict is kept." if given.get("done") == "reviewed" else None,
    )


@router.post("/feedback/{feedback_id}/review")
async def review(
    request: Request, feedback_id: UUID, reviewer: Annotated[Reviewer, Depends(needs(Role.REVIEWER))]
) -> Response:
    """What the reviewer makes of it; the first verdict stands."""
    form = await checked_form(request)
    verdict = form.get("verdict", "")
    if verdict not in VERDICTS:
        raise HTTPException(400, "Choose what you make of it from the buttons. Nothing was changed.")
    values: dict[str, Any] = {
        "tenant_id": reviewer.tenant_id,
        "feedback_id": feedback_id,
        "verdict": verdict,
        "reviewer": reviewer.id,
        "now": request.app.state.clock(),
    }
    async with tenant_scope(request.app.state.pool, reviewer.tenant_id, Role.REVIEWER) as connection:
        made = await (await connection.execute(query("review_feedback"), values)).fetchone()
        standing = await (await connection.execute(query("feedback_review"), values)).fetchone()
        if standing is None:
            raise HTTPException(404)
        if made is not None:
            await audit.append(
                connection,
                tenant_id=reviewer.tenant_id,
                actor=f"reviewer:{reviewer.id}",
                action="feedback.reviewed",
                subject=f"feedback:{feedback_id}",
                detail={"session": str(reviewer.session), "verdict": verdict},
            )
    if (standing["verdict"], standing["reviewer"]) != (verdict, reviewer.id):
        name = standing["name"] or "Somebody who was removed"
        raise HTTPException(
            409, f"{name} decided this before: “{VERDICTS[standing['verdict']]}”. That stands; nothing of yours was written."
        )
    return RedirectResponse("/review/feedback?done=reviewed", 303)


@router.post("/feedback/{feedback_id}/reveal")
async def reveal(
    request: Request, feedback_id: UUID, reviewer: Annotated[Reviewer, Depends(needs(Role.REVIEWER))]
) -> Response:
    """The user's note and what was said in that turn, as far as they are stored. Every showing is on record."""
    form = await checked_form(request)
    start = form.get("from", "0")
    if not (start.isascii() and start.isdigit() and len(start) <= 9):
        raise HTTPException(400, "The place to read from is a number. Go back, reload the page and try again.")
    state = request.app.state
    async with tenant_scope(state.pool, reviewer.tenant_id, Role.REVIEWER) as connection:
        said = await reveal_feedback(connection, state.keys, reviewer, feedback_id, state.clock(), int(start))
    if said is None:
        raise HTTPException(404)
    template = "case_said.html" if form.get("part") else "feedback_text.html"
    return page(request, template, said=said, again=f"/review/feedback/{feedback_id}/reveal", here="/review/feedback")


def _cursor(after: str) -> tuple[int | None, UUID | None]:
    if not after:
        return None, None
    rank, _, item = after[:60].partition(".")
    try:
        return max(0, min(int(rank), 9)), UUID(item)
    except ValueError:
        raise HTTPException(400, "This address of a further page is not whole. Begin again at the start.") from None
