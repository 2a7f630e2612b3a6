"""Who works on a case: a lease that one reviewer holds at a time, and what only its holder may do.

A lease is a row with a token. The page that was made with it sends the token back with every action; an action with
another token changes nothing. It lasts ten minutes from the last sign of its holder and frees the case by itself. While
nobody else took the case, its holder may still act after that: nothing can have happened in between. It holds nobody off a
case that new evidence has raised: who acknowledges that first has the case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from psycopg import AsyncConnection

from guard.escalation.cases import CaseState, check_transition
from guard.escalation.errors import TransitionRefused
from guard.records import audit
from guard.records.ids import new_id
from guard.records.rows import json_text
from guard.review.errors import CaseChanged, CaseHeld, CaseUnknown
from guard.review.identity import Reviewer
from guard.review.queries import query

__all__ = [
    "LEASE",
    "Lease",
    "LockedCase",
    "claim",
    "hand_off",
    "hold",
    "keep",
    "lock",
    "move",
    "release",
    "renew",
    "told",
    "took",
    "touch",
]

LEASE: Final = timedelta(minutes=10)
"""How long a case stays with somebody who gives no further sign."""

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class Lease:
    """A reviewer's hold on a case."""

    token: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LockedCase:
    """A case under its lock, as it stands in this transaction."""

    id: UUID
    session_id: UUID | None
    severity: int
    state: CaseState
    owner: UUID | None
    case_key: bytes
    first_turn: UUID
    last_turn: UUID
    raised_at: datetime
    acknowledged_at: datetime | None
    closed_at: datetime | None
    version: int
    synthetic: bool


async def lock(connection: Connection, tenant_id: UUID, case_id: UUID) -> LockedCase:
    """The case, locked until the transaction ends. Raises :class:`~guard.review.errors.CaseUnknown`."""
    row = await _row(connection, "lock_case", {"tenant_id": tenant_id, "case_id": case_id})
    if row is None:
        raise CaseUnknown("There is no such case, or it is not yours to see.")
    return LockedCase(**{**row, "state": CaseState(row["state"])})


async def claim(connection: Connection, reviewer: Reviewer, case_id: UUID, now: datetime) -> Lease:
    """Takes the case and acknowledges it; what the same reviewer holds already is renewed, and nothing else happens.

    Raises :class:`~guard.review.errors.CaseHeld` where somebody else holds it, :class:`~guard.review.errors.CaseChanged`
    where it is closed, :class:`~guard.review.errors.CaseUnknown`.
    """
    case = await lock(connection, reviewer.tenant_id, case_id)
    if case.state is CaseState.CLOSED:
        raise CaseChanged("This case is closed. Its page says how, and offers to undo it for a day.")
    waits = case.state is not CaseState.ACKNOWLEDGED
    values = {**_of(reviewer, case_id), "token": uuid4(), "now": now, "expires_at": now + LEASE, "waits": waits}
    row = await _row(connection, "take_lease", values)
    if row is None:
        raise CaseHeld(await _holder(connection, reviewer, case_id, now))
    if waits:
        moved = await move(
            connection,
            reviewer,
            case,
            CaseState.ACKNOWLEDGED,
            owner=reviewer.id,
            acknowledged_at=case.acknowledged_at or now,
        )
        await told(connection, reviewer, case, "acknowledged", f"acknowledged:{moved}", now, {"from": _word(case.owner)})
        await audit.append(connection, **took(reviewer, case_id, "case.acknowledged", severity=case.severity))
    elif case.owner != reviewer.id:
        moved = await move(
            connection, reviewer, case, CaseState.ACKNOWLEDGED, owner=reviewer.id, acknowledged_at=case.acknowledged_at
        )
        await told(connection, reviewer, case, "claimed", f"claimed:{moved}", now, {"from": _word(case.owner)})
        await audit.append(connection, **took(reviewer, case_id, "case.claimed", severity=case.severity))
    return Lease(row["token"], row["expires_at"])


async def renew(connection: Connection, reviewer: Reviewer, case_id: UUID, token: UUID, now: datetime) -> Lease:
    """The holder is still there. Raises :class:`~guard.review.errors.CaseHeld` for another token,
    :class:`~guard.review.errors.CaseUnknown`."""
    row = await _row(
        connection, "renew_lease", {**_of(reviewer, case_id), "token": token, "now": now, "expires_at": now + LEASE}
    )
    if row is None:
        await lock(connection, reviewer.tenant_id, case_id)  # whether there is such a case at all
        raise CaseHeld(await _holder(connection, reviewer, case_id, now))
    return Lease(token, row["expires_at"])


async def touch(connection: Connection, reviewer: Reviewer, case_id: UUID, now: datetime) -> None:
    """Renews the lease where this reviewer holds it; does nothing otherwise."""
    await connection.execute(query("touch_lease"), {**_of(reviewer, case_id), "now": now, "expires_at": now + LEASE})


async def hold(connection: Connection, reviewer: Reviewer, case_id: UUID, token: UUID, now: datetime) -> LockedCase:
    """The case, locked, for an action of its holder; the lease is renewed by it. Raises
    :class:`~guard.review.errors.CaseHeld` for another token, :class:`~guard.review.errors.CaseUnknown`."""
    case = await lock(connection, reviewer.tenant_id, case_id)
    await renew(connection, reviewer, case_id, token, now)
    return case


async def keep(connection: Connection, reviewer: Reviewer, case_id: UUID, token: UUID, now: datetime) -> None:
    """The holder's page is still open. Raises :class:`~guard.review.errors.CaseChanged` where new evidence raised the case
    and nobody took it since, and as :func:`hold`."""
    case = await hold(connection, reviewer, case_id, token, now)
    if case.state is not CaseState.ACKNOWLEDGED:
        raise CaseChanged(_moved(case))


