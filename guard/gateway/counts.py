"""What turns and the gateway count, under the metrics' names."""

from __future__ import annotations

from typing import Final

from guard.telemetry.metrics import Metrics
from policies.decision import Decision
from policies.policy import Policy

__all__ = ["Counts"]

_DEFAULT_CLASS: Final = "crisis"  # of a referral whose rule named none


class Counts:
    """Implements :class:`guard.gateway.meters.Meters` and :class:`guard.turns.room.Meters`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def expect(self, policy: Policy) -> None:
        """All that ``policy`` may count starts from zero."""
        effects = [rule.effects for rule in policy.rules]
        templates = {name for effect in effects for name in (effect.template, effect.append) if name is not None}
        classes = {name for effect in effects for name in effect.refer} | {_DEFAULT_CLASS}
        self._metrics.expect((rule.id for rule in policy.rules), sorted(templates), sorted(classes))

    def stage(self, name: str, seconds: float) -> None:
        """One stage of a turn took this long."""
        self._metrics.stage(name, seconds)

    def turn(self, action: str, status: str, protocol: str) -> None:
        """A turn was answered."""
        self._metrics.turn(action, status, protocol)

    def hold_back(self, seconds: float) -> None:
        """A passage waited this long for its verdict."""
        self._metrics.hold_back(seconds)

    def first_token(self, seconds: float) -> None:
        """The upstream's first token came after this long."""
        self._metrics.first_token(seconds)

    def added(self, until: str, seconds: float) -> None:
        """A client waited this much longer than the chatbot alone would have made it."""
        self._metrics.added(until, seconds)

    def bad_request(self, reason: str) -> None:
        """A request could not be read."""
        self._metrics.bad_request(reason)

    def upstream_failure(self, reason: str) -> None:
        """A call upstream failed."""
        self._metrics.upstream_failure(reason)

    def request(self, route: str, code: int) -> None:
        """A request was answered. ``route``: the route's pattern."""
        self._metrics.request(route, code)

    def decided(self, decision: Decision) -> None:
        """A decision was made."""
        self._metrics.decision(decision.severity)
        for rule in decision.rules:
            self._metrics.rule(rule.id, rule.outcome.value)

    def referred(self, classes: tuple[str, ...]) -> None:
        """Contact details were shown."""
        for name in classes:
            self._metrics.referral(name)

    def noticed(self, signals: tuple[str, ...]) -> None:
        """Signals of a turn that scored at least one half."""
        for name in signals:
            self._metrics.signal(name)

    def spoke(self, template: str) -> None:
        """Words of ours went out."""
        self._metrics.completion(template)

    def refused(self, outcome: str, *, disclosed: bool) -> None:
        """The chatbot refused, and what became of it."""
        self._metrics.refusal(outcome, disclosed=disclosed)
