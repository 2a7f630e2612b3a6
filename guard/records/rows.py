"""Entries as JSON rows: what one statement writes for many turns. PostgreSQL takes them apart, off the gateway's core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from detectors.signals import Scores
from guard.records.packing import pack_tiers, pack_values
from guard.records.snapshot import Snapshot

__all__ = ["Placed", "Sealed", "json_text", "referral_parameters", "turn_parameters"]

_MOST_ATTEMPTS: Final = 32_767


@dataclass(frozen=True, slots=True)
class Sealed:
    """Encrypted text and the id of its data key."""

    key_id: UUID
    user: bytes | None
    reply: bytes | None


@dataclass(slots=True)
class Placed:
    """A snapshot with the ids that the ledger says it has."""

    snapshot: Snapshot
    turn_id: UUID
    at: datetime
    attempt: int
    session_id: UUID | None = None
    ordinal: int | None = None
    case_id: UUID | None = None
    text: Sealed | None = None

    @property
    def row(self) -> tuple[UUID, UUID, int]:
        """Which row of the turns this is."""
        return self.snapshot.entry.identity.tenant_id, self.turn_id, min(self.attempt, _MOST_ATTEMPTS)


def json_text(value: object) -> str:
    """JSON for a ``json`` or ``jsonb`` parameter; bytes in PostgreSQL's notation of ``bytea``."""
    return orjson.dumps(value, default=_plain).decode()


def _plain(value: object) -> Any:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} has no place in a record")


def turn_parameters(entries: Sequence[Placed], key_version: int) -> dict[str, Any]:
    """Parameters of ``write_turns.sql``. Of several snapshots of one attempt only the newest is in it."""
    newest = {placed.row: placed for placed in sorted(entries, key=lambda placed: placed.snapshot.recorded_at)}
    turns = [_turn(placed) for placed in newest.values()]
    scores = [
        _scores(placed, side)
        for placed in newest.values()
        for side in (placed.snapshot.entry.user, placed.snapshot.entry.reply)
        if side is not None
    ]
    return {"turns": json_text(turns), "scores": json_text(scores), "key_version": key_version}


def _turn(placed: Placed) -> dict[str, Any]:
    entry, text = placed.snapshot.entry, placed.text
    return {
        "tenant_id": entry.identity.tenant_id,
        "id": placed.turn_id,
        "at": placed.at,
        "attempt": placed.row[2],
        "recorded_at": placed.snapshot.recorded_at,
        "session_id": placed.session_id,
        "person": entry.person,
        "ordinal": placed.ordinal if placed.ordinal is not None else entry.ordinal,
        "protocol": entry.protocol,
        "streamed": entry.streamed,
        "replayed": entry.replayed,
        "branch": entry.branch,
        "synthetic": entry.identity.synthetic,
        "status": entry.status.value,
        "action": entry.action.word,
        "severity": entry.severity,
        "policy": entry.policy,
        "vocabulary": entry.vocabulary,
        "zone": entry.zone,
        "unscored": entry.unscored,
        "delivered": entry.delivered.value,
        "rules": [{"id": r.id, "severity": r.severity, "outcome": r.outcome.value, "by": r.by} for r in entry.rules],
        "session": entry.session_signals,
        "spoken": entry.spoken,
        "case_id": placed.case_id,
        "text_key": text.key_id if text else None,
        "text_user": text.user if text else None,
        "text_reply": text.reply if text else None,
    }


def _scores(placed: Placed, scores: Scores) -> dict[str, Any]:
    tenant_id, turn_id, attempt = placed.row
    return {
        "tenant_id": tenant_id,
        "id": turn_id,
        "attempt": attempt,
        "side": scores.side.value,
        "vocabulary": placed.snapshot.entry.vocabulary,
        "model": scores.model,
        "language": scores.language,
        "covered": scores.covered,
        "values": pack_values(scores),
        "tiers": pack_tiers(scores.tiers),
        "spans": scores.spans,
        "tags": scores.tags,
    }


def referral_parameters(entries: Sequence[Placed]) -> dict[str, Any] | None:
    """Parameters of ``refer.sql``, or ``None`` where nobody was referred."""
    rows: dict[tuple[UUID, UUID], dict[str, Any]] = {}
    for placed in entries:
        entry = placed.snapshot.entry
        if entry.referral is not None:
            rows[entry.identity.tenant_id, placed.turn_id] = {
                "tenant_id": entry.identity.tenant_id,
                "turn_id": placed.turn_id,
                "at": placed.snapshot.recorded_at,
                "classes": entry.referral.classes,
                "resources": entry.referral.resources,
                "country": entry.referral.country,
                "crisis": entry.referral.crisis,
                "synthetic": entry.identity.synthetic,
            }
    return {"referrals": json_text(list(rows.values()))} if rows else None
