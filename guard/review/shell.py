"""What is neither queue nor case: the way in, the theme, and the files of the pages."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from guard.review.cookies import THEME, secure
from guard.review.forms import checked_form
from guard.review.identity import Reviewer, signed_in
from guard.review.pages import NAV, STATIC

__all__ = ["files", "local_path", "router"]

router = APIRouter(prefix="/review")

_THEME_SECONDS: Final = 365 * 24 * 3600
_LONGEST: Final = 512


@router.get("")
@router.get("/")
async def home(request: Request, reviewer: Annotated[Reviewer, Depends(signed_in)]) -> Response:
    """To the first place that this reviewer may open."""
    there = request.app.state.places
    for entry in NAV:
        if entry.href in there and (not entry.roles or entry.roles & reviewer.roles):
            return RedirectResponse(entry.href, 303)
    return RedirectResponse("/review/account", 303)


@router.post("/theme")
async def theme(request: Request) -> Response:
    """Light, dark, or as the system has it. Works without a script and before anybody is signed in."""
    form = await checked_form(request, 4096)
    response = RedirectResponse(local_path(form.get("next")), 303)
    chosen = form.get("theme")
    if chosen in ("light", "dark"):
        response.set_cookie(
            THEME, chosen, max_age=_THEME_SECONDS, path="/review", secure=secure(request), httponly=True, samesite="lax"
        )
    else:
        response.delete_cookie(THEME, path="/review", secure=secure(request), httponly=True, samesite="lax")
    return response


def local_path(given: str | None, default: str = "/review") -> str:
    """``given`` where it is an address of the console's own, else ``default``: nobody is sent anywhere else.

    Only what begins with ``/review`` and has none of the characters by which browsers read an address otherwise.
    """
    if given is None or len(given) > _LONGEST or not given.isascii():
        return default
    if not (given == "/review" or given.startswith(("/review/", "/review?"))):
        return default
    if any(character <= " " or character in '\\"<>\x7f' for character in given) or "//" in given or ".." in given:
        return default
    return given


class _Files(StaticFiles):
    """Under a name with its version a file never changes."""

    def file_response(self, full_path: Any, stat_result: Any, scope: Any, status_code: int = 200) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        kept = "public, max-age=31536000, immutable" if b"v=" in scope["query_string"] else "no-cache"
        response.headers["cache-control"] = kept
        return response


def files() -> StaticFiles:
    """The style sheet and the script, as an application."""
    return _Files(directory=STATIC)
