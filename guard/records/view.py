"""A stored turn as ``GET /v1/turns/{id}`` shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from detectors.signals import Scores, Side, Tier, vocabulary
from guard.records.encryption import DataKey, open_text, unwrap
from guard.records.errors import KeyUnusable
from guard.records.keys import Keys
from guard.records.packing import unpack

__all__ = ["signals_of", "turn_view"]


def signals_of(*sides: Scores | None) -> dict[str, dict[str, Any]]:
    """Every signal of the user's and the reply's side by name: ``value`` (or ``None``), ``tier``, ``span`` (or ``None``)."""
    given = {scores.side: scores for scores in sides if scores is not None}
    signals = {}
    for side in (Side.USER, Side.REPLY):
        scores = given.get(side) or Scores.missing(side)
        for signal in vocabulary(side):
            score = scores.get(signal.name)
            signals[signal.name] = {
                "value": score.value,
                "tier": score.tier.word,
                "span": list(score.span) if score.span is not None else None,
            }
    return signals


def turn_view(keys: Keys, tenant_id: UUID, row: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON shape of one row of ``turn.sql``. Text that was destroyed or cannot be opened is ``None``."""
    scores = _scores(row["scores"])
    models = list(dict.fromkeys(side.model for side in scores))
    return {
        "id": str(row["id"]),
        "session": str(row["session_id"]) if row["session_id"] is not None else None,
        "at": row["at"].isoformat(),
        "attempt": row["attempt"],
        "replayed": row["replayed"],
        "status": row["status"],
        "action": row["action"],
        "policy": row["policy"],
        "model": models[0] if models else None,
        "vocabulary": row["vocabulary"],
        "signals": signals_of(*scores) | _session_signals(row["session"]),
        "rules": row["rules"],
        "referrals": row["referrals"],
        "case": str(row["case_id"]) if row["case_id"] is not None else None,
        "delivered": row["delivered"],
        "text": _text(keys, tenant_id, row),
    }


def _session_signals(stored: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The session's signals in the shape of the others. They are computed, not read off a text: a value that is there is
    whole."""
    shown = {}
    for signal in vocabulary(Side.SESSION):
        value = stored.get(signal.name)
        tier = Tier.MISSING if value is None else Tier.FULL
        shown[signal.name] = {"value": value, "tier": tier.word, "span": None}
    return shown


def _scores(rows: Sequence[Mapping[str, Any]]) -> list[Scores]:
    return [
        unpack(
            Side(row["side"]),
            row["ids"],
            row["values"],
            bytes.fromhex(row["tiers"]),
            model=row["model"],
            spans=row["spans"],
            tags=row["tags"],
            language=row["language"],
            covered=row["covered"],
        )
        for row in sorted(rows, key=lambda row: str(row["side"]), reverse=True)  # the user's side first
    ]


def _text(keys: Keys, tenant_id: UUID, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is stored of the texts; ``redacted``: where in each, as it was received, something stood that was taken out;
    ``kept``: how far the reply is as the chatbot gave it, where a span lies beyond that."""
    if row["text_key"] is None or row["wrapped"] is None:
        return None
    out: dict[str, Any] = {}
    try:
        sealer = unwrap(keys, DataKey(tenant_id, row["text_key"], row["wrapped"]))
        for field in ("user", "reply"):
            sealed = row[f"text_{field}"]
            out[field] = (
                open_text(sealer, sealed, tenant_id=tenant_id, turn_id=row["id"], field=field)
                if sealed is not None
                else None
            )
    except KeyUnusable:
        return None
    if row["redacted"]:
        out["redacted"] = row["redacted"]
    if row["kept"] is not None:
        out["kept"] = row["kept"]
    return out
