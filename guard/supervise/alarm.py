"""Operational alerts of the supervisor: a process died. One open alert a process, closed when it has run for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from guard.records.alerts import DETECTORS_UNAVAILABLE, RECORDS_UNAVAILABLE
from guard.settings import MOST_WORKERS
from guard.supervise.children import Role

__all__ = ["Alarm", "Alerts"]

_QUIET_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 1.0
_SHARED: Final[Mapping[str, str]] = MappingProxyType({"scorer": DETECTORS_UNAVAILABLE, "postgres": RECORDS_UNAVAILABLE})
"""What the gateway raises too when these are away: an outage is one alert, whoever notices it first."""
_EVERY: Final = ("postgres", *Role, *(f"{Role.GATEWAY}-{number}" for number in range(1, MOST_WORKERS + 1)))
"""The names of all processes that any supervisor keeps."""


class Alerts(Protocol):
    """Where alerts are raised and cleared; never blocks. :class:`guard.records.alerts.Alerts` is one."""

    def alert(self, kind: str) -> None:
        """One more cause of this kind."""
        ...

    def clear(self, kind: str) -> None:
        """The causes of this kind are gone."""
        ...


class Alarm:
    """Raises an alert for each death and clears it when the process has not died again for a minute."""

    def __init__(self, alerts: Alerts, clock: Callable[[], float] = time.monotonic) -> None:
        self._alerts = alerts
        self._clock = clock
        self._died: dict[str, float] = {}

    def died(self, name: str) -> None:
        """Process ``name`` died."""
        self._died[name] = self._clock()
        self._alerts.alert(_kind(name))

    def look(self) -> None:
        """Clears what has been quiet long enough."""
        for name, at in list(self._died.items()):
            if self._clock() - at > _QUIET_SECONDS:
                del self._died[name]
                self._alerts.clear(_kind(name))

    def begin(self) -> None:
        """Clears what an earlier supervisor left open: everything that has not died under this one."""
        for name in _EVERY:
            if name not in self._died:
                self._alerts.clear(_kind(name))

    async def run(self) -> None:
        """Begins, with everything ready, and looks for ever."""
        self.begin()
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            self.look()


def _kind(name: str) -> str:
    return _SHARED.get(name, f"process_died:{name}")
