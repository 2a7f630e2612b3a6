"""A case is opened, or raised by new evidence, in the transaction of the turn that calls for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from guard.records.deadlines import LIVE, deadlines
from guard.records.ids import new_id
from guard.records.queries import query
from guard.records.rows import Placed, json_text

__all__ = ["open_or_raise"]

_ALWAYS_TOLD: Final = 4  # no cool-down at severity 4: every further turn is told
_TOLD_FROM: Final = 2  # below, new evidence tells nobody who has a case already
_TAKEN: Final = ("acknowledged", "handed_off")
_COOL_DOWN_SECONDS: Final = 900  # who has a case hears of new evidence once in so long
_TRIES: Final = 3


async def open_or_raise(connection: AsyncConnection[Any], placed: Placed) -> UUID | None:
    """The id of the case that ``placed`` belongs to, opened or raised where this turn has not done so yet.

    A turn counts once for each severity, whatever is repeated, also after the case was closed. Must run inside the
    transaction that writes the turn.
    """
    entry = placed.snapshot.entry
    intent = entry.case
    if intent is None:
        return None
    tenant_id = entry.identity.tenant_id
    due = deadlines(intent.severity, intent.at, live=datetime.now(UTC) - intent.at < LIVE)
    facts = {
        "tenant_id": tenant_id,
        "turn_id": placed.turn_id,
        "case_key": intent.key,
        "session_id": placed.session_id,
        "person": entry.person,
        "severity": intent.severity,
        "to": intent.to,
        "at": intent.at,
        "acknowledge_by": due.acknowledge_by,
        "act_by": due.act_by,
        "synthetic": entry.identity.synthetic,
    }
    cursor = connection.cursor(row_factory=dict_row)
    for _ in range(_TRIES):
        found = await (await cursor.execute(query("case_of_turn"), facts)).fetchall()
        done = [row for row in found if row["found"] == "event"]
        if done and max(row["severity"] for row in done) >= intent.severity:
            case_id: UUID = done[-1]["id"]
            return case_id
        standing = [row for row in found if row["found"] == "case"]
        if standing:
            return await _raise(connection, placed, facts, standing[0])
        opened = await (await cursor.execute(query("open_case"), facts | {"id": new_id()})).fetchone()
        if opened is not None:
            await _event(connection, placed, facts, opened["id"], "opened", intent.severity)
            await _tell(connection, facts, opened["id"], "case.opened", intent.severity, due.acknowledge_by, due.act_by)
            return UUID(str(opened["id"]))
        # Somebody else opened it between the two statements: now it is there to be raised.
    raise RuntimeError(f"the case of turn {placed.turn_id} could neither be opened nor found")


async def _raise(connection: AsyncConnection[Any], placed: Placed, facts: dict[str, Any], standing: dict[str, Any]) -> UUID:
    case_id: UUID = standing["id"]
    severity: int = facts["severity"]
    higher = severity > standing["severity"]
    taken = standing["state"] in _TAKEN
    cursor = connection.cursor(row_factory=dict_row)
    now = await (await cursor.execute(query("raise_case"), facts | {"id": case_id})).fetchone()
    if now is None:
        raise RuntimeError(f"case {case_id} vanished under its lock")
    await _event(connection, placed, facts, case_id, "raised" if higher else "evidence", severity)
    if higher or severity >= _ALWAYS_TOLD:
        reason = "severity" if higher else "evidence"
        await _tell(
            connection, facts, case_id, "case.raised", now["severity"], now["acknowledge_by"], now["act_by"], reason=reason
        )
    elif taken and severity >= _TOLD_FROM:
        again = f"evidence:{facts['at'].timestamp() // _COOL_DOWN_SECONDS:.0f}"
        await _tell(
            connection, facts, case_id, "case.raised", now["severity"], now["acknowledge_by"], now["act_by"],
            reason="evidence", once=again,
        )  # fmt: skip
    return case_id


async def _event(
    connection: AsyncConnection[Any], placed: Placed, facts: dict[str, Any], case_id: UUID, kind: str, severity: int
) -> None:
    intent = placed.snapshot.entry.case
    await connection.execute(
        query("case_event"),
        {
            "tenant_id": facts["tenant_id"],
            "case_id": case_id,
            "id": new_id(),
            "key": f"turn:{placed.turn_id}:{severity}",
            "kind": kind,
            "at": facts["at"],
            "turn_id": placed.turn_id,
            "severity": severity,
            "detail": json_text({"rules": intent.rules if intent else (), "to": facts["to"]}),
        },
    )


async def _tell(
    connection: AsyncConnection[Any],
    facts: dict[str, Any],
    case_id: UUID,
    topic: str,
    severity: int,
    acknowledge_by: Any,
    act_by: Any,
    *,
    reason: str | None = None,
    once: str | None = None,
) -> None:
    """Thin: ids, severity and deadlines. Who it is about and what was said stay here. ``once``: of what one message is
    enough; by default the turn and its severity."""
    key = f"{topic}:{case_id}"
    if topic != "case.opened":
        key += f":{once}" if once else f":{facts['turn_id']}:{facts['severity']}"
    payload = {
        "case_id": case_id,
        "turn_id": facts["turn_id"],
        "session_id": facts["session_id"],
        "severity": severity,
        "acknowledge_by": acknowledge_by,
        "act_by": act_by,
    }
    if reason is not None:
        payload["reason"] = reason
    await connection.execute(
        query("tell"),
        {
            "tenant_id": facts["tenant_id"],
            "id": new_id(),
            "key": key,
            "topic": topic,
            "payload": json_text(payload),
            "synthetic": facts["synthetic"],
        },
    )
