"""Tenants whose reviewers would have nothing to judge a case by: neither stored text nor a way to the conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from psycopg import AsyncConnection, Connection
from psycopg.rows import scalar_row

from guard.records.admin import TenantRow
from guard.records.queries import query

if TYPE_CHECKING:
    from policies.policy import Policy

__all__ = ["calls_for_people", "lacks_evidence", "sentence", "without_evidence", "without_evidence_now"]

_FROM: Final = 3  # severity
_SHOWN: Final = 5  # names in a sentence


def lacks_evidence(tenant: TenantRow) -> bool:
    """Whether a tenant has people who read cases, and nothing that they could read."""
    return tenant.people != "none" and not tenant.store_text and not tenant.deep_link and not tenant.synthetic


async def without_evidence(connection: AsyncConnection[Any]) -> list[str]:
    """Names of all such tenants that are in force."""
    cursor = await connection.cursor(row_factory=scalar_row).execute(query("tenants_without_evidence"))
    return [str(name) for name in await cursor.fetchall()]


def without_evidence_now(connection: Connection[Any]) -> list[str]:
    """As :func:`without_evidence`, for who does not wait otherwise."""
    cursor = connection.cursor(row_factory=scalar_row).execute(query("tenants_without_evidence"))
    return [str(name) for name in cursor.fetchall()]


def calls_for_people(policy: Policy) -> bool:
    """Whether ``policy`` hands anything of severity 3 and above to people."""
    return any(rule.severity >= _FROM and rule.effects.escalate for rule in policy.rules)


def sentence(names: Sequence[str]) -> str:
    """What is wrong and what to do. ``names``: one at least."""
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    who = f"tenant {shown} has" if len(names) == 1 else f"tenants {shown} have"
    return (
        f"{who} people for cases of severity 3 and above, but neither stored text nor a deep link: they would have nothing "
        f"to judge; run: handrail tenant set {names[0]} --store-text, or --deep-link URL"
    )
