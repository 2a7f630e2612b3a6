"""The way in and the way out: password, one-time code, sign-out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends
from psycopg.rows import dict_row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from guard.records.audit import Detail, append
from guard.review import devices, totp
from guard.review.attempts import ADDRESS, CODE, NAME, Rate, allowed, forgive, key_of, network_of, wait_in_words
from guard.review.cookies import FORM, SESSION, clear, read_token, set_token
from guard.review.errors import CodeNeeded, SignInNeeded
from guard.review.forms import checked_form
from guard.review.identity import Reviewer, digest_of, signed_in
from guard.review.pages import page
from guard.review.passwords import MOST
from guard.review.queries import query
from guard.review.sessions import begin, end, end_others
from guard.review.shell import local_path

__all__ = ["router"]

router = APIRouter(prefix="/review")

_log = logging.getLogger(__name__)

_LONGEST_NAME: Final = 63
_WRONG: Final = "Tenant, name and password do not belong together. Check all three."
_WRONG_CODE: Final = "That is not the code of this moment, or it was used before. Wait for the next one."


@dataclass(frozen=True, slots=True)
class _Given:
    tenant: str
    name: str
    password: str
    next: str

    @property
    def plausible(self) -> bool:
        return (
            0 < len(self.tenant) <= _LONGEST_NAME and 0 < len(self.name) <= _LONGEST_NAME and 0 < len(self.password) <= MOST
        )


@router.get("/login")
async def ask(request: Request, next: str | None = None, tenant: str | None = None) -> Response:
    """The form. Whoever is signed in goes on at once."""
    try:
        await signed_in(request)
    except CodeNeeded:
        return RedirectResponse(_with_next("/review/login/code", local_path(next)), 303)
    except SignInNeeded:
        shown = tenant if tenant is not None and len(tenant) <= _LONGEST_NAME else "default"
        return _form(request, _Given(shown, "", "", local_path(next)))
    return RedirectResponse(local_path(next), 303)


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """Checks the password. Right: on to where one came from, or to the one-time code."""
    form = await checked_form(request, 8192)
    given = _Given(
        form.get("tenant", "").strip().lower(),
        form.get("name", "").strip().lower(),
        form.get("password", ""),
        local_path(form.get("next")),
    )
    if not given.plausible:
        return _form(request, given, _WRONG, 422)
    state = request.app.state
    now = state.clock()
    async with state.pool.connection() as connection:
        cursor = await connection.cursor(row_factory=dict_row).execute(
            query("reviewer_of_name"), {"tenant": given.tenant, "name": given.name}
        )
        row = await cursor.fetchone()
        tries, own = _tries(request, given, row)
        wait = await allowed(connection, tries, now)
    if wait is not None:
        return _too_many(request, given, wait)
    right = await state.passwords.matches(row and row["password_hash"], given.password)
    if row is None or not right:
        await _failed(request, row)
        return _form(request, given, _WRONG, 422)
    tenant_id, reviewer_id = row["tenant_id"], row["id"]
    rehashed = await state.passwords.hashed(given.password) if state.passwords.outdated(row["password_hash"]) else None
    async with state.pool.connection() as connection, connection.transaction():
        if rehashed is not None:
            values = {"tenant_id": tenant_id, "id": reviewer_id, "password_hash": rehashed, "now": None}
            await connection.execute(query("set_password"), values)
        await forgive(connection, tries, own)
        await _end_earlier(request, connection)
        token = await begin(connection, tenant_id, reviewer_id, now, waits_for_code=row["has_totp"], how="password")
    where = _with_next("/review/login/code", given.next) if row["has_totp"] else given.next
    response = _into(request, where, token)
    if not row["has_totp"]:
        devices.remember(request, response, state.keys, tenant_id, reviewer_id)
    return response


@router.get("/login/code")
async def ask_code(request: Request, next: str | None = None) -> Response:
    """The second form."""
    if await _waiting(request) is None:
        return RedirectResponse(_with_next("/review/login", local_path(next)), 303)
    return page(request, "login_code.html", next=local_path(next), problem=None)


@router.post("/login/code")
async def check_code(request: Request) -> Response:
    """Checks the one-time code, or a recovery code."""
    form = await checked_form(request, 8192)
    where = local_path(form.get("next"))
    waiting = await _waiting(request)
    if waiting is None:
        return RedirectResponse(_with_next("/review/login", where), 303)
    state, now, code = request.app.state, request.app.state.clock(), form.get("code", "")[:64]
    tenant_id, reviewer_id = waiting["tenant_id"], waiting["reviewer_id"]
    key = key_of(state.keys, "code", str(reviewer_id))
    async with state.pool.connection() as connection:
        wait = await allowed(connection, {key: CODE}, now)
        if wait is not None:
            problem = f"Too many codes were tried. Try again in {wait_in_words(wait)}."
            return _later(page(request, "login_code.html", status=429, next=where, problem=problem), wait)
        async with connection.transaction():
            how = await take_code(request, connection, waiting, code)
            if how is not None:
                await forgive(connection, {key: CODE}, key)
                await _end_earlier(request, connection)
                token = await begin(connection, tenant_id, reviewer_id, now, waits_for_code=False, how=how)
            else:
                who = f"reviewer:{reviewer_id}"
                await append(connection, tenant_id=tenant_id, actor=who, action="login.code_failed", subject=who)
    if how is None:
        return page(request, "login_code.html", status=422, next=where, problem=_WRONG_CODE)
    response = _into(request, where, token)
    devices.remember(request, response, state.keys, tenant_id, reviewer_id)
    return response


@router.post("/logout")
async def sign_out(request: Request) -> Response:
    """Ends this session."""
    await checked_form(request, 4096)
    token = read_token(request, SESSION)
    if token is not None:
        async with request.app.state.pool.connection() as connection, connection.transaction():
            await end(connection, token)
    return _out(request)


@router.post("/logout/everywhere")
async def sign_out_everywhere(request: Request, reviewer: Annotated[Reviewer, Depends(signed_in)]) -> Response:
    """Ends all sessions of this reviewer."""
    await checked_form(request, 4096)
    async with request.app.state.pool.connection() as connection, connection.transaction():
        count = await end_others(connection, reviewer.tenant_id, reviewer.id, but=None)
        who = f"reviewer:{reviewer.id}"
        detail: Detail = {"session": str(reviewer.session), "ended": count}
        await append(
            connection, tenant_id=reviewer.tenant_id, actor=who, action="login.ended_everywhere", subject=who, detail=detail
        )
    return _out(request)


async def take_code(request: Request, connection: Any, of: dict[str, Any], code: str) -> str | None:
    """Takes a one-time code (``code``) or a recovery code (``recovery_code``) of the reviewer ``of``, in the caller's
    transaction; says which it was. Either is taken once."""
    state, now = request.app.state, request.app.state.clock()
    tenant_id, reviewer_id = of["tenant_id"], of["reviewer_id"]
    if of["totp_secret"] is None:
        return None
    secret = totp.open_secret(state.keys, tenant_id, reviewer_id, bytes(of["totp_secret"]))
    step = totp.matching_step(secret, code, now, of["totp_step"])
    if step is not None:
        values = {"tenant_id": tenant_id, "id": reviewer_id, "step": step}
        taken = await (await connection.execute(query("take_step"), values)).fetchone()
        return "code" if taken else None
    digest = totp.recovery_digest(state.keys, tenant_id, reviewer_id, code)
    if digest is None:
        return None
    values = {"tenant_id": tenant_id, "reviewer_id": reviewer_id, "digest": digest, "now": now}
    left = await (await connection.execute(query("take_recovery_code"), values)).fetchone()
    return "recovery_code" if left else None


def _tries(request: Request, given: _Given, row: dict[str, Any] | None) -> tuple[dict[bytes, Rate], bytes]:
    """Under what this attempt is counted, and which of it is the name's own."""
    keys = request.app.state.keys
    if row is not None and row["id"] is not None:
        device = devices.known(request, keys, row["tenant_id"], row["id"])
        if device is not None:
            key = key_of(keys, "device", device)
            return {key: NAME}, key
    name = key_of(keys, "name", given.tenant, given.name)
    network = network_of(request.client.host if request.client else None)
    return {name: NAME, key_of(keys, "address", network): ADDRESS}, name


