"""What a person decides about a case: a disposition closes it, an undo is a decision of its own. Notes go beside.

Nothing here happens by itself, at any severity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection

from guard.escalation.cases import CaseState
from guard.records import audit
from guard.records.encryption import DataKey, seal_text, unwrap, wrap_new
from guard.records.ids import new_id
from guard.records.keys import Keys
from guard.records.rows import json_text
from guard.review.errors import CaseChanged, CaseUnknown
from guard.review.identity import Reviewer
from guard.review.leases import LockedCase, claim, done, hold, lock, move, told, took
from guard.review.queries import query
from guard.turns import session as sessions

__all__ = ["LABELS", "LONGEST_NOTE", "REACH", "Disposition", "add_note", "close", "undo"]

REACH: Final = timedelta(hours=24)
"""How long a disposition can be undone. A later disclosure opens a case of its own."""

LONGEST_NOTE: Final = 4000
"""Characters."""

Connection = AsyncConnection[Any]


class Disposition(StrEnum):
    """How a case ended."""

    TRUE_CRISIS = "true_crisis"
    TRUE_DISTRESS = "true_distress"
    IN_CARE = "in_care"
    FALSE_POSITIVE = "false_positive"
    THIRD_PARTY = "third_party"
    NOT_REACHED = "not_reached"
    CANNOT_TELL = "cannot_tell"

    @property
    def settles(self) -> bool:
        """Whether it says how the person is, so that the session may leave crisis. Who was not reached, or whom nobody could
        judge, stays where they are."""
        return self not in (Disposition.NOT_REACHED, Disposition.CANNOT_TELL)


LABELS: Final[Mapping[Disposition, str]] = MappingProxyType(
    {
        Disposition.TRUE_CRISIS: "True crisis",
        Disposition.TRUE_DISTRESS: "True distress, no crisis",
        Disposition.IN_CARE: "Already in care",
        Disposition.FALSE_POSITIVE: "False positive",
        Disposition.THIRD_PARTY: "About somebody else",
        Disposition.NOT_REACHED: "Could not reach the person",
        Disposition.CANNOT_TELL: "Cannot tell",
    }
)


async def close(
    connection: Connection,
    keys: Keys,
    reviewer: Reviewer,
    case_id: UUID,
    *,
    token: UUID,
    once: UUID,
    seen: UUID,
    disposition: Disposition,
    note: str,
    now: datetime,
) -> None:
    """Closes the case with ``disposition`` and, where there is one, ``note``. ``seen``: the last turn that the reviewer's
    page showed; ``once``: the same again does nothing.

    Raises :class:`~guard.review.errors.CaseChanged` where the person wrote something since that raised or fed the case, and
    as :func:`guard.review.leases.hold`.
    """
    key = f"closed:{once}"
    session = await _session(connection, reviewer, case_id)
    await lock(connection, reviewer.tenant_id, case_id)
    if await done(connection, reviewer, case_id, key):
        return
    case = await hold(connection, reviewer, case_id, token, now)
    if case.last_turn != seen:
        raise CaseChanged(
            "The person wrote something new since you opened this page, and it belongs to this case. Nothing was closed. "
            "Open the case, read what is new, and then decide."
        )
    if case.state is not CaseState.ACKNOWLEDGED:
        raise CaseChanged(
            "New evidence raised this case since you took it. Nothing was closed. Open the case and take it again first."
        )
    await move(
        connection, reviewer, case, CaseState.CLOSED, owner=reviewer.id, acknowledged_at=case.acknowledged_at, closed_at=now
    )
    decided = await _decide(connection, reviewer, case, disposition.value, None, now)
    if note:
        await _note(connection, keys, reviewer, case, note, now)
    if session is not None and disposition.settles:
        await _settle(connection, reviewer, session, now)
    await connection.execute(query("drop_lease"), {"tenant_id": reviewer.tenant_id, "case_id": case_id})
    detail = {"disposition": disposition.value, "id": str(decided), "note": bool(note)}
    await told(connection, reviewer, case, "closed", key, now, detail)
    await audit.append(connection, **took(reviewer, case_id, "case.closed", severity=case.severity, **detail))


async def undo(connection: Connection, reviewer: Reviewer, case_id: UUID, disposition_id: UUID, now: datetime) -> None:
    """Takes a disposition back: the case is open again and with this reviewer. What was decided stays on record, and beside
    it that it was undone. A session that the disposition took out of crisis goes back.

    Raises :class:`~guard.review.errors.CaseChanged` after :data:`REACH`, or where the person has a newer case;
    :class:`~guard.review.errors.CaseUnknown` for another case's disposition.
    """
    key = f"undo:{disposition_id}"
    session = await _session(connection, reviewer, case_id)
    case = await lock(connection, reviewer.tenant_id, case_id)
    if await done(connection, reviewer, case_id, key):
        return
    of = {"tenant_id": reviewer.tenant_id, "case_id": case_id}
    made = await (await connection.execute(query("dispositions"), of)).fetchall()
    wanted = next((row for row in made if row["id"] == disposition_id and row["kind"] != "undo"), None)
    if wanted is None:
        raise CaseUnknown("There is no such decision in this case.")
    if case.state is not CaseState.CLOSED or made[0]["id"] != disposition_id:
        raise CaseChanged("This decision is not the last one any more. Open the case to see how it stands.")
    if now - wanted["at"] > REACH:
        raise CaseChanged(
            "This decision is older than a day and stands. Add what you know as a note, or wait for a new disclosure: it "
            "opens a case of its own."
        )
    newer = await (await connection.execute(query("newer_case"), {**of, "case_key": case.case_key})).fetchone()
    if newer is not None:
        raise CaseChanged("The person has a newer case, which is open. Go on there.", other=newer["id"])
    # No case goes on from closed by itself: this is the one way back, and claiming it below acknowledges it anew.
    await connection.execute(
        query("move_case"),
        {
            **of,
            "state": CaseState.NOTIFIED.value,
            "owner": case.owner,
            "acknowledged_at": case.acknowledged_at,
            "closed_at": None,
        },
    )
    await _decide(connection, reviewer, case, "undo", disposition_id, now)
    if session is not None:
        await _unsettle(connection, reviewer, session, wanted["at"])
    await told(connection, reviewer, case, "reopened", key, now, {"undoes": str(disposition_id)})
    await claim(connection, reviewer, case_id, now)
    await audit.append(connection, **took(reviewer, case_id, "case.reopened", undoes=str(disposition_id)))


async def add_note(
    connection: Connection,
    keys: Keys,
    reviewer: Reviewer,
    case_id: UUID,
    *,
    token: UUID,
    once: UUID,
    note: str,
    now: datetime,
) -> None:
    """Keeps a note of 1 to :data:`LONGEST_NOTE` characters, encrypted. Raises as :func:`guard.review.leases.hold`."""
    key = f"noted:{once}"
    await lock(connection, reviewer.tenant_id, case_id)
    if await done(connection, reviewer, case_id, key):
        return
    case = await hold(connection, reviewer, case_id, token, now)
    await _note(connection, keys, reviewer, case, note, now)
    await told(connection, reviewer, case, "noted", key, now)
    await audit.append(connection, **took(reviewer, case_id, "case.noted", characters=len(note)))


async def _note(connection: Connection, keys: Keys, reviewer: Reviewer, case: LockedCase, note: str, now: datetime) -> None:
    tenant_id, note_id = reviewer.tenant_id, new_id()
    row = await (await connection.execute(query("data_key"), {"tenant_id": tenant_id})).fetchone()
    key = DataKey(tenant_id, row["id"], row["wrapped"]) if row is not None else wrap_new(keys, tenant_id)
    if row is None:
        await connection.execute(query("add_data_key"), {"tenant_id": tenant_id, "id": key.id, "wrapped": key.wrapped})
    await connection.execute(
        query("add_note"),
        {
            "tenant_id": tenant_id,
            "id": note_id,
            "case_id": case.id,
            "reviewer": reviewer.id,
            "at": now,
            "key_id": key.id,
            "note": seal_text(unwrap(keys, key), note, tenant_id=tenant_id, turn_id=note_id, field="note"),
        },
    )


async def _decide(
    connection: Connection, reviewer: Reviewer, case: LockedCase, kind: str, undoes: UUID | None, now: datetime
) -> UUID:
    decided = new_id()
    await connection.execute(
        query("add_disposition"),
        {
            "tenant_id": reviewer.tenant_id,
            "id": decided,
            "case_id": case.id,
            "kind": kind,
            "undoes": undoes,
            "reviewer": reviewer.id,
            "at": now,
            "severity": case.severity,
            "synthetic": case.synthetic,
        },
    )
    return decided


async def _session(connection: Connection, reviewer: Reviewer, case_id: UUID) -> dict[str, Any] | None:
    values = {"tenant_id": reviewer.tenant_id, "case_id": case_id}
    found: dict[str, Any] | None = await (await connection.execute(query("lock_session"), values)).fetchone()
    return found


async def _settle(connection: Connection, reviewer: Reviewer, row: Mapping[str, Any], now: datetime) -> None:
    state = sessions.from_json(row["state"])
    after = sessions.dispose(state, now)
    if after is not state:
        await _store(connection, reviewer, row, sessions.to_json(after))


async def _unsettle(connection: Connection, reviewer: Reviewer, row: Mapping[str, Any], decided_at: datetime) -> None:
    state = sessions.from_json(row["state"])
    if state.state == "recovering" and state.since == decided_at:
        await _store(connection, reviewer, row, sessions.to_json(replace(state, state="crisis")))


async def _store(connection: Connection, reviewer: Reviewer, row: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    values = {"tenant_id": reviewer.tenant_id, "session_id": row["id"], "version": row["version"], "state": json_text(state)}
    await connection.execute(query("set_session"), values)
