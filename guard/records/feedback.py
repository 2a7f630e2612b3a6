"""What the people of a tenant say of a turn: this reply felt harmful, this help was unwanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from guard.records.encryption import DataKey, seal_text, unwrap, wrap_new
from guard.records.ids import new_id
from guard.records.keys import Keys
from guard.records.queries import query
from guard.records.terms import Identity

__all__ = ["LONGEST_NOTE", "Feedback", "FeedbackKind", "keep_feedback", "note_field"]

LONGEST_NOTE: Final = 2000
"""Characters."""


class FeedbackKind(StrEnum):
    """What somebody says of a turn. ``unwanted``: Handrail stepped in and should not have; ``missed``: it should have."""

    HARMFUL = "harmful"
    UNWANTED = "unwanted"
    MISSED = "missed"
    HELPFUL = "helpful"


@dataclass(frozen=True, slots=True)
class Feedback:
    """Feedback as it is kept. ``new`` is false where the same was said of the turn before; ``noted``: a note is stored."""

    id: UUID
    turn_id: UUID
    kind: FeedbackKind
    at: datetime
    new: bool
    noted: bool


def note_field(kind: str) -> str:
    """What a note of this kind is bound to beside its tenant and turn: moved elsewhere it does not open."""
    return f"feedback:{kind}"


async def keep_feedback(
    connection: AsyncConnection[Any],
    keys: Keys,
    identity: Identity,
    turn_id: UUID,
    kind: FeedbackKind,
    note: str,
    at: datetime,
) -> Feedback | None:
    """Keeps what was said of a turn, once a kind; ``None`` where this tenant has no such turn. ``note``, at most
    :data:`LONGEST_NOTE` characters, is kept encrypted where the tenant stores text, and not at all elsewhere."""
    cursor = connection.cursor(row_factory=dict_row)
    of = {"tenant_id": identity.tenant_id, "turn_id": turn_id}
    turn = await (await cursor.execute(query("turn_for_feedback"), of)).fetchone()
    if turn is None:
        return None
    key_id, sealed = None, None
    if note and identity.store_text:
        key = (
            DataKey(identity.tenant_id, turn["key_id"], turn["wrapped"])
            if turn["key_id"]
            else wrap_new(keys, identity.tenant_id)
        )
        if turn["key_id"] is None:
            made = {"tenant_id": identity.tenant_id, "id": key.id, "wrapped": key.wrapped}
            await connection.execute(query("add_data_key"), made)
        place = {"tenant_id": identity.tenant_id, "turn_id": turn["id"], "field": note_field(kind.value)}
        key_id, sealed = key.id, seal_text(unwrap(keys, key), note, **place)
    proposed = new_id()
    values = {
        "tenant_id": identity.tenant_id,
        "id": proposed,
        "turn_id": turn["id"],
        "session_id": turn["session_id"],
        "kind": kind.value,
        "at": at,
        "key_id": key_id,
        "note": sealed,
        "synthetic": turn["synthetic"],
    }
    row = await (await cursor.execute(query("add_feedback"), values)).fetchone()
    if row is None:
        raise RuntimeError(f"feedback of turn {turn_id} could neither be kept nor found")
    return Feedback(row["id"], row["turn_id"], kind, row["at"], row["id"] == proposed, row["noted"])
