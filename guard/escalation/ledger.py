"""What came of attempts, as it is written down: the delivery, the case it tells of, the channel that takes over."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from guard.escalation import alerts, signing
from guard.escalation.alerts import Alert
from guard.escalation.schedule import Answer, Settlement, Verdict
from guard.escalation.store import Store
from guard.records.ids import new_id

__all__ = ["Attempt", "Ledger"]

_log = logging.getLogger(__name__)

_URGENT: Final = 3
_PATIENCE: Final = {3: 2, 4: 1}  # failed attempts at a case of this severity before another channel is told as well
# No schedule heals a wrong address, secret or mail server: said at the first attempt.
_REFUSED: Final = ("address_", "secret_", "smtp_auth", "smtp_unset", "smtp_no_tls")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a delivery. ``number``: of all that were made, the fence. ``try_number``: since the last replay, from
    1: the place in the schedule."""

    outbox_id: UUID
    number: int
    try_number: int
    topic: str
    created_at: datetime
    payload: dict[str, Any]
    severity: int
    kind: str
    url: str
    secret: bytes | None
    previous_secret: bytes | None


class Ledger:
    """Writes over a store; each call is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, tenant_id: UUID, channel_id: UUID, attempt: Attempt, answer: Answer, outcome: Settlement) -> None:
        """Writes what one attempt met, and what follows from it. Raises ``psycopg.Error``, and then nothing of it stands."""
        ids = {"tenant_id": tenant_id, "outbox_id": attempt.outbox_id, "channel_id": channel_id}
        delivered = outcome.verdict is Verdict.DELIVERED
        with self._store.transaction():
            current = self._store.run(
                "settle",
                {
                    **ids,
                    "attempt": attempt.number,
                    "state": outcome.verdict.value,
                    "status": answer.status,
                    "error": outcome.error,
                    "wait": outcome.wait or 0.0,
                },
            )
            if delivered:
                key = f"notified:{signing.webhook_id(attempt.outbox_id, channel_id)}"
                self._store.run("notified", {**ids, "event_id": new_id(), "key": key})
            given_up = [attempt.outbox_id] if current and _another(attempt, outcome) else []
            if outcome.disable:
                gone = self._store.rows("disable_channel", {"tenant_id": tenant_id, "channel_id": channel_id})
                given_up += [row["outbox_id"] for row in gone]
            self._pass_on(tenant_id, channel_id, given_up, outcome.error)
            for kind in _alerts(answer, outcome):
                alerts.raise_alert(self._store, kind, tenant_id)
        if not delivered:
            _log.warning(
                "an attempt to deliver failed",
                extra={
                    "tenant": tenant_id,
                    "outbox": attempt.outbox_id,
                    "channel": str(channel_id),
                    "attempt": attempt.number,
                    "error": outcome.error,
                    "state": outcome.verdict,
                },
            )

    def give_up_stranded(self) -> int:
        """Gives up what waits for channels that are switched off, and passes it on; returns how many deliveries."""
        with self._store.transaction():
            rows = self._store.rows("stranded")
            grouped: dict[tuple[UUID, UUID], list[UUID]] = {}
            for row in rows:
                grouped.setdefault((row["tenant_id"], row["channel_id"]), []).append(row["outbox_id"])
            for (tenant_id, channel_id), messages in grouped.items():
                self._pass_on(tenant_id, channel_id, messages, "channel_disabled")
        return len(rows)

    def give_up_closed(self) -> int:
        """Gives up what would tell of cases that were closed meanwhile; returns how many deliveries."""
        return self._store.run("closed")

    def _pass_on(self, tenant_id: UUID, channel_id: UUID, messages: Sequence[UUID], error: str | None) -> None:
        if not messages:
            return
        named = {"tenant_id": tenant_id, "outbox_ids": list(messages)}
        self._store.rows("lock_messages", named)
        rows = self._store.rows("pass_on", {**named, "channel_id": channel_id})
        if any(row["passed_on"] for row in rows):
            self._store.connection().execute("notify handrail_outbox")
        lost = [row for row in rows if not row["reachable"] and row["of_case"]]
        for row in lost:
            about = {"tenant_id": tenant_id, "outbox_id": row["outbox_id"], "event_id": new_id(), "error": error}
            self._store.run("unreachable", about)
        if any(row["severity"] >= _URGENT for row in lost):
            alerts.raise_alert(self._store, Alert.CASE_UNREACHABLE, tenant_id)


def _another(attempt: Attempt, outcome: Settlement) -> bool:
    """Whether another channel is to be told: this one gave up, or a person cannot wait for its schedule."""
    if outcome.verdict is Verdict.DELIVERED:
        return False
    if outcome.verdict in (Verdict.FAILED, Verdict.DEAD):
        return True
    patience = _PATIENCE.get(attempt.severity)
    return patience is not None and attempt.try_number >= patience and attempt.topic.startswith("case.")


def _alerts(answer: Answer, outcome: Settlement) -> list[Alert]:
    kinds = []
    if outcome.disable:
        kinds.append(Alert.CHANNEL_DISABLED)
    if outcome.verdict is Verdict.DEAD:
        kinds.append(Alert.DELIVERY_DEAD)
    if answer.error is not None and answer.error.startswith(_REFUSED):
        kinds.append(Alert.DELIVERY_REFUSED)
    return kinds
