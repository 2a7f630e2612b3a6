"""The relay: from outbox rows to deliveries, and from due deliveries to the broker.

The tables are the truth and the broker's messages are hints. An outbox row becomes its deliveries in one statement; a due
delivery is leased for a while and named in a message. A message that is lost costs the lease, one that comes twice claims
nothing the second time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from guard.escalation import alerts
from guard.escalation.alerts import Alert
from guard.escalation.store import Store

__all__ = ["BATCH", "SHARE", "Batch", "Due", "Outbox"]

_ROWS: Final = 200  # outbox rows in one statement
_ROUNDS: Final = 50  # statements in one call: a flood is spread over calls, between which the clock does its other work
BATCH: Final = 64
"""Deliveries that one call hands out at most."""
SHARE: Final = 8
"""Attempts that one channel sees side by side."""
_LEASE_SECONDS: Final = 30.0  # a message that the broker lost is sent again after this


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery whose time has come. ``attempts``: how many were begun; the fence of the next one."""

    outbox_id: UUID
    attempts: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries to one channel that go out side by side. ``urgent``: severity 3 and above."""

    tenant_id: UUID
    channel_id: UUID
    urgent: bool
    due: tuple[Due, ...]


class Outbox:
    """``enqueue`` takes a batch to the broker; it raises where the broker is away."""

    def __init__(self, store: Store, enqueue: Callable[[Batch], None], *, lease_seconds: float = _LEASE_SECONDS) -> None:
        self._store = store
        self._enqueue = enqueue
        self._lease = lease_seconds

    def relay(self) -> int:
        """Turns waiting rows into deliveries; returns how many rows. Several processes may do so at once."""
        total = 0
        for _ in range(_ROUNDS):
            row = self._store.rows("relay", {"batch": _ROWS})[0]
            for tenant_id in row["unheard"]:
                alerts.raise_alert(self._store, Alert.CASE_UNHEARD, tenant_id)
            total += row["relayed"]
            if row["relayed"] < _ROWS:
                break
        return total

    def dispatch(self) -> int:
        """Leases due deliveries and hands them to the broker; returns how many. Where the broker is away the lease runs out
        and they are due again."""
        found = self._store.rows("dispatch", {"batch": BATCH, "share": SHARE, "lease": self._lease})
        grouped: dict[tuple[UUID, UUID, bool], list[Due]] = {}
        for row in found:
            key = (row["tenant_id"], row["channel_id"], row["urgent"])
            grouped.setdefault(key, []).append(Due(row["outbox_id"], row["attempts"]))
        for (tenant_id, channel_id, urgent), due in sorted(grouped.items(), key=lambda item: not item[0][2]):
            self._enqueue(Batch(tenant_id, channel_id, urgent, tuple(due)))
        return len(found)
