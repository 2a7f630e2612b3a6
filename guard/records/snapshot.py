"""One turn's entry on its way to the database, and its form in the journal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from detectors.signals import BY_ID, SIGNALS, Scores, Side, Tier, vocabulary
from guard.records.contract import CaseIntent, Referral, TurnEntry, TurnText
from guard.records.terms import Delivered, Identity, Status
from policies.decision import Action, Outcome, RuleResult

__all__ = ["Snapshot", "Stamper", "decode", "encode"]

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An entry with the instant of its making. ``recorded_at`` rises within a process: it orders snapshots of a turn.

    What comes from the journal has ``journal_id``, and instead of the change to its session the state that the change had
    made (``state``) from version ``base``.
    """

    entry: TurnEntry
    recorded_at: datetime
    journal_id: UUID | None = None
    state: Mapping[str, Any] | None = field(default=None)
    base: int = 0


class Stamper:
    """Instants that rise by at least a microsecond, so that later snapshots are known to be later."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._last = datetime.min.replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        self._last = max(self._clock(), self._last + timedelta(microseconds=1))
        return self._last


def encode(snapshot: Snapshot) -> bytes:
    """The snapshot for the journal, plain: the journal encrypts it. A session's change is not in it, only ``state``."""
    entry = snapshot.entry
    identity = entry.identity
    record = {
        "format": _FORMAT,
        "recorded_at": snapshot.recorded_at,
        "state": snapshot.state,
        "base": snapshot.base,
        "identity": {
            "tenant_id": identity.tenant_id,
            "name": identity.name,
            "tag": identity.tag,
            "people": identity.people,
            "store_text": identity.store_text,
            "off": sorted(identity.off),
            "synthetic": identity.synthetic,
        },
        "turn_id": entry.turn_id,
        "at": entry.at,
        "attempt": entry.attempt,
        "key": entry.key.hex(),
        "protocol": entry.protocol,
        "status": entry.status.value,
        "action": int(entry.action),
        "severity": entry.severity,
        "policy": entry.policy,
        "vocabulary": entry.vocabulary,
        "session_id": entry.session_id,
        "session_key": entry.session_key.hex() if entry.session_key else None,
        "person": entry.person.hex() if entry.person else None,
        "ordinal": entry.ordinal,
        "streamed": entry.streamed,
        "replayed": entry.replayed,
        "branch": entry.branch,
        "zone": entry.zone,
        "unscored": entry.unscored,
        "delivered": entry.delivered.value,
        "user": _scores(entry.user),
        "reply": _scores(entry.reply),
        "rules": [[rule.id, rule.severity, rule.outcome.value, rule.by] for rule in entry.rules],
        "session_signals": entry.session_signals,
        "spoken": entry.spoken,
        "referral": [
            entry.referral.classes, entry.referral.resources, entry.referral.country, entry.referral.crisis,
        ] if entry.referral else None,
        "case": [
            entry.case.key.hex(), entry.case.severity, entry.case.to, entry.case.rules, entry.case.at,
        ] if entry.case else None,
        # Surrogates without their half are no UTF-8, but they are what the person sent.
        "text": [text.encode("utf-8", "surrogatepass").hex() for text in (entry.text.user, entry.text.reply)],
    }  # fmt: skip
    return orjson.dumps(record, default=_plain)


def decode(data: bytes, journal_id: UUID) -> Snapshot:
    """What :func:`encode` was given. Raises ``ValueError`` or ``KeyError`` for what it did not write."""
    record = orjson.loads(data)
    if record["format"] != _FORMAT:
        raise ValueError(f"journal entries of format {record['format']} are not known; run the newer version of Handrail")
    identity = record["identity"]
    return Snapshot(
        entry=TurnEntry(
            identity=Identity(
                tenant_id=UUID(identity["tenant_id"]),
                name=identity["name"],
                tag=identity["tag"],
                people=identity["people"],
                store_text=identity["store_text"],
                off=frozenset(identity["off"]),
                synthetic=identity["synthetic"],
            ),
            turn_id=UUID(record["turn_id"]),
            at=datetime.fromisoformat(record["at"]),
            attempt=record["attempt"],
            key=bytes.fromhex(record["key"]),
            protocol=record["protocol"],
            status=Status(record["status"]),
            action=Action(record["action"]),
            severity=record["severity"],
            policy=record["policy"],
            vocabulary=record["vocabulary"],
            session_id=UUID(record["session_id"]) if record["session_id"] else None,
            session_key=bytes.fromhex(record["session_key"]) if record["session_key"] else None,
            person=bytes.fromhex(record["person"]) if record["person"] else None,
            ordinal=record["ordinal"],
            streamed=record["streamed"],
            replayed=record["replayed"],
            branch=record["branch"],
            zone=record["zone"],
            unscored=tuple(record["unscored"]),
            delivered=Delivered(record["delivered"]),
            user=_unscores(record["user"]),
            reply=_unscores(record["reply"]),
            rules=tuple(
                RuleResult(rule_id, severity, Outcome(outcome), by) for rule_id, severity, outcome, by in record["rules"]
            ),
            session_signals=record.get("session_signals", {}),
            spoken=record["spoken"],
            referral=_referral(record["referral"]),
            case=_case(record["case"]),
            text=TurnText(*(bytes.fromhex(part).decode("utf-8", "surrogatepass") for part in record["text"])),
        ),
        recorded_at=datetime.fromisoformat(record["recorded_at"]),
        journal_id=journal_id,
        state=record["state"],
        base=record["base"],
    )


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    raise TypeError(f"a {type(value).__name__} has no place in a record")


def _scores(scores: Scores | None) -> dict[str, Any] | None:
    if scores is None:
        return None
    words = vocabulary(scores.side)
    return {
        "side": scores.side.value,
        "model": scores.model,
        "language": scores.language,
        "covered": scores.covered,
        # By permanent id: the journal may be replayed by a version with a longer vocabulary.
        "values": [
            [signal.id, tier, None if math.isnan(value) else value]
            for signal, value, tier in zip(words, scores.values, scores.tiers, strict=True)
            if tier
        ],
        "spans": scores.spans,
        "tags": scores.tags,
    }


def _unscores(record: Mapping[str, Any] | None) -> Scores | None:
    if record is None:
        return None
    side = Side(record["side"])
    values, tiers = {}, {}
    for signal_id, tier, value in record["values"]:
        signal = BY_ID.get(signal_id)
        if signal is not None and signal.side is side:
            values[signal.name] = math.nan if value is None else value
            tiers[signal.name] = tier
    words = vocabulary(side)
    return Scores(
        side=side,
        model=record["model"],
        values=tuple(values.get(signal.name, math.nan) for signal in words),
        tiers=bytes(tiers.get(signal.name, Tier.MISSING) for signal in words),
        spans={name: (start, end) for name, (start, end) in record["spans"].items() if name in SIGNALS},
        tags={name: tag for name, tag in record["tags"].items() if name in SIGNALS},
        language=record["language"],
        covered=record["covered"],
    )


def _referral(record: list[Any] | None) -> Referral | None:
    if record is None:
        return None
    classes, resources, country, crisis = record
    return Referral(tuple(classes), tuple(resources), country, crisis)


def _case(record: list[Any] | None) -> CaseIntent | None:
    if record is None:
        return None
    key, severity, to, rules, at = record
    return CaseIntent(bytes.fromhex(key), severity, to, tuple(rules), datetime.fromisoformat(at))
