"""One case: its page, and what its holder does with it. Looking changes nothing; every change is a form of its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from psycopg import AsyncConnection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from guard.records import audit
from guard.records.scope import Role, tenant_scope
from guard.review import leases, wording
from guard.review.casefile import CaseFile, load, load_course
from guard.review.chart import draw
from guard.review.dispositions import LABELS, LONGEST_NOTE, REACH, Disposition, add_note, close, undo
from guard.review.errors import CaseRefused, NoteTooLong
from guard.review.forms import checked_form
from guard.review.identity import Reviewer, needs
from guard.review.pages import page
from guard.review.queries import query
from guard.review.reveal import reveal

__all__ = ["router"]

_NOTE_FORM_BYTES: Final = 65_536  # the longest note, each character at its longest in a form
_LONGEST_BEFORE: Final = 80

Form = Mapping[str, str]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class CaseRoute(APIRoute):
    """Answers what cannot be done as things stand with a page that says why, and that gives back what was written."""

    def get_route_handler(self) -> Handler:
        """The route's handler."""
        handle = super().get_route_handler()

        async def handling(request: Request) -> Response:
            try:
                return await handle(request)
            except CaseRefused as refused:
                if refused.status == 404:
                    raise HTTPException(404, str(refused)) from None
                case_id = refused.other or request.path_params.get("case_id")
                return page(
                    request,
                    "case_refused.html",
                    status=refused.status,
                    words=str(refused),
                    case_id=case_id,
                    here=f"/review/cases/{case_id}",
                    written=wording.legible(getattr(request.state, "written", "")),
                )

        return handling


router = APIRouter(prefix="/review", route_class=CaseRoute)

OneReviewer = Annotated[Reviewer, Depends(needs(Role.REVIEWER))]


@router.get("/cases/{case_id}")
async def case_page(request: Request, case_id: UUID, reviewer: OneReviewer) -> Response:
    """The case, without any text that was said. Who looked is on record; nothing is acknowledged by it."""
    now = request.app.state.clock()
    async with _scope(request, reviewer) as connection:
        case = await load(connection, request.app.state.keys, reviewer.tenant_id, case_id, now, _before(request))
        found = await connection.execute(query("colleagues"), {"tenant_id": reviewer.tenant_id, "reviewer": reviewer.id})
        colleagues = await found.fetchall()
        await audit.append(connection, **leases.took(reviewer, case_id, "case.viewed"))
    return page(
        request,
        "case.html",
        case=case,
        now=now,
        words=wording,
        colleagues=colleagues,
        labels=LABELS,
        longest_note=LONGEST_NOTE,
        once=uuid4,
        before=request.query_params.get("before"),
        undoable=_undoable(case, now),
        flash=_FLASHES.get(request.query_params.get("done", "")),
        **_standing(case, reviewer, now),
    )


_FLASHES: Final = {
    "claimed": "The case is yours.",
    "noted": "The note is kept.",
    "reopened": "The closing is undone, and the case is yours.",
}


@router.get("/cases/{case_id}/chart.svg")
async def chart(request: Request, case_id: UUID, reviewer: OneReviewer) -> Response:
    """The course of the case's session as a picture."""
    async with _scope(request, reviewer) as connection:
        course = await load_course(connection, reviewer.tenant_id, case_id, _before(request))
    dark = request.query_params.get("theme") == "dark"
    return Response(draw(course, dark=dark), media_type="image/svg+xml")


@router.post("/cases/{case_id}/claim")
async def claim(request: Request, case_id: UUID, reviewer: OneReviewer) -> Response:
    """Takes the case, which acknowledges it."""
    form = await checked_form(request)
    async with _scope(request, reviewer) as connection:
        await leases.claim(connection, reviewer, case_id, request.app.state.clock())
    return RedirectResponse(
        "/review/queue?done=claimed" if form.get("then") == "queue" else _address(case_id, "claimed"), 303
    )


@router.post("/cases/{case_id}/heartbeat")
async def heartbeat(request: Request, case_id: UUID, reviewer: OneReviewer) -> Response:
    """The page of a case is still open: nothing for 204, a sentence in plain text for 409."""
    form = await checked_form(request)
    try:
        async with _scope(request, reviewer) as connection:
            await leases.keep(connection, reviewer, case_id, _id(form, "token"), request.app.state.clock())
    except CaseRefused as refused:
        return Response(str(refused), refused.status, media_type="text/plain")
    return Response(status_code=204)


@router.post("/cases/{case_id}/release")
async def release(request: Request, case_id: UUID, reviewer: OneReviewer) -> Response:
    """Back to the queue, for whoever is free."""
    form = await checked_form(request)
    async with _scope(request, reviewer) as connection:
        now = request.app.state.clock()
        await leases.release(connection, reviewer, case_id, _id(form, "token"), _id(form, "once"), now)
    return RedirectResponse("/review/queue?done=released", 303)


@router.post("/cases/{case_id}/hand-off")
async def hand_off(request: Request, case_id: UUID, reviewer: OneReviewer) -> Response:
    """To a colleague."""
    form = await checked_form(request)
    if not form.get("to"):
        raise HTTPException(400, "Choose a colleague from the list first. Nothing was changed.")
    async with _scope(request, reviewer) as connection:
        await leases.hand_off(
            connection,
            reviewer,
            case_id,
            _id(form, "token"),
            _id(form, "once"),
            request.app.state.clock(),
            _id(form, "to"),
        )
    return RedirectResponse("/review/queue?done=handed_off", 303)


