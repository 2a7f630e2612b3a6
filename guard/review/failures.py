"""What a request that does not work is answered with: a page in plain words, or the way to the login."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Final
from urllib.parse import quote

import psycopg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from guard.errors import HandrailError, RecordsUnavailable
from guard.review.errors import CodeNeeded, SignInNeeded
from guard.review.forms import checked_form
from guard.review.identity import signed_in
from guard.review.pages import page

__all__ = ["answer_errors", "error_page"]

_log = logging.getLogger(__name__)

_NOTE_BYTES: Final = 65_536

_OUTAGES: Final = (
    psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed, TooManyRequests, RecordsUnavailable, OSError,
)  # fmt: skip


def answer_errors(app: FastAPI) -> None:
    """Gives ``app`` its error pages."""
    app.add_exception_handler(SignInNeeded, _to_login)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    for kind in _OUTAGES:
        app.add_exception_handler(kind, _away)
    app.add_exception_handler(Exception, _failed)


async def _to_login(request: Request, error: Exception) -> Response:
    """To the login, and back to a page that was asked for; what a page's script asks gets the status alone. A note that
    was written while the session ended is given back: it cannot be kept."""
    if request.headers.get("sec-fetch-dest") == "empty":
        return error_page(request, 401, "")
    if request.method == "POST":
        with suppress(HTTPException):
            written = (await checked_form(request, _NOTE_BYTES)).get("note", "").strip()
            if written:
                words = (
                    "Your session had ended before this was sent. Nothing was changed. Copy your note, and sign in again."
                )
                return error_page(request, 401, words, written=written)
    where = "/review/login/code" if isinstance(error, CodeNeeded) else "/review/login"
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = f"?next={quote(path)}" if request.method == "GET" and request.url.path not in ("/review", "/review/") else ""
    return RedirectResponse(where + back, 303)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  (what it is registered for)
    with suppress(SignInNeeded, *_OUTAGES):  # whoever is signed in keeps the way to everything else
        await signed_in(request)
    words = error.detail if isinstance(error.detail, str) and " " in error.detail.strip() else ""
    if error.detail in ("Not Found", "Method Not Allowed"):
        words = ""
    return error_page(request, error.status_code, words, dict(error.headers or {}))


async def _invalid(request: Request, error: Exception) -> Response:
    """Something in the address is not what it should be. Of what was sent nothing is repeated."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    with suppress(SignInNeeded, *_OUTAGES):
        await signed_in(request)
    places = {str(item["loc"][0]) for item in error.errors()}
    return error_page(request, 404 if "path" in places else 400, "")


async def _away(request: Request, error: Exception) -> Response:
    _log.warning("the database did not answer: %s", type(error).__name__)
    return error_page(request, 503, "", {"retry-after": "5"})


async def _failed(request: Request, error: Exception) -> Response:
    if isinstance(error, HandrailError):
        _log.error("a page failed: %s", error)
    else:  # its message may quote what was said, so only the type is logged
        _log.error("a page failed inside: %s", type(error))
    return error_page(request, 500, "")


_WORDS: Final[dict[int, tuple[str, str]]] = {
    400: (
        "This request could not be read",
        "Something in it is not as it should be. Go back, reload the page and try again.",
    ),
    401: ("You are signed out", "Sign in again to go on."),
    403: ("This was not done", "The request did not come from a page of this console. Nothing was changed."),
    404: ("There is no such page", "The address is wrong, what was there is gone, or it is not yours to see."),
    405: ("This address is used otherwise", "Go back and use the page's own buttons."),
    408: ("The request took too long to arrive", "Send it again."),
    409: (
        "Somebody was quicker",
        "What you saw has changed since. Nothing of yours was written. Look again first.",
    ),
    413: ("This is too long", "Nothing was changed. Go back and shorten it."),
    415: ("This request could not be read", "It is not a form of this console."),
    429: ("Too many attempts", "Wait a little before you try again."),
    500: ("Something failed inside", "It was noted. Try again; if it happens again, tell whoever runs this Handrail."),
    503: (
        "The console cannot reach its records now",
        "Cases are safe, and people are still told of them by the other channels. Try again in a few seconds.",
    ),
}


def error_page(
    request: Request, status: int, words: str, headers: dict[str, str] | None = None, *, written: str = ""
) -> Response:
    """A page that says what went wrong and what to do. ``words`` replace the standing sentence of ``status``; ``written`` is
    given back to be copied."""
    title, standing = _WORDS.get(status, ("This did not work", "Go back and try again."))
    response = page(request, "error.html", status=status, title=title, words=words or standing, code=status, written=written)
    response.headers.update(headers or {})
    return response
