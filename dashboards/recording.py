"""Prometheus recording rules: what alerts and dashboards share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = [
    "AGE",
    "AVAILABILITY",
    "DEADLINE",
    "DEGRADED",
    "RECORDING",
    "REFUSALS",
    "SCORING",
    "WAITING",
    "WINDOWS",
    "Objective",
    "Recording",
]

WINDOWS: Final = ("5m", "30m", "1h", "6h", "3d")
"""Of burn rates (Beyer et al., The Site Reliability Workbook, 2018, chapter 5: multiwindow, multi-burn-rate alerts)."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording rule."""

    record: str
    expr: str


@dataclass(frozen=True, slots=True)
class Objective:
    """A promise that may be broken for a share ``budget`` of a month. ``bad`` and ``all`` are rates with ``WINDOW`` in them;
    where nothing bad was ever counted, nothing bad happened."""

    name: str
    budget: float
    bad: str
    all: str

    def record(self, window: str) -> str:
        """The name of the error ratio over ``window``."""
        return f"job:handrail_{self.name}_errors:ratio_rate{window}"

    def ratio(self, window: str) -> str:
        """The error ratio; nothing where nothing was asked."""
        bad, whole = (expr.replace("WINDOW", window) for expr in (self.bad, self.all))
        return f"({bad} or 0 * {whole}) / ({whole} > 0)"


_SCORED_ROUTES: Final = 'route=~"/v1/(chat/completions|responses|messages|turns)"'

AVAILABILITY: Final = Objective(
    "availability",
    0.001,
    f'sum by (job) (rate(handrail_requests_total{{{_SCORED_ROUTES}, code=~"5.."}}[WINDOW]))',
    f"sum by (job) (rate(handrail_requests_total{{{_SCORED_ROUTES}}}[WINDOW]))",
)
"""Turns that were not answered with a server's error: 99.9 %."""

_UNANSWERED: Final = 'sum by (job) (rate(handrail_detector_failures_total{detector="scorer"}[WINDOW]))'
_ANSWERED: Final = 'sum by (job) (rate(handrail_stage_seconds_count{stage="score"}[WINDOW]))'

SCORING: Final = Objective("scoring", 0.005, _UNANSWERED, f"({_UNANSWERED} + {_ANSWERED})")
"""Calls that the scorer answered: 99.5 %. The lexicon in the gateway answers the others."""

WAITING: Final = "job:handrail_case_waiting:seconds"
DEADLINE: Final = "job:handrail_case_deadline:ratio"
AGE: Final = "job:handrail_heartbeat_age:seconds"
DEGRADED: Final = "job:handrail_turns_degraded:ratio_rate1h"
REFUSALS: Final = "job:handrail_refusals_answered:ratio_rate1h"

_SINCE: Final = "(max by (job, severity) (handrail_case_waiting_since_timestamp_seconds) > 0)"
_BY: Final = "(max by (job, severity) (handrail_case_acknowledge_by_timestamp_seconds) > 0)"
_TURNS: Final = "sum by (job) (rate(handrail_turns_total[1h]))"
_REFUSED: Final = 'sum by (job) (rate(handrail_refusals_total{disclosed="yes"}[1h]))'
_ANSWERED_REFUSALS: Final = 'sum by (job) (rate(handrail_refusals_total{disclosed="yes", outcome!="passed"}[1h]))'

RECORDING: Final = (
    Recording(WAITING, f"time() - {_SINCE}"),
    Recording(DEADLINE, f"(time() - {_SINCE}) / ({_BY} - {_SINCE})"),
    Recording(AGE, "time() - max by (job, process) (handrail_heartbeat_timestamp_seconds) > 0"),
    Recording(
        DEGRADED, f'(sum by (job) (rate(handrail_turns_total{{status!="full"}}[1h])) or 0 * {_TURNS}) / ({_TURNS} > 0)'
    ),
    Recording(REFUSALS, f"{_ANSWERED_REFUSALS} / ({_REFUSED} > 0)"),
    *(
        Recording(objective.record(window), objective.ratio(window))
        for objective in (AVAILABILITY, SCORING)
        for window in WINDOWS
    ),
)
