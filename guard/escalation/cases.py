"""The case clock: deadlines and states as plain functions of what is known and of an explicit ``now``.

The numbers are the defaults of the policy floor: proposals, to be changed with audit data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from guard.escalation.errors import TransitionRefused

__all__ = [
    "TRANSITIONS",
    "CaseState",
    "Deadlines",
    "Terms",
    "check_transition",
    "deadlines",
    "overdue",
    "raised",
    "terms",
]


class CaseState(StrEnum):
    """Where a case stands. ``notified``: a channel took the message. ``acknowledged``: a person said that they have it."""

    OPEN = "open"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    HANDED_OFF = "handed_off"
    CLOSED = "closed"


TRANSITIONS: Final[Mapping[CaseState, frozenset[CaseState]]] = MappingProxyType(
    {
        CaseState.OPEN: frozenset({CaseState.NOTIFIED, CaseState.ACKNOWLEDGED, CaseState.CLOSED}),
        CaseState.NOTIFIED: frozenset({CaseState.ACKNOWLEDGED, CaseState.CLOSED}),
        CaseState.ACKNOWLEDGED: frozenset({CaseState.HANDED_OFF, CaseState.CLOSED}),
        CaseState.HANDED_OFF: frozenset({CaseState.ACKNOWLEDGED, CaseState.CLOSED}),
        CaseState.CLOSED: frozenset(),
    }
)
"""Every change that is allowed. A new disclosure after ``closed`` opens a case of its own. A case that was handed off goes
back to ``acknowledged`` when its new owner takes it."""

_WAITING: Final = frozenset({CaseState.OPEN, CaseState.NOTIFIED})
_NEVER_EXPIRES_FROM: Final = 2


@dataclass(frozen=True, slots=True)
class Terms:
    """What a severity promises. ``rung``: until the next person is told; ``None`` where there is no ladder.
    ``everybody``: until everybody on call is told; ``None`` where that never happens."""

    acknowledge: timedelta
    act: timedelta
    rung: timedelta | None = None
    everybody: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Instants by which a case is to be acknowledged and acted on."""

    acknowledge_by: datetime
    act_by: datetime


_WEEK: Final = timedelta(days=7)
_DAY: Final = timedelta(hours=24)
_HIGH: Final = timedelta(hours=2)
_IMMINENT: Final = Terms(timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=3), timedelta(minutes=8))


def terms(severity: int, *, live: bool) -> Terms:
    """What ``severity`` (0..4) promises. ``live``: the person is still in the conversation.

    Severity 3 has to be acted on within 2 hours, live or not; severity 2 and below have one deadline, by which they are
    reviewed. Raises ``ValueError`` outside 0..4.
    """
    match severity:
        case 4:
            return _IMMINENT
        case 3:
            first = timedelta(minutes=15 if live else 60)
            return Terms(first, _HIGH, rung=first, everybody=_HIGH)
        case 2:
            return Terms(_DAY, _DAY, rung=_DAY)
        case 0 | 1:
            return Terms(_WEEK, _WEEK)
        case _:
            raise ValueError(f"severity {severity} does not exist; give 0 to 4")


def deadlines(severity: int, since: datetime, *, live: bool) -> Deadlines:
    """Deadlines of a case that was opened or raised to ``severity`` at ``since`` (aware, any zone)."""
    if since.tzinfo is None:
        raise ValueError("the instant has no zone; give an aware datetime")
    promise = terms(severity, live=live)
    return Deadlines(since + promise.acknowledge, since + promise.act)


def raised(before: Deadlines, severity: int, at: datetime, *, live: bool) -> Deadlines:
    """Deadlines after new evidence of ``severity`` at ``at``. New evidence never moves a deadline into the future."""
    new = deadlines(severity, at, live=live)
    return Deadlines(min(before.acknowledge_by, new.acknowledge_by), min(before.act_by, new.act_by))


def overdue(state: CaseState, due: Deadlines, now: datetime) -> bool:
    """Whether a promise is broken at ``now``: nobody acknowledged in time, or nobody acted in time. To hand a case off is
    not to act on it."""
    if state is CaseState.CLOSED:
        return False
    if state in _WAITING and now > due.acknowledge_by:
        return True
    return now > due.act_by


def check_transition(before: CaseState, after: CaseState, *, severity: int, by_person: bool) -> None:
    """Raises :class:`TransitionRefused` unless the case may go from ``before`` to ``after``.

    From severity 2 on a case never ends by itself, and at no severity does a machine acknowledge or hand off: only the
    message's delivery (``notified``) and the expiry of an open case of severity 0 or 1 happen without a person.
    """
    if after not in TRANSITIONS[before]:
        allowed = ", ".join(sorted(TRANSITIONS[before])) or "nothing: open a new case"
        raise TransitionRefused(f"a case cannot go from {before} to {after}; from {before} it may go to {allowed}")
    if by_person or after is CaseState.NOTIFIED:
        return
    if after is CaseState.CLOSED and severity < _NEVER_EXPIRES_FROM:
        return
    raise TransitionRefused(
        f"a case of severity {severity} goes from {before} to {after} only by a person's decision; "
        "record who decided, from the review console"
    )
