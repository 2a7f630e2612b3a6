"""The queue: what waits for a person, in the order in which it cannot wait."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends
from psycopg import AsyncConnection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from guard.records.scope import Role, tenant_scope
from guard.review import wording
from guard.review.dispositions import LABELS, Disposition
from guard.review.identity import Reviewer, needs
from guard.review.pages import page
from guard.review.queries import query

__all__ = ["PAGE", "Cursor", "Entry", "Filter", "Tally", "entries", "router"]

router = APIRouter(prefix="/review")

PAGE: Final = 50
_OPEN: Final = ("open", "notified", "acknowledged", "handed_off")
_STATES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "all": _OPEN,
        "waiting": ("open", "notified", "handed_off"),
        "acknowledged": ("acknowledged",),
        "handed_off": ("handed_off",),
        "closed": ("closed",),
    }
)
_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "all": "All open",
        "waiting": "Waiting for somebody",
        "acknowledged": "Acknowledged",
        "handed_off": "Handed off",
        "closed": "Closed",
    }
)
_LONGEST_CURSOR: Final = 400

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the queue is asked for. ``severity``: this and above."""

    state: str = "all"
    severity: int = 0
    mine: bool = False

    def query(self, **changes: Any) -> str:
        """The filter as the address has it, with changes."""
        now = {"state": self.state, "severity": self.severity, "mine": int(self.mine), **changes}
        plain = {"state": "all", "severity": 0, "mine": 0}
        return "?" + urlencode(
            {name: value for name, value in now.items() if value is not None and plain.get(name) != value}
        )


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended. ``as_of``: when the first page was read, which decides what counts as late on all of them."""

    as_of: datetime
    breached: bool
    severity: int
    due: datetime
    id: UUID

    def packed(self) -> str:
        """The cursor as the address has it: instants, a number and an id, nothing of anybody."""
        parts = [self.as_of.isoformat(), int(self.breached), self.severity, self.due.isoformat(), str(self.id)]
        return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()

    @classmethod
    def unpacked(cls, text: str) -> Cursor:
        """What :meth:`packed` made. Raises ``ValueError`` for anything else."""
        if len(text) > _LONGEST_CURSOR:
            raise ValueError("a cursor is shorter")
        try:
            as_of, breached, severity, due, case_id = json.loads(base64.b64decode(text, b"-_", validate=True))
            cursor = cls(
                datetime.fromisoformat(as_of), bool(breached), int(severity), datetime.fromisoformat(due), UUID(case_id)
            )
        except (binascii.Error, UnicodeError, TypeError, AttributeError) as error:
            raise ValueError("no cursor") from error
        if cursor.as_of.tzinfo is None or cursor.due.tzinfo is None or not 0 <= cursor.severity <= 4:
            raise ValueError("no cursor")
        return cursor


@dataclass(frozen=True, slots=True)
class Entry:
    """One case in the list, in words."""

    id: UUID
    severity: int
    severity_word: str
    state: str
    state_word: str
    reason: str
    late: bool
    due_at: datetime
    due: str
    opened: str
    seen: str
    owner: str | None
    holder: str | None
    mine: bool
    free: bool
    team: str
    disposition: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many open cases there are: in all, late, this reviewer's, by state and by severity."""

    open: int
    late: int
    mine: int
    states: Mapping[str, int]
    severities: Mapping[int, int]


@router.get("/queue")
async def queue(request: Request, reviewer: Annotated[Reviewer, Depends(needs(Role.REVIEWER, Role.AUDITOR))]) -> Response:
    """A page of the queue. Auditors see the list, and nothing to act with."""
    wanted, cursor = _asked(request)
    now = request.app.state.clock()
    role = Role.REVIEWER if Role.REVIEWER in reviewer.roles else Role.AUDITOR
    async with tenant_scope(request.app.state.pool, reviewer.tenant_id, role) as connection:
        shown, following = await entries(connection, reviewer, wanted, now, cursor)
        tally = await _tally(connection, reviewer, now)
    return page(
        request,
        "queue.html",
        entries=shown,
        following=wanted.query(after=following.packed()) if following is not None else None,
        first=cursor is None,
        wanted=wanted,
        tally=tally,
        states=_LABELS,
        severities=wording.SEVERITIES,
        may_act=Role.REVIEWER in reviewer.roles,
        flash=_FLASHES.get(request.query_params.get("done", "")),
    )


