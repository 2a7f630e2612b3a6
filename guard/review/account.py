"""A reviewer's own account: where one is signed in, the password, one-time codes."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from psycopg.rows import dict_row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from guard.records.audit import Detail, append
from guard.review import totp
from guard.review.attempts import NAME, allowed, forgive, key_of, wait_in_words
from guard.review.cookies import SESSION, set_token
from guard.review.forms import Form, checked_form
from guard.review.identity import Reviewer, signed_in
from guard.review.pages import page
from guard.review.passwords import MOST, weakness
from guard.review.qr import qr_svg
from guard.review.queries import query
from guard.review.sessions import begin, end_others, in_force

__all__ = ["router"]

router = APIRouter(prefix="/review/account")

Me = Annotated[Reviewer, Depends(signed_in)]

_DONE: Final = {
    "password": "Your password was changed. Wherever else you were signed in, you are signed out.",
    "totp-off": "One-time codes are off. Your password alone opens this console now.",
    "others": "Wherever else you were signed in, you are signed out.",
}
_WRONG: Final = "The current password is not right."


@router.get("")
async def show(request: Request, me: Me, done: str | None = None) -> Response:
    """The account."""
    return await _account(request, me, flash=_DONE.get(done or ""))


@router.post("/password")
async def change_password(request: Request, me: Me) -> Response:
    """A new password; it ends all sessions but this one, which gets a new token."""
    form = await checked_form(request, 8192)
    account, problem = await _checked(request, me, form)
    chosen = form.get("new", "")
    if problem is None:
        problem = weakness(chosen, me.name, account["tenant"], "handrail")
    if problem is None and chosen != form.get("again", ""):
        problem = "The new password was not the same both times."
    if problem is None and chosen == form.get("current", ""):
        problem = "That is the password you have."
    if problem is not None:
        return await _account(request, me, status=422, password_problem=problem)
    state, now = request.app.state, request.app.state.clock()
    stored = await state.passwords.hashed(chosen)
    async with state.pool.connection() as connection, connection.transaction():
        values = {"tenant_id": me.tenant_id, "id": me.id, "password_hash": stored, "now": now}
        await connection.execute(query("set_password"), values)  # which ends all sessions
        await _tell(connection, me, "account.password_changed")
        token = await begin(connection, me.tenant_id, me.id, now, waits_for_code=False, how="password_change")
    response = RedirectResponse("/review/account?done=password", 303)
    set_token(request, response, SESSION, token)
    return response


@router.post("/others")
async def end_other_sessions(request: Request, me: Me) -> Response:
    """Ends all sessions but this one."""
    await checked_form(request, 4096)
    async with request.app.state.pool.connection() as connection, connection.transaction():
        count = await end_others(connection, me.tenant_id, me.id, but=me.session)
        await _tell(connection, me, "login.ended_others", ended=count)
    return RedirectResponse("/review/account?done=others", 303)


@router.post("/totp")
async def offer(request: Request, me: Me) -> Response:
    """Makes a secret and shows it. It counts for nothing until a code of it was given."""
    form = await checked_form(request, 8192)
    account, problem = await _checked(request, me, form)
    if account["totp_secret"] is not None:
        return RedirectResponse("/review/account", 303)
    if problem is not None:
        return await _account(request, me, status=422, totp_problem=problem)
    keys = request.app.state.keys
    sealed = totp.seal_secret(keys, me.tenant_id, me.id, totp.new_secret())
    async with request.app.state.pool.connection() as connection:
        await connection.execute(query("offer_totp"), {"tenant_id": me.tenant_id, "id": me.id, "sealed": sealed})
    return RedirectResponse("/review/account/totp", 303)


@router.get("/totp")
async def show_offer(request: Request, me: Me) -> Response:
    """The secret that was made and not yet confirmed."""
    account = await _read(request, me)
    if account["totp_pending"] is None or account["totp_secret"] is not None:
        return RedirectResponse("/review/account", 303)
    return _offered(request, me, account)


@router.post("/totp/confirm")
async def confirm(request: Request, me: Me) -> Response:
    """A code of the new secret: from now on codes are asked for. Shows the recovery codes, this once."""
    form = await checked_form(request, 4096)
    account = await _read(request, me)
    sealed = account["totp_pending"]
    if sealed is None or account["totp_secret"] is not None:
        return RedirectResponse("/review/account", 303)
    state, now = request.app.state, request.app.state.clock()
    secret = totp.open_secret(state.keys, me.tenant_id, me.id, bytes(sealed))
    step = totp.matching_step(secret, form.get("code", "")[:64], now, None)
    if step is None:
        problem = "That is not the code of this moment. Look at the app again; the telephone's clock has to be right."
        return _offered(request, me, account, problem, 422)
    codes = totp.new_recovery_codes()
    who = {"tenant_id": me.tenant_id, "reviewer_id": me.id}
    async with state.pool.connection() as connection, connection.transaction():
        values = {"tenant_id": me.tenant_id, "id": me.id, "step": step, "sealed": bytes(sealed)}
        if await (await connection.execute(query("enable_totp"), values)).fetchone() is None:
            return RedirectResponse("/review/account", 303)
        await connection.execute(query("forget_recovery_codes"), who)
        for code in codes:
            digest = totp.recovery_digest(state.keys, me.tenant_id, me.id, code)
            await connection.execute(query("add_recovery_code"), who | {"digest": digest})
        await _tell(connection, me, "account.totp_enabled")
    return page(request, "recovery_codes.html", codes=codes)


@router.post("/totp/off")
async def turn_off(request: Request, me: Me) -> Response:
    """No codes any more; asks for the password."""
    form = await checked_form(request, 8192)
    _, problem = await _checked(request, me, form)
    if problem is not None:
        return await _account(request, me, status=422, totp_problem=problem)
    async with request.app.state.pool.connection() as connection, connection.transaction():
        values = {"tenant_id": me.tenant_id, "id": me.id}
        if await (await connection.execute(query("disable_totp"), values)).fetchone() is not None:
            await connection.execute(query("forget_recovery_codes"), {"tenant_id": me.tenant_id, "reviewer_id": me.id})
            await _tell(connection, me, "account.totp_disabled")
    return RedirectResponse("/review/account?done=totp-off", 303)


async def _checked(request: Request, me: Reviewer, form: Form) -> tuple[dict[str, Any], str | None]:
    """The account, and what is wrong with the current password that was given. Guesses are counted as at the login."""
    state = request.app.state
    account = await _read(request, me)
    given = form.get("current", "")
    if not 0 < len(given) <= MOST:
        return account, _WRONG
    key = key_of(state.keys, "account", str(me.id))
    async with state.pool.connection() as connection:
        wait = await allowed(connection, {key: NAME}, state.clock())
    if wait is not None:
        return account, f"There were too many attempts. Try again in {wait_in_words(wait)}."
    if not await state.passwords.matches(account["password_hash"], given):
        async with state.pool.connection() as connection, connection.transaction():
            await _tell(connection, me, "account.password_failed")
        return account, _WRONG
    async with state.pool.connection() as connection:
        await forgive(connection, {key: NAME}, key)
    return account, None


async def _read(request: Request, me: Reviewer) -> dict[str, Any]:
    async with request.app.state.pool.connection() as connection:
        cursor = await connection.cursor(row_factory=dict_row).execute(
            query("own_account"), {"tenant_id": me.tenant_id, "id": me.id}
        )
        row: dict[str, Any] | None = await cursor.fetchone()
    assert row is not None  # noqa: S101  (whoever is signed in has one)
    return row


async def _account(
    request: Request,
    me: Reviewer,
    *,
    status: int = 200,
    flash: str | None = None,
    password_problem: str | None = None,
    totp_problem: str | None = None,
) -> Response:
    account = await _read(request, me)
    async with request.app.state.pool.connection() as connection:
        sessions = await in_force(connection, me.tenant_id, me.id, request.app.state.clock())
    return page(
        request,
        "account.html",
        status=status,
        flash=flash,
        account=account,
        sessions=sessions,
        password_problem=password_problem,
        totp_problem=totp_problem,
    )


def _offered(
    request: Request, me: Reviewer, account: dict[str, Any], problem: str | None = None, status: int = 200
) -> Response:
    secret = totp.open_secret(request.app.state.keys, me.tenant_id, me.id, bytes(account["totp_pending"]))
    address = totp.otpauth(secret, me.name, account["tenant"])
    groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return page(request, "totp.html", status=status, qr=qr_svg(address), key=groups, address=address, problem=problem)


async def _tell(connection: Any, me: Reviewer, action: str, **detail: int) -> None:
    who = f"reviewer:{me.id}"
    more: Detail = {"session": str(me.session), **detail}
    await append(connection, tenant_id=me.tenant_id, actor=who, action=action, subject=who, detail=more)
