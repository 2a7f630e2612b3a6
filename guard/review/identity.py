"""Who asks: the signed-in reviewer of a request, and what each role may open."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends
from psycopg.rows import dict_row
from starlette.exceptions import HTTPException
from starlette.requests import Request

from guard.records.scope import Role
from guard.review.cookies import SESSION, read_token
from guard.review.errors import CodeNeeded, SignInNeeded
from guard.review.queries import query

__all__ = ["IDLE", "LONGEST", "Reviewer", "digest_of", "needs", "roles_of", "signed_in"]

IDLE: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=12)
_TOUCH: Final = timedelta(seconds=30)  # a session is written at most so often


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who is signed in. ``session``: the id of this sign-in, for the audit log; never its token."""

    tenant_id: UUID
    id: UUID
    name: str
    roles: frozenset[Role]
    session: UUID


async def signed_in(request: Request) -> Reviewer:
    """The signed-in reviewer, as a FastAPI dependency. Whoever is not is sent to the login (303) and back afterwards.

    The session ends 12 hours after it began and 30 minutes after it was last used. What a page's script asks by itself
    (``Sec-Fetch-Dest: empty``) uses nothing: a page that is left open does not keep its session.
    """
    found: Reviewer | None = getattr(request.state, "reviewer", None)
    if found is not None:
        return found
    token = read_token(request, SESSION)
    if token is None:
        raise SignInNeeded("nobody is signed in")
    now = request.app.state.clock()
    values = {
        "digest": digest_of(token),
        "now": now,
        "idle_since": now - IDLE,
        "stale": now - _TOUCH,
        "used": request.headers.get("sec-fetch-dest") != "empty",
    }
    async with request.app.state.pool.connection() as connection:
        cursor = await connection.cursor(row_factory=dict_row).execute(query("session_of"), values)
        row = await cursor.fetchone()
    if row is None:
        raise SignInNeeded("the session is over")
    if row["waits_for_code"]:
        raise CodeNeeded("the one-time code is still to come")
    reviewer = Reviewer(row["tenant_id"], row["reviewer_id"], row["name"], roles_of(row["roles"]), row["id"])
    request.state.reviewer = reviewer
    return reviewer


def needs(*roles: Role) -> Callable[[Request, Reviewer], Awaitable[Reviewer]]:
    """A FastAPI dependency: the signed-in reviewer, who has at least one of ``roles``. Everybody else gets a 404, never a
    403: that there is a page says something too."""
    wanted = frozenset(roles)

    async def allowed(request: Request, reviewer: Annotated[Reviewer, Depends(signed_in)]) -> Reviewer:
        if not reviewer.roles & wanted:
            raise HTTPException(404)
        return reviewer

    return allowed


def roles_of(stored: list[str]) -> frozenset[Role]:
    """Roles as the database has them; one that this version does not know opens nothing."""
    known = {role.value for role in Role}
    return frozenset(Role(name) for name in (text.replace("-", "_") for text in stored) if name in known)


def digest_of(token: str) -> bytes:
    """What is stored of a session's token: its SHA-256. 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode("ascii")).digest()
