"""By when people have to answer a case. The floor's defaults: proposals, to be changed with audit data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

__all__ = ["LIVE", "Deadlines", "deadlines"]

_DAY: Final = timedelta(hours=24)
_WEEK: Final = timedelta(days=7)
LIVE: Final = timedelta(minutes=15)
"""Who said something this long ago is still taken to be in the conversation."""

_LATE: Final = timedelta(minutes=60)  # of severity 3, for somebody who has left
_LIVE: Final = {
    4: (timedelta(minutes=5), timedelta(minutes=10)),
    3: (timedelta(minutes=15), timedelta(hours=2)),
    2: (_DAY, _DAY),
    1: (_WEEK, _WEEK),
    0: (_WEEK, _WEEK),
}


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Instants until which somebody acknowledges and acts."""

    acknowledge_by: datetime
    act_by: datetime


def deadlines(severity: int, at: datetime, *, live: bool = True) -> Deadlines:
    """Deadlines of a case that a turn of ``severity`` (0 to 4) at ``at`` opens or raises. ``live``: the person is in the
    conversation; not so where the turn is recorded late."""
    acknowledge, act = _LIVE[severity]
    if severity == 3 and not live:
        acknowledge = _LATE
    return Deadlines(at + acknowledge, at + act)