_FLASHES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "claimed": "The case is yours.",
        "closed": "The case is closed. Its page offers to undo that for a day.",
        "handed_off": "The case is handed off.",
        "released": "The case is back in the queue for whoever is free.",
    }
)


async def entries(
    connection: Connection, reviewer: Reviewer, wanted: Filter, now: datetime, cursor: Cursor | None = None
) -> tuple[list[Entry], Cursor | None]:
    """Up to :data:`PAGE` cases after ``cursor``, and the cursor of the next page where there is one."""
    as_of = cursor.as_of if cursor is not None else now
    values = {
        "tenant_id": reviewer.tenant_id,
        "now": now,
        "as_of": as_of,
        "states": list(_STATES[wanted.state]),
        "severity": wanted.severity,
        "mine": reviewer.id if wanted.mine else None,
        "after_id": cursor.id if cursor is not None else None,
        "after_breached": cursor.breached if cursor is not None else None,
        "after_severity": cursor.severity if cursor is not None else None,
        "after_due": cursor.due if cursor is not None else None,
        "limit": PAGE + 1,
    }
    name = "closed" if wanted.state == "closed" else "queue"
    rows = await (await connection.execute(query(name), values)).fetchall()
    following = None
    if len(rows) > PAGE:
        last = rows[PAGE - 1]
        due = last["closed_at"] if wanted.state == "closed" else last["due"]
        following = Cursor(as_of, last["breached"], last["severity"], due, last["id"])
    return [_entry(row, reviewer, now) for row in rows[:PAGE]], following


def _entry(row: Mapping[str, Any], reviewer: Reviewer, now: datetime) -> Entry:
    closed = row["state"] == "closed"
    return Entry(
        id=row["id"],
        severity=row["severity"],
        severity_word=wording.SEVERITIES[row["severity"]],
        state=row["state"],
        state_word=wording.STATES[row["state"]],
        reason=wording.reason(row["rules"]),
        late=not closed and row["due"] < now,
        due_at=row["closed_at"] if closed else row["due"],
        due=f"closed {wording.ago(row['closed_at'], now)}" if closed else wording.due_in(row["due"], now),
        opened=wording.ago(row["opened_at"], now),
        seen=wording.ago(row["last_at"], now) if row["last_at"] is not None else "not known",
        owner=_name(row["owner"], row["owner_name"]),
        holder=_name(row["holder"], row["holder_name"]),
        mine=row["holder"] == reviewer.id,
        free=not closed and row["holder"] in (None, reviewer.id),
        team=row["assigned_to"],
        disposition=LABELS[Disposition(row["disposition"])] if row["disposition"] not in (None, "undo") else None,
    )


def _name(someone: UUID | None, name: str | None) -> str | None:
    return name or "somebody who was removed" if someone is not None else None


async def _tally(connection: Connection, reviewer: Reviewer, now: datetime) -> Tally:
    values = {"tenant_id": reviewer.tenant_id, "reviewer": reviewer.id, "now": now}
    rows: Sequence[Mapping[str, Any]] = await (await connection.execute(query("queue_counts"), values)).fetchall()
    by_state = {name: sum(row["cases"] for row in rows if row["state"] in states) for name, states in _STATES.items()}
    return Tally(
        open=sum(row["cases"] for row in rows),
        late=sum(row["late"] for row in rows),
        mine=sum(row["mine"] for row in rows),
        states={name: count for name, count in by_state.items() if name != "closed"},
        severities={least: sum(row["cases"] for row in rows if row["severity"] >= least) for least in range(5)},
    )


def _asked(request: Request) -> tuple[Filter, Cursor | None]:
    given = request.query_params
    state, severity, mine = given.get("state", "all"), given.get("severity", "0"), given.get("mine", "0")
    if state not in _STATES:
        raise HTTPException(400, f"There is no such state of cases. Choose one of: {', '.join(_LABELS.values())}.")
    if severity not in ("0", "1", "2", "3", "4"):
        raise HTTPException(400, "Severities go from 0 to 4. Choose one from the list.")
    after = given.get("after")
    try:
        cursor = Cursor.unpacked(after) if after else None
    except ValueError:
        raise HTTPException(400, "This address of a further page is not whole. Begin again at the queue's start.") from None
    return Filter(state, int(severity), mine == "1"), cursor
