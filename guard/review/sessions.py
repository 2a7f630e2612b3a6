"""Sessions in the database: begun, confirmed, ended. The token is in the browser alone, its SHA-256 in the row.

Each function runs inside the caller's transaction, with its audit row.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from guard.records.audit import append
from guard.records.ids import new_id
from guard.review.identity import IDLE, LONGEST, digest_of
from guard.review.queries import query

__all__ = ["CODE_WAITS", "Session", "begin", "end", "end_others", "in_force"]

CODE_WAITS: Final = timedelta(minutes=5)
"""How long a session waits for its one-time code."""


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in that is in force."""

    id: UUID
    started_at: datetime
    seen_at: datetime


async def begin(
    connection: AsyncConnection[Any], tenant_id: UUID, reviewer_id: UUID, now: datetime, *, waits_for_code: bool, how: str
) -> str:
    """A new session; returns its token. One that waits for a code opens nothing and ends after five minutes.

    ``how``: ``password``, ``code`` or ``recovery_code``, for the audit log. Of a reviewer ten are in force at most: the
    oldest ends.
    """
    token = secrets.token_urlsafe(32)
    session = new_id()
    who = {"tenant_id": tenant_id, "reviewer_id": reviewer_id, "now": now}
    await connection.execute(query("forget_sessions"), who)
    lasts = CODE_WAITS if waits_for_code else LONGEST
    values = {"id": session, "digest": digest_of(token), "waits_for_code": waits_for_code, "expires_at": now + lasts}
    await connection.execute(query("start_session"), who | values)
    await append(
        connection,
        tenant_id=tenant_id,
        actor=f"reviewer:{reviewer_id}",
        action="login.code_asked" if waits_for_code else "login.succeeded",
        subject=f"reviewer:{reviewer_id}",
        detail={"session": str(session), "how": how},
    )
    return token


async def end(connection: AsyncConnection[Any], token: str, *, told: bool = True) -> None:
    """Ends one session; none of that token is no error. ``told``: with an audit row."""
    cursor = await connection.cursor(row_factory=dict_row).execute(query("end_session"), {"digest": digest_of(token)})
    row = await cursor.fetchone()
    if row is not None and told and not row["waits_for_code"]:
        who = f"reviewer:{row['reviewer_id']}"
        detail = {"session": str(row["id"])}
        await append(connection, tenant_id=row["tenant_id"], actor=who, action="login.ended", subject=who, detail=detail)


async def end_others(connection: AsyncConnection[Any], tenant_id: UUID, reviewer_id: UUID, *, but: UUID | None) -> int:
    """Ends a reviewer's sessions, all or all ``but`` one. Returns how many. The caller says in the audit log why."""
    values = {"tenant_id": tenant_id, "reviewer_id": reviewer_id, "but": but}
    return (await connection.execute(query("end_sessions"), values)).rowcount


async def in_force(connection: AsyncConnection[Any], tenant_id: UUID, reviewer_id: UUID, now: datetime) -> list[Session]:
    """A reviewer's sessions, the last used first."""
    values = {"tenant_id": tenant_id, "reviewer_id": reviewer_id, "now": now, "idle_since": now - IDLE}
    cursor = await connection.cursor(row_factory=class_row(Session)).execute(query("sessions_in_force"), values)
    return await cursor.fetchall()
