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

__all__ = ["BATCH", "SHARE", "Batch", "Due", "Leases", "Outbox"]

_ROWS: Final = 200  # outbox rows in one statement
_ROUNDS: Final = 50  # statements in one call: a flood is spread over calls, between which the clock does its other work
BATCH: Final = 64
"""Deliveries that one call hands out at most."""
SHARE: Final = 8
"""Attempts that one channel sees side by side."""


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery whose time has come. ``attempts``: how many were begun; the fence of the next one."""

    outbox_id: UUID
    attempts: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries to one channel that go out side by side. ``urgent``: severity 3 and above. ``troubled``: the channel has
    not taken what it was offered before."""

    tenant_id: UUID
    channel_id: UUID
    urgent: bool
    troubled: bool
    due: tuple[Due, ...]


@dataclass(frozen=True, slots=True)
class Leases:
    """Seconds after which a message that the broker lost is sent again."""

    urgent: float = 5.0
    routine: float = 30.0


class Outbox:
    """``enqueue`` takes a batch to the broker; it raises where the broker is away. ``has_room``: whether the queue of
    urgent batches (or of the others) takes more: what waits, waits in the table, which is as long as it has to be."""

    def __init__(
        self,
        store: Store,
        enqueue: Callable[[Batch], None],
        has_room: Callable[[bool], bool] = lambda urgent: True,
        *,
        leases: Leases | None = None,
    ) -> None:
        self._store = store
        self._enqueue = enqueue
        self._has_room = has_room
        self._leases = leases or Leases()

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
        found = self._store.rows(
            "dispatch",
            {
                "batch": BATCH,
                "share": SHARE,
                "urgent": self._has_room(True),
                "routine": self._has_room(False),
                "urgent_lease": self._leases.urgent,
                "routine_lease": self._leases.routine,
            },
        )
        grouped: dict[tuple[UUID, UUID, bool, bool], list[Due]] = {}
        for row in found:
            key = (row["tenant_id"], row["channel_id"], row["urgent"], row["troubled"])
            grouped.setdefault(key, []).append(Due(row["outbox_id"], row["attempts"]))
        batches = [Batch(*key, due=tuple(due)) for key, due in grouped.items()]
        for batch in sorted(batches, key=lambda batch: (not batch.urgent, batch.troubled)):
            self._enqueue(batch)
        return len(found)
