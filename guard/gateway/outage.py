"""When a scorer that does not answer becomes an alert: one for an outage, none for a single late answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from guard.records.alerts import DETECTORS_UNAVAILABLE

__all__ = ["Alerts", "ScorerOutage"]

_LATE_IN_A_ROW: Final = 5


class Alerts(Protocol):
    """Where alerts are raised and cleared; never blocks."""

    def alert(self, kind: str) -> None:
        """One more cause of this kind."""
        ...

    def clear(self, kind: str) -> None:
        """The causes of this kind are gone."""
        ...


class ScorerOutage:
    """Hears of every call that the scorer left unanswered and of the first that it answers again."""

    def __init__(self, alerts: Alerts, healthy: Callable[[], bool]) -> None:
        self._alerts = alerts
        self._healthy = healthy
        self._late = 0
        self._raised = False

    def failed(self, reason: str) -> None:
        """A call was not answered: ``reason`` is the client's (refused, deadline, closed, overloaded), or ``lexicon`` where
        even the lexicon in this process failed."""
        self._late += 1
        if self._raised or (self._healthy() and reason != "lexicon" and self._late < _LATE_IN_A_ROW):
            return
        self._raised = True
        self._alerts.alert(DETECTORS_UNAVAILABLE)

    def recovered(self) -> None:
        """The scorer answered."""
        self._late = 0
        if self._raised:
            self._raised = False
            self._alerts.clear(DETECTORS_UNAVAILABLE)
