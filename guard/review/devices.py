"""Browsers from which somebody has signed in before.

Whoever guesses at a clinician's name from elsewhere must not be able to keep that clinician out: attempts from a known
browser are counted apart (OWASP, "Slow down online guessing attacks with device cookies").
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from guard.records.keys import Keys
from guard.review.cookies import secure

__all__ = ["COOKIE", "known", "remember"]

COOKIE: Final = "handrail_device"
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}")
_SECONDS: Final = 90 * 24 * 3600


def known(request: Request, keys: Keys, tenant_id: UUID, reviewer_id: UUID) -> str | None:
    """The browser's own name where this reviewer has signed in from it, else ``None``."""
    given = request.cookies.get(COOKIE, "")
    if not _SHAPE.fullmatch(given):
        return None
    name, _, mark = given.partition(".")
    return name if hmac.compare_digest(mark, _mark(keys, tenant_id, reviewer_id, name)) else None


def remember(request: Request, response: Response, keys: Keys, tenant_id: UUID, reviewer_id: UUID) -> None:
    """This reviewer has signed in from this browser. It opens nothing: it is where attempts are counted."""
    name = known(request, keys, tenant_id, reviewer_id) or secrets.token_urlsafe(16)
    response.set_cookie(
        COOKIE,
        f"{name}.{_mark(keys, tenant_id, reviewer_id, name)}",
        max_age=_SECONDS,
        path="/review/login",
        secure=secure(request),
        httponly=True,
        samesite="strict",
    )


def _mark(keys: Keys, tenant_id: UUID, reviewer_id: UUID, name: str) -> str:
    digest = keys.hashed(tenant_id, "console-device", reviewer_id.bytes + name.encode("ascii"))
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
