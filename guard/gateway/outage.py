"""When a scorer that does not answer becomes an alert: one for an outage, none for a single late answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from guard.records.alerts import DETECTORS_UNAVAILABLE

__all__ = ["Alerts", "ScorerOutage"]

_LATE_IN_A_ROW: Final = 5
_AGAIN_SECONDS: Final = 60.0


class Alerts(Protocol):
    """Where alerts are raised and cleared; never blocks."""

    def alert(self, kind: str) -> None:
        """One more cause of this kind."""
        ...

    def clear(self, kind: str) -> None:
        """The causes of this kind are gone."""
        ...


class ScorerOutage:
    """Hears of every call that the scorer left unanswered and of every call that it answered.

    Other processes raise and clear the same alert. So it is raised once more for each minute that an outage goes on, and
    cleared at the first answer that this process hears: one that ended in an outage may have left it open.
    """

    def __init__(self, alerts: Alerts, healthy: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._alerts = alerts
        self._healthy = healthy
        self._clock = clock
        self._late = 0
        self._open = True
        self._raised_at = float("-inf")

    def failed(self, reason: str) -> None:
        """A call was not answered: ``reason`` is the client's (refused, deadline, closed, overloaded), or ``lexicon`` where
        even the lexicon in this process failed."""
        self._late += 1
        if self._healthy() and reason != "lexicon" and self._late < _LATE_IN_A_ROW:
            return
        if self._clock() - self._raised_at < _AGAIN_SECONDS:
            return
        self._open, self._raised_at = True, self._clock()
        self._alerts.alert(DETECTORS_UNAVAILABLE)

    def answered(self) -> None:
        """A call was answered: by the scorer, or from memory where it is away."""
        self._late = 0
        if self._open and self._healthy():
            self._open, self._raised_at = False, float("-inf")
            self._alerts.clear(DETECTORS_UNAVAILABLE)
