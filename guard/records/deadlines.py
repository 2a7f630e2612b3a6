"""By when people have to answer a case. The floor's defaults: proposals, to be changed with audit data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

__all__ = ["Deadlines", "deadlines"]

_DAY: Final = timedelta(hours=24)
_WEEK: Final = timedelta(days=7)
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


def deadlines(severity: int, at: datetime) -> Deadlines:
    """Deadlines of a case that a turn of ``severity`` (0 to 4) opens or raises at ``at``: the person is in the chat."""
    acknowledge, act = _LIVE[severity]
    return Deadlines(at + acknowledge, at + act)
