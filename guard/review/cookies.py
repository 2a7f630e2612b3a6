"""The console's cookies: their names, their flags, and the token in a form that only their owner can have made."""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

__all__ = [
    "FORM",
    "SESSION",
    "THEME",
    "clear",
    "csrf_matches",
    "csrf_token",
    "read_token",
    "secure",
    "set_token",
    "theme_of",
]

SESSION: Final = "handrail_review"
"""The session's cookie; ``__Host-handrail_review`` over https."""

FORM: Final = "handrail_form"
"""What forms are bound to before anybody is signed in."""

THEME: Final = "handrail_theme"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_TOKEN_BYTES: Final = 32
_EVERYBODY: Final = UUID(int=0)
_THEMES: Final = ("light", "dark")


def secure(request: Request) -> bool:
    """Whether the browser came by https, as far as the gateway and the proxies that it trusts say."""
    return request.url.scheme == "https"


def read_token(request: Request, name: str) -> str | None:
    """The 256-bit token in a cookie, or ``None`` where there is none of that shape."""
    found = request.cookies.get(_full(request, name), "")
    return found if _TOKEN.fullmatch(found) else None


def set_token(request: Request, response: Response, name: str, token: str | None = None) -> str:
    """Sets a cookie until the browser ends: HttpOnly, SameSite=Strict, Secure and ``__Host-`` over https. Without ``token``
    it is a new one, which is returned."""
    token = token or secrets.token_urlsafe(_TOKEN_BYTES)
    response.set_cookie(
        _full(request, name), token, path="/" if secure(request) else "/review", secure=secure(request), httponly=True,
        samesite="strict",
    )  # fmt: skip
    return token


def clear(request: Request, response: Response, name: str) -> None:
    """Removes a cookie."""
    path = "/" if secure(request) else "/review"
    response.delete_cookie(_full(request, name), path=path, secure=secure(request), httponly=True, samesite="strict")


def csrf_token(request: Request) -> str | None:
    """What a form of this browser's carries: an HMAC of its session's token, or of its form token where it has no session.

    Of the session's own shape nothing can be learned from it, and it is worth nothing in another session.
    """
    token = getattr(request.state, "form_token", None) or read_token(request, SESSION) or read_token(request, FORM)
    if token is None:
        return None
    digest = request.app.state.keys.hashed(_EVERYBODY, "console-form", token.encode("ascii"))
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def csrf_matches(request: Request, given: str) -> bool:
    """Whether ``given`` is this browser's token. Takes the same time for every wrong one."""
    expected = csrf_token(request)
    return expected is not None and hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def theme_of(request: Request) -> str | None:
    """``light`` or ``dark`` where the browser's owner chose, else ``None``: as the system has it."""
    found = request.cookies.get(THEME)
    return found if found in _THEMES else None


def _full(request: Request, name: str) -> str:
    return f"__Host-{name}" if secure(request) else name
