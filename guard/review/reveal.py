"""What was said, shown to one reviewer who asked for it. Each showing is on record before the text leaves.

The text is in no other page, in no address and in no log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection

from guard.records import audit
from guard.records.encryption import DataKey, open_text, unwrap
from guard.records.errors import KeyUnusable
from guard.records.feedback import note_field
from guard.records.ids import new_id
from guard.records.keys import Keys
from guard.review import wording
from guard.review.errors import CaseUnknown
from guard.review.identity import Reviewer
from guard.review.leases import lock, told, took, touch
from guard.review.queries import query

__all__ = ["PART", "Said", "reveal", "reveal_feedback"]

PART: Final = 20_000
"""Characters of each side that are shown at once: a page of a megabyte helps nobody."""

_SIDES: Final = ("user", "reply")

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class Said:
    """What one turn says, from ``start`` on. ``user`` and ``reply`` are ``None`` where nothing is stored; ``delivered`` says
    what of the reply reached the person. ``after``: characters that follow on the longer side. ``note``: the user's own, of
    feedback. ``readable`` is false where a key does not fit."""

    at: datetime | None
    user: str | None
    reply: str | None
    delivered: str | None
    start: int
    after: int
    readable: bool
    note: str | None = None

    @property
    def following(self) -> int:
        """Where the next part starts."""
        return self.start + PART


async def reveal(
    connection: Connection, keys: Keys, reviewer: Reviewer, case_id: UUID, turn_id: UUID, now: datetime, start: int = 0
) -> Said:
    """The text of a turn of the case, from character ``start`` on, and a row in ``reveals``, an event of the case and a row
    in the audit log: the caller commits them before it shows anything. Whatever cannot be shown plainly is marked, see
    :func:`guard.review.wording.legible`.

    Raises :class:`~guard.review.errors.CaseUnknown` for a turn that is not of this case, and where no text is stored.
    """
    case = await lock(connection, reviewer.tenant_id, case_id)
    of = {"tenant_id": reviewer.tenant_id, "case_id": case_id, "turn_id": turn_id}
    row = await (await connection.execute(query("turn_of_case"), of)).fetchone()
    if row is None:
        raise CaseUnknown("There is no such turn in this case.")
    if row["text_key"] is None or row["wrapped"] is None:
        raise CaseUnknown(
            "No text is stored of this turn, or it was destroyed. What was estimated of it is on the case's page."
        )
    await touch(connection, reviewer, case_id, now)
    said = _said(keys, reviewer.tenant_id, row, start)
    shown = new_id()
    await _record(connection, reviewer, shown, row["id"], row["attempt"], now, case_id=case_id)
    await told(connection, reviewer, case, "revealed", f"revealed:{shown}", now, {"turn": str(turn_id)})
    detail = {"turn": str(turn_id), "attempt": row["attempt"], "from": start, "readable": said.readable}
    await audit.append(connection, **took(reviewer, case_id, "text.revealed", **detail))
    return said


async def reveal_feedback(
    connection: Connection, keys: Keys, reviewer: Reviewer, feedback_id: UUID, now: datetime, start: int = 0
) -> Said | None:
    """The note of an item of feedback and what was said in its turn, as far as they are stored; on record as
    :func:`reveal`. ``None`` where this tenant has no such item."""
    of = {"tenant_id": reviewer.tenant_id, "feedback_id": feedback_id}
    row = await (await connection.execute(query("feedback_item"), of)).fetchone()
    if row is None:
        return None
    place = {"id": row["turn_id"], "at": row["turn_at"]}
    said = _said(keys, reviewer.tenant_id, {**row, **place}, start, note=(row["key_id"], row["note_wrapped"], row["note"]))
    await _record(connection, reviewer, new_id(), row["turn_id"], row["attempt"], now, feedback_id=feedback_id)
    await audit.append(
        connection,
        tenant_id=reviewer.tenant_id,
        actor=f"reviewer:{reviewer.id}",
        action="feedback.revealed",
        subject=f"feedback:{feedback_id}",
        detail={"session": str(reviewer.session), "turn": str(row["turn_id"]), "from": start, "readable": said.readable},
    )
    return said


async def _record(
    connection: Connection,
    reviewer: Reviewer,
    shown: UUID,
    turn_id: UUID,
    attempt: int | None,
    now: datetime,
    *,
    case_id: UUID | None = None,
    feedback_id: UUID | None = None,
) -> None:
    values = {
        "tenant_id": reviewer.tenant_id,
        "id": shown,
        "case_id": case_id,
        "feedback_id": feedback_id,
        "turn_id": turn_id,
        "attempt": attempt,
        "reviewer": reviewer.id,
        "at": now,
    }
    await connection.execute(query("add_reveal"), values)


def _said(
    keys: Keys,
    tenant_id: UUID,
    row: Mapping[str, Any],
    start: int,
    note: tuple[UUID | None, bytes | None, bytes | None] = (None, None, None),
) -> Said:
    whole: dict[str, str | None] = {**dict.fromkeys(_SIDES), "note": None}
    readable = True
    sealed = [(side, side, row["text_key"], row["wrapped"], row[f"text_{side}"]) for side in _SIDES]
    if note[2] is not None:
        sealed.append(("note", note_field(row["kind"]), *note))
    for name, field, key_id, wrapped, data in sealed:
        if key_id is None or wrapped is None or data is None:
            continue
        try:
            sealer = unwrap(keys, DataKey(tenant_id, key_id, wrapped))
            whole[name] = open_text(sealer, data, tenant_id=tenant_id, turn_id=row["id"], field=field)
        except KeyUnusable:
            readable = False
    longest = max((len(text) for text in (whole["user"], whole["reply"]) if text is not None), default=0)
    own = whole["note"]
    return Said(
        at=row["at"],
        user=_part(whole["user"], start),
        reply=_part(whole["reply"], start),
        delivered=row["delivered"],
        start=start,
        after=max(0, longest - start - PART),
        readable=readable,
        note=wording.legible(own) if own is not None else None,
    )


def _part(text: str | None, start: int) -> str | None:
    return wording.legible(text[start : start + PART]) if text is not None else None
