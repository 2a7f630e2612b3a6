"""What the gateway says of its own health."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from detectors.errors import ScorerUnavailable
from detectors.scorer.client import ScorerClient
from guard.records.store import PostgresRecords
from guard.telemetry.health import Component, Condition, Ready, combine, judge

__all__ = ["DEVICE_FALLBACK", "GatewayHealth"]

DEVICE_FALLBACK: Final = "device_fallback"
"""The kind of alert while the CPU stands in for the device that was asked for."""

_LOOK_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 1.0
_LEXICON: Final = "lexicon"


class GatewayHealth:
    """Answers ``/healthz`` and ``/readyz`` from what is known; the scorer is asked in the background."""

    def __init__(
        self,
        scorer: ScorerClient,
        records: PostgresRecords,
        queued: Callable[[str, int], None] = lambda name, depth: None,
        console: Callable[[], Awaitable[bool]] | None = None,
        alerted: Callable[[str, bool], None] = lambda kind, raised: None,
    ) -> None:
        self._scorer = scorer
        self._records = records
        self._queued = queued
        self._console = console
        self._alerted = alerted
        self._console_answers: bool | None = None
        self._draining = False
        self._ready = Ready()
        self._tiers: dict[str, Component] = {}
        self._devices: list[Component] = []

    def drain(self) -> None:
        """No more traffic from now on."""
        self._draining = True

    def live(self) -> tuple[int, dict[str, Any]]:
        """``/healthz``: always 200 while the process answers."""
        return 200, combine(self._components())

    def ready(self) -> tuple[int, dict[str, Any]]:
        """``/readyz``."""
        self._ready, body = judge(self._ready, self._components(), policy=True, draining=self._draining)
        if self._console_answers is not None:
            # Told, and not counted: turns are read and people are told of cases without it.
            body["console"] = (Condition.ANSWERS if self._console_answers else Condition.AWAY).value
        return self._ready.code, body

    async def watch(self) -> None:
        """Asks the scorer how its tiers do, and whether the console is there, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Asks once."""
        if self._console is not None:
            self._console_answers = await self._console()
        try:
            report = await self._scorer.health(deadline=_ANSWER_SECONDS)
        except ScorerUnavailable:
            self._tiers = {name: _away(known) for name, known in self._tiers.items()}
            self._devices = []
            return
        self._queued("scorer", int(report.get("queued", 0)))
        self._tiers = {
            name: Component(
                name.partition("@")[0],
                Condition.ANSWERS if tier["answers"] else Condition.AWAY,
                tier=True,
                model=name,
            )
            for name, tier in report["tiers"].items()
        }
        self._devices = [_device(tier["device"]) for tier in report["tiers"].values() if tier.get("device") is not None]
        if self._devices:
            self._alerted(DEVICE_FALLBACK, any(part.condition is not Condition.ANSWERS for part in self._devices))

    def _components(self) -> list[Component]:
        scorer = Condition.ANSWERS if self._scorer.healthy else Condition.AWAY if self._ready.once else Condition.STARTING
        parts = [
            Component("scorer", scorer, tier=True, reason=None if self._scorer.healthy else "unreachable"),
            Component("records", Condition.AWAY if self._records.away else Condition.ANSWERS),
            *self._tiers.values(),
            *self._devices,
        ]
        if all(part.name == _LEXICON for part in self._tiers.values()):
            parts.append(Component("model", Condition.AWAY, reason="not-installed"))
        return parts


def _device(placement: Mapping[str, Any]) -> Component:
    """The device that was asked for: while the CPU stands in for it every turn is read in full, and slower."""
    well = placement["used"] == placement["wanted"]
    return Component("device", Condition.ANSWERS if well else Condition.LIMITED, reason=placement["reason"])


def _away(tier: Component) -> Component:
    return Component(tier.name, Condition.AWAY, tier=True, reason="unreachable", model=tier.model)