@router.post("/cases/{case_id}/note")
async def note(request: Request, case_id: UUID, reviewer: OneReviewer) -> Response:
    """Keeps a note."""
    form = await checked_form(request, _NOTE_FORM_BYTES)
    written = _note(request, form)
    if not written:
        raise HTTPException(400, "The note is empty. Write something, or leave it. Nothing was changed.")
    async with _scope(request, reviewer) as connection:
        await add_note(
            connection,
            request.app.state.keys,
            reviewer,
            case_id,
            token=_id(form, "token"),
            once=_id(form, "once"),
            note=written,
            now=request.app.state.clock(),
        )
    return RedirectResponse(_address(case_id, "noted"), 303)


@router.post("/cases/{case_id}/close")
async def close_case(request: Request, case_id: UUID, reviewer: OneReviewer) -> Response:
    """Closes the case with a disposition."""
    form = await checked_form(request, _NOTE_FORM_BYTES)
    written = _note(request, form)
    try:
        disposition = Disposition(form.get("disposition", ""))
    except ValueError:
        raise HTTPException(400, "Choose how the case ends from the list first. Nothing was closed.") from None
    async with _scope(request, reviewer) as connection:
        await close(
            connection,
            request.app.state.keys,
            reviewer,
            case_id,
            token=_id(form, "token"),
            once=_id(form, "once"),
            seen=_id(form, "seen"),
            disposition=disposition,
            note=written,
            now=request.app.state.clock(),
        )
    return RedirectResponse("/review/queue?done=closed", 303)


@router.post("/cases/{case_id}/undo")
async def undo_closing(request: Request, case_id: UUID, reviewer: OneReviewer) -> Response:
    """Undoes the last disposition by one of its own."""
    form = await checked_form(request)
    async with _scope(request, reviewer) as connection:
        await undo(connection, reviewer, case_id, _id(form, "decision"), request.app.state.clock())
    return RedirectResponse(_address(case_id, "reopened"), 303)


@router.post("/cases/{case_id}/turns/{turn_id}/reveal")
async def reveal_turn(request: Request, case_id: UUID, turn_id: UUID, reviewer: OneReviewer) -> Response:
    """What was said in one turn, as a page or, for the page's script, as a part of one. Every showing is on record."""
    form = await checked_form(request)
    start = form.get("from", "0")
    if not (start.isascii() and start.isdigit() and len(start) <= 9):
        raise HTTPException(400, "The place to read from is a number. Go back, reload the page and try again.")
    async with _scope(request, reviewer) as connection:
        now = request.app.state.clock()
        said = await reveal(connection, request.app.state.keys, reviewer, case_id, turn_id, now, int(start))
    template = "case_said.html" if form.get("part") else "case_text.html"
    again = f"/review/cases/{case_id}/turns/{turn_id}/reveal"
    return page(request, template, said=said, case_id=case_id, again=again, here=f"/review/cases/{case_id}")


def _scope(request: Request, reviewer: Reviewer) -> AbstractAsyncContextManager[AsyncConnection[Any]]:
    return tenant_scope(request.app.state.pool, reviewer.tenant_id, Role.REVIEWER)


def _address(case_id: UUID, done: str) -> str:
    return f"/review/cases/{case_id}?done={done}"


def _id(form: Form, name: str) -> UUID:
    try:
        return UUID(form.get(name, ""))
    except ValueError:
        raise HTTPException(
            400, "This form is not whole. Nothing was changed. Go back, reload the page and send it again."
        ) from None


def _note(request: Request, form: Form) -> str:
    written = form.get("note", "").strip()
    request.state.written = written
    if len(written) > LONGEST_NOTE:
        raise NoteTooLong(
            f"A note has at most {LONGEST_NOTE:,} characters; this one has {len(written):,}. Nothing was changed. Copy it "
            "from below and shorten it."
        )
    return written


def _before(request: Request) -> tuple[datetime, UUID] | None:
    given = request.query_params.get("before", "")
    if not given:
        return None
    at, _, turn_id = given[:_LONGEST_BEFORE].rpartition("_")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), UUID(turn_id)
    except (ValueError, OverflowError):
        raise HTTPException(400, "This address of earlier turns is not whole. Go back to the case.") from None


def _standing(case: CaseFile, reviewer: Reviewer, now: datetime) -> dict[str, Any]:
    """What this reviewer may do with the case now."""
    row = case.row
    closed = row["state"] == "closed"
    holds = not closed and row["holder"] == reviewer.id
    taken = row["state"] == "acknowledged" and row["holder"] is not None and row["expires_at"] > now
    return {
        "closed": closed,
        "mine": holds and row["state"] == "acknowledged",
        "raised": holds and row["state"] != "acknowledged",
        "other": row["holder_name"] or "somebody who was removed" if taken and not holds else None,
        "free": not closed and (holds or not taken),
    }


def _undoable(case: CaseFile, now: datetime) -> UUID | None:
    last = case.dispositions[0] if case.dispositions else None
    if case.row["state"] != "closed" or last is None or last["kind"] == "undo" or now - last["at"] > REACH:
        return None
    found: UUID = last["id"]
    return found
