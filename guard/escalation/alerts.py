"""Operational alerts of the escalation: one open alert a kind and tenant, told once, counted after that."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from uuid import UUID

from guard.escalation.store import Store
from guard.records.ids import new_id

__all__ = ["Alert", "close_over", "lower", "match", "raise_alert"]


class Alert(StrEnum):
    """What can be wrong with telling people. Each is for the people who run the installation."""

    CHANNEL_DISABLED = "escalation_channel_disabled"  # the receiver answered 410
    DELIVERY_DEAD = "escalation_delivery_dead"  # the retry schedule is exhausted
    DELIVERY_REFUSED = "escalation_delivery_refused"  # the address or the secret cannot be used
    DELIVERY_LATE = "escalation_delivery_late"  # a message of severity 3 or more waits for its third attempt or longer
    CASE_UNHEARD = "escalation_case_unheard"  # a case of severity 3 or more has no channel
    CASE_UNREACHABLE = "escalation_case_unreachable"  # every channel gave a message of severity 3 or more up
    CASE_OVERDUE = "escalation_case_overdue"  # a case of severity 3 or more broke its promise


def raise_alert(store: Store, kind: Alert, tenant_id: UUID) -> None:
    """Opens the alert or counts it."""
    store.run("alert", {"tenant_id": tenant_id, "id": new_id(), "kind": kind.value, "outbox_id": new_id()})


def lower(store: Store, kind: Alert, tenant_id: UUID) -> None:
    """Closes the alert, if it is open."""
    store.run("clear_alert", {"tenant_id": tenant_id, "kind": kind.value})


def close_over(store: Store) -> int:
    """Closes the alerts whose cause is gone: a channel is on again, a delivery was made again, somebody was reached. Returns
    how many."""
    return store.run("over")


def match(store: Store, kind: Alert, tenants: Collection[UUID]) -> None:
    """Makes the open alerts of ``kind`` those of ``tenants``: opens what is missing, closes what is over."""
    standing = {row["tenant_id"] for row in store.rows("open_alerts", {"kind": kind.value})}
    for tenant_id in set(tenants) - standing:
        raise_alert(store, kind, tenant_id)
    for tenant_id in standing - set(tenants):
        lower(store, kind, tenant_id)
