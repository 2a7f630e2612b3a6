"""Every metric of the service, under the one name it has everywhere.

Base units, ``_total`` for counts, ``_seconds`` for times. A label never carries a user, a session or free text: a value that
does not look like one of our words becomes ``other``, and so does every value beyond a metric's bound.

Several processes share their numbers through files (``PROMETHEUS_MULTIPROC_DIR``, see :mod:`guard.telemetry.exposition`).
The client library looks at that variable when it is first imported, so a process has it in its environment from the start.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Generic, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from guard.errors import StartFailed
from guard.telemetry.exposition import VARIABLE, expose

__all__ = ["CASE_STATES", "DETECTOR_REASONS", "SEVERITIES", "Metrics", "ScorerMeter"]

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@+{}/-]{0,79}|/[A-Za-z0-9_.{}/-]{0,79}", re.ASCII)
_OTHER: Final = "other"
_MOST_CHILDREN: Final = 500  # of one metric; turns have 8 actions, 3 statuses and a handful of protocols
_STAGE_BUCKETS: Final = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
)  # fmt: skip
_HOLD_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.25, 2.5, 5, 10, 30, 60)
_FIRST_TOKEN_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 30, 60)

CASE_STATES: Final = ("open", "notified", "acknowledged", "handed_off", "closed")
SEVERITIES: Final = range(5)
DETECTOR_REASONS: Final = ("refused", "deadline", "closed", "overloaded")

_Kind = TypeVar("_Kind", Counter, Gauge, Histogram)


class _Family(Generic[_Kind]):
    """A metric with labels and its children, which are looked up once and kept."""

    __slots__ = ("_children", "_metric", "_width")

    def __init__(self, metric: _Kind, width: int) -> None:
        self._metric: _Kind = metric
        self._width = width
        self._children: dict[tuple[str | int, ...], _Kind] = {} if width else {(): metric}

    def __getitem__(self, labels: tuple[str | int, ...]) -> _Kind:
        child = self._children.get(labels)
        return self._make(labels) if child is None else child

    def known(self) -> list[tuple[str | int, ...]]:
        """The label values that were used."""
        return list(self._children)

    def _make(self, labels: tuple[str | int, ...]) -> _Kind:
        full = len(self._children) >= _MOST_CHILDREN
        words = (_OTHER,) * self._width if full else tuple(_word(label) for label in labels)
        if words != tuple(str(label) for label in labels):
            # What comes from outside is not kept under the value it came with: there is no end to those.
            labels = words
            if labels in self._children:
                return self._children[labels]
        child: _Kind = self._metric.labels(*words)
        self._children[labels] = child
        return child


def _word(label: str | int) -> str:
    text = str(label)
    return text if _WORD.fullmatch(text) else _OTHER


class Metrics:
    """The metrics of one process. Made once, at its start, and handed to whoever counts."""

    def __init__(self) -> None:
        shared = os.environ.get(VARIABLE)
        if (shared is not None) is not bool(values.ValueClass._multiprocess):
            raise StartFailed(
                f"{VARIABLE} was changed after the metrics library was loaded; set it before the process starts"
            )
        if shared is not None and not (shared and Path(shared).is_dir()):
            raise StartFailed(
                f"{VARIABLE} names {shared!r}, which is no folder; start through the supervisor or make it first"
            )
        self._directory = Path(shared) if shared else None
        self._registry = CollectorRegistry()
        self._turns = self._counter(
            "handrail_turns_total", "Turns by their strongest reply action", "action status protocol"
        )
        self._stages = self._histogram(
            "handrail_stage_seconds", "Time spent in each stage of a turn", _STAGE_BUCKETS, "stage"
        )
        self._hold_back = self._histogram(
            "handrail_hold_back_seconds", "From a passage's last token to its release", _HOLD_BUCKETS
        )[()]
        self._first_token = self._histogram(
            "handrail_upstream_first_token_seconds", "From the upstream call to its first token", _FIRST_TOKEN_BUCKETS
        )[()]
        self._detector_failures = self._counter(
            "handrail_detector_failures_total", "Detector calls that were not answered", "detector reason"
        )
        self._cases = self._gauge("handrail_cases", "Cases by severity and state", "mostrecent", "severity state")
        self._policy = self._gauge("handrail_policy_info", "The active policy", "livemax", "hash name")
        self._requests = self._counter("handrail_requests_total", "Requests by route and status code", "route code")
        self._upstream_failures = self._counter("handrail_upstream_failures_total", "Failed upstream calls", "reason")
        self._referrals = self._counter("handrail_referrals_total", "Referrals to crisis services", "class")
        self._rules = self._counter("handrail_rules_total", "Policy rules by what came of them", "rule outcome")
        self._journal = self._gauge("handrail_journal_bytes", "Bytes in the crash journal", "livesum")[()]
        self._outbox = self._gauge("handrail_outbox_waiting", "Messages waiting to be delivered", "mostrecent")[()]
        self._alerts = self._gauge(
            "handrail_operational_alerts", "1 while an operational alert is raised", "livemax", "kind"
        )
        self._decisions = self._counter("handrail_decisions_total", "Decisions by severity", "severity")
        self._bad_requests = self._counter("handrail_bad_requests_total", "Requests that could not be read", "reason")
        for severity in SEVERITIES:
            self._decisions[(severity,)]  # a rate needs a zero to start from
        for reason in DETECTOR_REASONS:
            self._detector_failures["scorer", reason]

    def turn(self, action: str, status: str, protocol: str) -> None:
        """A turn was finished."""
        self._turns[action, status, protocol].inc()

    def stage(self, stage: str, seconds: float) -> None:
        """A stage of a turn took ``seconds``."""
        self._stages[(stage,)].observe(seconds)

    def hold_back(self, seconds: float) -> None:
        """A passage was held for ``seconds`` after its last token."""
        self._hold_back.observe(seconds)

    def first_token(self, seconds: float) -> None:
        """The upstream's first token came after ``seconds``."""
        self._first_token.observe(seconds)

    def detector_failure(self, detector: str, reason: str) -> None:
        """A detector did not answer."""
        self._detector_failures[detector, reason].inc()

    def cases(self, counts: Mapping[tuple[int, str], int]) -> None:
        """How many cases there are by (severity, state), from the database. What is not in ``counts`` is zero."""
        # All that there can be is written each time: another process, gone by now, may have set what this one never saw.
        now: dict[tuple[str | int, ...], int] = {(sev, state): 0 for sev in SEVERITIES for state in CASE_STATES}
        now.update(counts.items())
        for labels, count in now.items():
            self._cases[labels].set(count)

    def policy(self, digest: str, name: str) -> None:
        """The policy that this process decides by from now on."""
        for known in self._policy.known():
            self._policy[known].set(0)
        self._policy[digest, name].set(1)

    def request(self, route: str, code: int) -> None:
        """A request was answered. ``route`` is the route's pattern, never the path that was asked for."""
        self._requests[route, code].inc()

    def upstream_failure(self, reason: str) -> None:
        """An upstream call failed."""
        self._upstream_failures[(reason,)].inc()

    def referral(self, risk: str) -> None:
        """Somebody was referred; ``risk`` is the class of risk."""
        self._referrals[(risk,)].inc()

    def rule(self, rule: str, outcome: str) -> None:
        """A rule fired, was suppressed or lacked a signal."""
        self._rules[rule, outcome].inc()

    def journal_bytes(self, size: int) -> None:
        """How much this process's crash journal holds."""
        self._journal.set(size)

    def outbox_waiting(self, waiting: int) -> None:
        """How many messages wait in the outbox, from the database."""
        self._outbox.set(waiting)

    def alert(self, kind: str, raised: bool) -> None:
        """An operational alert is raised, or over, as far as this process sees."""
        self._alerts[(kind,)].set(1 if raised else 0)

    def decision(self, severity: int) -> None:
        """A decision was made."""
        self._decisions[(severity,)].inc()

    def bad_request(self, reason: str) -> None:
        """A request could not be read."""
        self._bad_requests[(reason,)].inc()

    def render(self) -> tuple[bytes, str]:
        """All metrics in Prometheus's text format, of every process where several run, and the content type."""
        return expose(self._registry, self._directory)

    def scorer(self) -> ScorerMeter:
        """What the scorer's client counts with: its calls are the stage ``score``."""
        return ScorerMeter(self)

    def _counter(self, name: str, meaning: str, labels: str) -> _Family[Counter]:
        return _Family(Counter(name, meaning, labels.split(), registry=self._registry), len(labels.split()))

    def _histogram(self, name: str, meaning: str, buckets: Sequence[float], labels: str = "") -> _Family[Histogram]:
        histogram = Histogram(name, meaning, labels.split(), buckets=buckets, registry=self._registry)
        return _Family(histogram, len(labels.split()))

    def _gauge(
        self, name: str, meaning: str, mode: Literal["livemax", "livesum", "mostrecent"], labels: str = ""
    ) -> _Family[Gauge]:
        gauge = Gauge(name, meaning, labels.split(), multiprocess_mode=mode, registry=self._registry)
        return _Family(gauge, len(labels.split()))


class ScorerMeter:
    """The scorer's client's counts (:class:`detectors.scorer.client.Meter`) among the metrics of the process."""

    __slots__ = ("_metrics",)

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def answered(self, seconds: float, items: int, memoised: int) -> None:
        """A call was answered."""
        self._metrics.stage("score", seconds)

    def failed(self, reason: str) -> None:
        """A call was not answered."""
        self._metrics.detector_failure("scorer", reason)
