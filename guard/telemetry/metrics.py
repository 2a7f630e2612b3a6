"""Every metric of the service, under the one name it has everywhere.

Base units, ``_total`` for counts, ``_seconds`` for times. A label never carries a user, a session or free text: a value that
does not look like one of our words becomes ``other``, and so does every value beyond a metric's bound.

Several processes share their numbers through files (``PROMETHEUS_MULTIPROC_DIR``, see :mod:`guard.telemetry.exposition`).
The client library looks at that variable when it is first imported, so a process has it in its environment from the start.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, values

from detectors.signals import SIGNALS, Kind, Side
from guard.errors import StartFailed
from guard.telemetry.count import CASE_STATES, SEVERITIES, Count
from guard.telemetry.exposition import VARIABLE, expose
from guard.telemetry.families import Maker

__all__ = [
    "CASE_STATES",
    "COUNTED",
    "DETECTOR_REASONS",
    "LAGS",
    "OPINION_AGREEMENTS",
    "OPINION_OUTCOMES",
    "REFUSAL_OUTCOMES",
    "SEVERITIES",
    "Metrics",
    "ScorerMeter",
]

_STAGE_BUCKETS: Final = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
)  # fmt: skip
_HOLD_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.25, 2.5, 5, 10, 30, 60)
_OPINION_BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32)
_FIRST_TOKEN_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 30, 60)

DETECTOR_REASONS: Final = ("refused", "deadline", "closed", "overloaded")
LAGS: Final = ("first", "last")
SCORED_ROUTES: Final = ("/v1/chat/completions", "/v1/turns")
CODES: Final = (200, 400, 401, 404, 499, 500, 502, 503, 504)
ACTIONS: Final = ("allow", "observe", "guide", "append", "revise", "trim", "complete", "pause")
UPSTREAM_REASONS: Final = (
    "event_too_long", "held_too_long", "internal_error", "redaction_unavailable", "status", "unreachable",
    "upstream_content_type", "upstream_cut", "upstream_encoding", "upstream_error", "upstream_not_json",
    "upstream_redirect", "upstream_shape", "upstream_stalled", "upstream_timeout", "upstream_too_large",
    "upstream_unreachable",
)  # fmt: skip
BAD_REQUEST_REASONS: Final = (
    "bad_http", "bad_json", "body_too_large", "body_too_slow", "content_encoding", "duplicate_key", "head_too_large",
    "head_too_slow", "invalid_api_key", "invalid_value", "missing_api_key", "too_deep", "too_long", "too_many_parts",
    "unknown_field", "unknown_path", "unknown_turn", "unredactable", "wrong_method",
)  # fmt: skip
REFUSAL_OUTCOMES: Final = ("completed", "added_to", "passed")
OPINION_OUTCOMES: Final = ("answered", "refused", "failed", "away", "no_text")
OPINION_AGREEMENTS: Final = ("both", "scored_only", "second_only", "neither", "unsure")

COUNTED: Final = frozenset(
    signal.name
    for signal in SIGNALS.values()
    if signal.side in (Side.USER, Side.REPLY)
    and signal.kind is Kind.PROBABILITY
    and not signal.name.startswith(("context.stated.", "screen."))
)
"""Signals whose turns are counted. What people state of themselves is never put into a metric, and what is meant for a
reviewer's eyes alone is not either."""


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
        make = Maker(self._registry)
        self._turns = make.counter("handrail_turns_total", "Turns by their strongest reply action", "action status protocol")
        self._stages = make.histogram(
            "handrail_stage_seconds", "Time spent in each stage of a turn", _STAGE_BUCKETS, "stage"
        )
        self._hold_back = make.histogram(
            "handrail_hold_back_seconds", "From a passage's last token to its release", _HOLD_BUCKETS
        )[()]
        self._first_token = make.histogram(
            "handrail_upstream_first_token_seconds", "From the upstream call to its first token", _FIRST_TOKEN_BUCKETS
        )[()]
        self._detector_failures = make.counter(
            "handrail_detector_failures_total", "Detector calls that were not answered", "detector reason"
        )
        self._policy = make.gauge("handrail_policy_info", "The active policy", "livemax", "hash name")
        self._requests = make.counter("handrail_requests_total", "Requests by route and status code", "route code")
        self._upstream_failures = make.counter("handrail_upstream_failures_total", "Failed upstream calls", "reason")
        self._referrals = make.counter("handrail_referrals_total", "Referrals to crisis services", "class")
        self._rules = make.counter("handrail_rules_total", "Policy rules by what came of them", "rule outcome")
        self._journal = make.gauge("handrail_journal_bytes", "Bytes in the crash journal", "livesum")[()]
        self._journal_limit = make.gauge("handrail_journal_limit_bytes", "Most that journals may hold", "livesum")[()]
        self._alerts = make.gauge("handrail_operational_alerts", "1 while an operational alert is raised", "livemax", "kind")
        self._decisions = make.counter("handrail_decisions_total", "Decisions by severity", "severity")
        self._bad_requests = make.counter("handrail_bad_requests_total", "Requests that could not be read", "reason")
        self._added = make.histogram(
            "handrail_added_seconds",
            "How much longer than the chatbot alone a client waited, to its reply's first and last bytes",
            _STAGE_BUCKETS,
            "until",
        )
        self._signals = make.counter("handrail_signals_total", "Turns in which a signal scored at least one half", "signal")
        self._completions = make.counter(
            "handrail_completions_total", "Words of Handrail's own in replies, by template", "template"
        )
        self._refusals = make.counter(
            "handrail_refusals_total",
            "Replies in which the chatbot refused, by what became of them and whether something had been disclosed",
            "outcome disclosed",
        )
        self._opinions = make.counter("handrail_opinions_total", "Second opinions by what came of the question", "outcome")
        self._opinion_seconds = make.histogram(
            "handrail_opinion_seconds", "How long the endpoint of second opinions took to answer", _OPINION_BUCKETS
        )[()]
        self._compared = make.counter(
            "handrail_opinion_signals_total",
            "Signals whose scores were set beside a second opinion, by which of both say that they are there",
            "signal agreement",
        )
        self._queues = make.gauge("handrail_queue_depth", "What waits in a queue", "mostrecent", "queue")
        self.count = Count(make)
        """What is counted in the database, by one process of each machine."""
        self._start_from_zero()

    def _start_from_zero(self) -> None:
        """A rate is taken of what rises: what shows for the first time with its first event shows none."""
        for severity in SEVERITIES:
            self._decisions[(severity,)]
        self._stages[("score",)]
        for reason in DETECTOR_REASONS:
            self._detector_failures["scorer", reason]
            self._detector_failures["entities", reason]
        for reason in UPSTREAM_REASONS:
            self._upstream_failures[(reason,)]
        for reason in BAD_REQUEST_REASONS:
            self._bad_requests[(reason,)]
        for route, code in product(SCORED_ROUTES, CODES):
            self._requests[route, code]
        for action, status in product(ACTIONS, ("full", "degraded")):
            self._turns[action, status, "chat.completions"]
        for name in COUNTED:
            self._signals[(name,)]
        for outcome, disclosed in product(REFUSAL_OUTCOMES, ("yes", "no")):
            self._refusals[outcome, disclosed]
        for lag in LAGS:
            self._added[(lag,)]
        for outcome in OPINION_OUTCOMES:
            self._opinions[(outcome,)]

    def expect(self, rules: Iterable[str], templates: Iterable[str], classes: Iterable[str]) -> None:
        """What the policy in force may count: its rules, templates and classes of referral start from zero."""
        for rule in rules:
            self._rules[rule, "fired"]
        for template in templates:
            self._completions[(template,)]
        for risk in classes:
            self._referrals[(risk,)]

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

    def added(self, until: str, seconds: float) -> None:
        """A client waited ``seconds`` longer than the chatbot alone makes it wait, ``until`` the first or last bytes."""
        self._added[(until,)].observe(seconds)

    def signal(self, name: str) -> None:
        """A turn's signal was one half or more. What is not in :data:`COUNTED` is not counted."""
        if name in COUNTED:
            self._signals[(name,)].inc()

    def completion(self, template: str) -> None:
        """Words of ours stand in a reply."""
        self._completions[(template,)].inc()

    def refusal(self, outcome: str, *, disclosed: bool) -> None:
        """The chatbot refused; ``outcome`` is one of :data:`REFUSAL_OUTCOMES`."""
        self._refusals[outcome, "yes" if disclosed else "no"].inc()

    def opinion(self, outcome: str, seconds: float | None) -> None:
        """A question for a second opinion ended; ``outcome`` is one of :data:`OPINION_OUTCOMES`, ``seconds`` what the
        endpoint took, ``None`` where it was not asked."""
        self._opinions[(outcome,)].inc()
        if seconds is not None:
            self._opinion_seconds.observe(seconds)

    def comparable(self, signals: Iterable[str]) -> None:
        """What :meth:`compared` may count starts from zero."""
        for signal, agreement in product(COUNTED.intersection(signals), OPINION_AGREEMENTS):
            self._compared[signal, agreement]

    def compared(self, signal: str, agreement: str) -> None:
        """A signal's score was set beside a second opinion; ``agreement`` is one of :data:`OPINION_AGREEMENTS`. What is not
        in :data:`COUNTED` is not counted."""
        if signal in COUNTED:
            self._compared[signal, agreement].inc()

    def queue(self, name: str, depth: int) -> None:
        """How much waits in a queue."""
        self._queues[(name,)].set(depth)

    def cases(self, counts: Mapping[tuple[int, str], int]) -> None:
        """See :meth:`guard.telemetry.count.Count.cases`."""
        self.count.cases(counts)

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

    def journal_limit(self, size: int) -> None:
        """How much this process's crash journal may hold."""
        self._journal_limit.set(size)

    def outbox_waiting(self, waiting: int) -> None:
        """See :meth:`guard.telemetry.count.Count.outbox_waiting`."""
        self.count.outbox_waiting(waiting)

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