async def _failed(request: Request, row: dict[str, Any] | None) -> None:
    """Puts a failure into the tenant's audit log. A name that does not exist may be a password in the wrong field."""
    if row is None:
        _log.warning("somebody tried to sign in to a tenant that is not there")
        return
    known = row["id"] is not None
    async with request.app.state.pool.connection() as connection, connection.transaction():
        await append(
            connection,
            tenant_id=row["tenant_id"],
            actor="console",
            action="login.failed",
            subject=f"reviewer:{row['id']}" if known else "reviewer:unknown",
        )


async def _waiting(request: Request) -> dict[str, Any] | None:
    token = read_token(request, SESSION)
    if token is None:
        return None
    values = {"digest": digest_of(token), "now": request.app.state.clock()}
    async with request.app.state.pool.connection() as connection:
        cursor = await connection.cursor(row_factory=dict_row).execute(query("waiting_session"), values)
        found: dict[str, Any] | None = await cursor.fetchone()
    return found


async def _end_earlier(request: Request, connection: Any) -> None:
    """A browser has one session: what it had before ends with the new one."""
    token = read_token(request, SESSION)
    if token is not None:
        await end(connection, token)


def _form(request: Request, given: _Given, problem: str | None = None, status: int = 200) -> Response:
    return page(
        request, "login.html", status=status, tenant=given.tenant, name=given.name, next=given.next, problem=problem
    )  # fmt: skip


def _too_many(request: Request, given: _Given, wait: timedelta) -> Response:
    problem = f"There were too many attempts. Try again in {wait_in_words(wait)}."
    return _later(_form(request, given, problem, 429), wait)


def _later(response: Response, wait: timedelta) -> Response:
    response.headers["retry-after"] = str(-int(-wait.total_seconds() // 1))
    return response


def _into(request: Request, where: str, token: str) -> Response:
    response = RedirectResponse(where, 303)
    set_token(request, response, SESSION, token)
    clear(request, response, FORM)
    return response


def _out(request: Request) -> Response:
    response = RedirectResponse("/review/login", 303)
    clear(request, response, SESSION)
    return response


def _with_next(path: str, where: str) -> str:
    return path if where == "/review" else f"{path}?next={quote(where)}"
