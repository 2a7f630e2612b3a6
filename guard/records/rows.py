"""Entries as columns: what one statement writes for many turns."""

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

__all__ = ["Placed", "Sealed", "json_text", "referral_columns", "turn_columns"]

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
    case_id: UUID | None = None
    text: Sealed | None = None

    @property
    def row(self) -> tuple[UUID, UUID, int]:
        """Which row of the turns this is."""
        return self.snapshot.entry.identity.tenant_id, self.turn_id, self.attempt


def json_text(value: object) -> str:
    """JSON for a ``jsonb`` parameter."""
    return orjson.dumps(value, default=_plain).decode()


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} has no place in a record")


def _score_row(placed: Placed, scores: Scores, vocabulary: int) -> tuple[Any, ...]:
    tenant_id, turn_id, attempt = placed.row
    return (
        tenant_id,
        turn_id,
        attempt,
        scores.side.value,
        vocabulary,
        scores.model,
        scores.language,
        scores.covered,
        pack_values(scores),
        pack_tiers(scores.tiers),
        json_text(scores.spans),
        json_text(scores.tags),
    )


_TURN: Final = (
    "tenant_id", "id", "at", "attempt", "recorded_at", "session_id", "person", "ordinal", "protocol", "streamed", "replayed",
    "branch", "synthetic", "status", "action", "severity", "policy", "vocabulary", "zone", "unscored", "delivered", "rules",
    "spoken", "case_id", "text_key", "text_user", "text_reply",
)  # fmt: skip
_SCORE: Final = (
    "s_tenant_id", "s_id", "s_attempt", "s_side", "s_vocabulary", "s_model", "s_language", "s_covered", "s_values",
    "s_tiers", "s_spans", "s_tags",
)  # fmt: skip
_REFERRAL: Final = ("tenant_id", "turn_id", "at", "classes", "resources", "country", "crisis", "synthetic")


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def turn_columns(entries: Sequence[Placed]) -> dict[str, list[Any]]:
    """Parameters of ``write_turns.sql``. Of several snapshots of one attempt only the newest is in it."""
    newest = {placed.row: placed for placed in sorted(entries, key=lambda placed: placed.snapshot.recorded_at)}
    turns: list[tuple[Any, ...]] = []
    scores: list[tuple[Any, ...]] = []
    for placed in newest.values():
        entry, text = placed.snapshot.entry, placed.text
        rules = [{"id": r.id, "severity": r.severity, "outcome": r.outcome.value, "by": r.by} for r in entry.rules]
        turns.append(
            (
                entry.identity.tenant_id,
                placed.turn_id,
                placed.at,
                min(placed.attempt, _MOST_ATTEMPTS),
                placed.snapshot.recorded_at,
                placed.session_id,
                entry.person,
                entry.ordinal,
                entry.protocol,
                entry.streamed,
                entry.replayed,
                entry.branch,
                entry.identity.synthetic,
                entry.status.value,
                entry.action.word,
                entry.severity,
                entry.policy,
                entry.vocabulary,
                entry.zone,
                json_text(entry.unscored),
                entry.delivered.value,
                json_text(rules),
                json_text(entry.spoken),
                placed.case_id,
                text.key_id if text else None,
                text.user if text else None,
                text.reply if text else None,
            )
        )
        scores.extend(_score_row(placed, side, entry.vocabulary) for side in (entry.user, entry.reply) if side is not None)
    return _columns(_TURN, turns) | _columns(_SCORE, scores)


def referral_columns(entries: Sequence[Placed]) -> dict[str, list[Any]] | None:
    """Parameters of ``refer.sql``, or ``None`` where nobody was referred."""
    rows = {}
    for placed in entries:
        entry = placed.snapshot.entry
        if entry.referral is not None:
            rows[entry.identity.tenant_id, placed.turn_id] = (
                entry.identity.tenant_id,
                placed.turn_id,
                placed.snapshot.recorded_at,
                json_text(entry.referral.classes),
                json_text(entry.referral.resources),
                entry.referral.country,
                entry.referral.crisis,
                entry.identity.synthetic,
            )
    return _columns(_REFERRAL, list(rows.values())) if rows else None