async def release(connection: Connection, reviewer: Reviewer, case_id: UUID, token: UUID, once: UUID, now: datetime) -> None:
    """Puts the case back for whoever is free. Somebody has to take it again; its deadline to act stays."""
    await hand_off(connection, reviewer, case_id, token, once, now, None)


async def hand_off(
    connection: Connection, reviewer: Reviewer, case_id: UUID, token: UUID, once: UUID, now: datetime, to: UUID | None
) -> None:
    """Gives the case to a colleague, or back to all (``to`` is ``None``). Until somebody takes it, it waits: the channels of
    the first rung are told now, and the ladder climbs from this moment. ``once``: the same again does nothing.

    Raises :class:`~guard.review.errors.CaseUnknown` for somebody who cannot take it, and as :func:`hold`.
    """
    key = f"handed_off:{once}"
    await lock(connection, reviewer.tenant_id, case_id)
    if await done(connection, reviewer, case_id, key):
        return
    case = await hold(connection, reviewer, case_id, token, now)
    if to is not None:
        rows = await connection.execute(query("colleagues"), _of(reviewer, case_id))
        if to not in {row["id"] for row in await rows.fetchall()}:
            raise CaseUnknown("There is no such colleague who can take cases. Choose one from the list.")
    await move(connection, reviewer, case, CaseState.HANDED_OFF, owner=to, acknowledged_at=case.acknowledged_at)
    await connection.execute(query("drop_lease"), _of(reviewer, case_id))
    await told(connection, reviewer, case, "handed_off", key, now, {"to": _word(to)})
    message = {"id": new_id(), "key": f"{key}:{case_id}"}
    await connection.execute(query("tell_hand_off"), {**_of(reviewer, case_id), **message})
    await audit.append(connection, **took(reviewer, case_id, "case.handed_off", to=_word(to)))


async def move(
    connection: Connection,
    reviewer: Reviewer,
    case: LockedCase,
    state: CaseState,
    *,
    owner: UUID | None,
    acknowledged_at: datetime | None,
    closed_at: datetime | None = None,
) -> int:
    """Changes a locked case's state, where a person may. Returns the case's new version. Raises
    :class:`~guard.review.errors.CaseChanged`."""
    if state is not case.state:
        try:
            check_transition(case.state, state, severity=case.severity, by_person=True)
        except TransitionRefused:
            raise CaseChanged(_moved(case)) from None
    row = await _row(
        connection,
        "move_case",
        {
            **_of(reviewer, case.id),
            "state": state.value,
            "owner": owner,
            "acknowledged_at": acknowledged_at,
            "closed_at": closed_at,
        },
    )
    return int(row["version"]) if row is not None else case.version


async def told(
    connection: Connection,
    reviewer: Reviewer,
    case: LockedCase,
    kind: str,
    key: str,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> bool:
    """Writes an event of the case; the same key again writes nothing. Returns whether it was new."""
    values = {
        "tenant_id": reviewer.tenant_id,
        "case_id": case.id,
        "id": new_id(),
        "key": key,
        "kind": kind,
        "at": now,
        "severity": case.severity,
        "detail": json_text({"by": str(reviewer.id), **(detail or {})}),
    }
    return await _row(connection, "case_event", values) is not None


async def done(connection: Connection, reviewer: Reviewer, case_id: UUID, key: str) -> bool:
    """Whether an event of this key happened."""
    return await _row(connection, "event_of_key", {**_of(reviewer, case_id), "key": key}) is not None


def took(reviewer: Reviewer, case_id: UUID, action: str, **detail: str | int | bool | None) -> dict[str, Any]:
    """An audit row of what ``reviewer`` did to a case."""
    return {
        "tenant_id": reviewer.tenant_id,
        "actor": f"reviewer:{reviewer.id}",
        "action": action,
        "subject": f"case:{case_id}",
        "detail": {"session": str(reviewer.session), **detail},
    }


async def _holder(connection: Connection, reviewer: Reviewer, case_id: UUID, now: datetime) -> str:
    row = await _row(connection, "lease", _of(reviewer, case_id))
    if row is None:
        return (
            "Nobody holds this case any more: it was closed, or given back. Nothing of yours was written. "
            "Open the case to see how it stands, and take it again where it is needed."
        )
    if row["reviewer"] == reviewer.id:
        return (
            "You hold this case yourself, in another window that was opened later. Nothing was written from this one. "
            "Go on there, or open the case again."
        )
    name = row["name"] or "A reviewer who was removed since"
    until = row["expires_at"]
    if until <= now:
        return f"{name} took this case and let it go again. Nothing of yours was written. Open the case and take it anew."
    return (
        f"{name} holds this case now, since {row['claimed_at']:%H:%M} UTC. It comes free at {until:%H:%M} UTC unless "
        f"{name} goes on. Nothing of yours was written. Speak with {name}, or read the case meanwhile."
    )


def _moved(case: LockedCase) -> str:
    if case.state is CaseState.CLOSED:
        return "This case is closed already. Nothing of yours was written. Its page says by whom and how."
    return (
        "New evidence raised this case since you took it, and nobody has acknowledged that yet. Nothing of yours was "
        "written. Open the case, read what is new, and take it again first."
    )


def _of(reviewer: Reviewer, case_id: UUID) -> dict[str, Any]:
    return {"tenant_id": reviewer.tenant_id, "case_id": case_id, "reviewer": reviewer.id}


def _word(someone: UUID | None) -> str | None:
    return str(someone) if someone is not None else None


async def _row(connection: Connection, name: str, values: Mapping[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] | None = await (await connection.execute(query(name), values)).fetchone()
    return found
