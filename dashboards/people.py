"""People: whether somebody comes when somebody is needed."""

from __future__ import annotations

from typing import Final

from dashboards.panels import JOB, Board, Panel, Query, Row, Shape, now, since, total
from dashboards.recording import DEADLINE, WAITING

__all__ = ["PEOPLE"]

_RECENT: Final = "handrail_cases_recent"


def _recent(promise: str, by: str = "severity") -> str:
    return total(now(_RECENT, "severity, promise", f'promise=~"{promise}"'), by)


def _took(quantile: str) -> str:
    return now("handrail_case_acknowledge_seconds", "severity", f'quantile="{quantile}"') + " > 0"


PEOPLE: Final = Board(
    "handrail-people",
    "Handrail: people",
    "Whether somebody comes when somebody is needed: cases that wait, deadlines, messages, and what users say of replies.",
    (
        Row(
            "Now",
            (
                Panel(
                    "Waiting for a person",
                    "Cases that nobody has acknowledged.",
                    (Query(total(now("handrail_cases", "severity, state", 'state=~"open|notified"')), "waiting"),),
                    shape=Shape.NUMBER,
                    width=4,
                    decimals=0,
                ),
                Panel(
                    "Past a deadline",
                    "Cases that nobody acknowledged or acted on in time.",
                    (Query(total(now("handrail_cases_overdue", "severity, deadline")), "late"),),
                    shape=Shape.NUMBER,
                    width=4,
                    limit=1,
                    decimals=0,
                ),
                Panel(
                    "Nearest deadline, used",
                    "Share of the time to acknowledge that is over, of the case that is due first.",
                    (Query(f"max({DEADLINE}{{{JOB}}}) or vector(0)", "used"),),
                    unit="percentunit",
                    shape=Shape.NUMBER,
                    width=4,
                    limit=1,
                    decimals=0,
                ),
                Panel(
                    "Dead letters",
                    "Deliveries of the last 30 days that were given up and not sent again.",
                    (Query(now("handrail_dead_letters"), "dead"),),
                    shape=Shape.NUMBER,
                    width=4,
                    limit=1,
                    decimals=0,
                ),
                Panel(
                    "Channels in use",
                    "Enabled channels of all tenants.",
                    (Query(total(now("handrail_channels", "kind, state", 'state="enabled"')), "enabled"),),
                    shape=Shape.NUMBER,
                    width=4,
                    decimals=0,
                ),
                Panel(
                    "Feedback to look at",
                    "What users said of replies in the last 30 days that no reviewer has seen.",
                    (Query(total(now("handrail_feedback", "kind, state", 'state="waiting"')), "waiting"),),
                    shape=Shape.NUMBER,
                    width=4,
                    decimals=0,
                ),
            ),
        ),
        Row(
            "Cases",
            (
                Panel(
                    "Age of the unacknowledged case that is due first",
                    "How long it waits, by severity; it grows also while nobody counts.",
                    (Query(f"max by (severity) ({WAITING}{{{JOB}}})", "severity {{severity}}"),),
                    unit="s",
                    width=12,
                ),
                Panel(
                    "Share of the deadline used",
                    "Of the unacknowledged case that is due first, by severity; from 1 on its deadline is broken.",
                    (Query(f"max by (severity) ({DEADLINE}{{{JOB}}})", "severity {{severity}}"),),
                    unit="percentunit",
                    width=12,
                    limit=1,
                ),
                Panel(
                    "Time to acknowledge",
                    "From a case's last raise until somebody acknowledged, cases of the last 24 hours.",
                    (
                        Query(_took("0.5"), "median, {{severity}}"),
                        Query(_took("1"), "longest, {{severity}}"),
                    ),
                    unit="s",
                ),
                Panel(
                    "Acknowledged in time",
                    "Share of the last 24 hours' cases that were acknowledged by their deadline, by severity.",
                    (Query(f"{_recent('kept')} / ({_recent('kept|broken')} > 0)", "severity {{severity}}"),),
                    unit="percentunit",
                    top=1,
                ),
                Panel(
                    "Past a deadline, by severity",
                    "Cases that nobody acknowledged, or acted on, in time.",
                    (Query(now("handrail_cases_overdue", "severity, deadline"), "{{severity}}, {{deadline}}"),),
                    decimals=0,
                ),
            ),
        ),
        Row(
            "Messages",
            (
                Panel(
                    "Deliveries by state",
                    "What waits or is tried again, and what became of the last 24 hours': never just sent.",
                    (Query(now("handrail_deliveries", "state"), "{{state}}"),),
                    shape=Shape.STACK,
                    decimals=0,
                ),
                Panel(
                    "Oldest delivery that waits",
                    "How long ago its message was made; retries of a receiver that is away count.",
                    (Query(since(now("handrail_delivery_oldest_timestamp_seconds")), "oldest"),),
                    unit="s",
                ),
                Panel(
                    "Dead letters and disabled channels",
                    "Deliveries of the last 30 days that were given up, and channels that take nothing.",
                    (
                        Query(now("handrail_dead_letters"), "dead letters"),
                        Query(total(now("handrail_channels", "kind, state", 'state="disabled"')), "disabled channels"),
                    ),
                    decimals=0,
                ),
                Panel(
                    "Trouble with telling people",
                    "Open alerts: cases without a channel, late, refused and dead deliveries, disabled channels, deadlines.",
                    (Query(now("handrail_alerts_open", "kind", 'kind=~"escalation_.*"'), "{{kind}}"),),
                    shape=Shape.STACK,
                    width=12,
                    decimals=0,
                ),
                Panel(
                    "Feedback",
                    "What users said of replies in the last 30 days, by kind and whether a reviewer has seen it.",
                    (Query(now("handrail_feedback", "kind, state"), "{{kind}}, {{state}}"),),
                    shape=Shape.STACK,
                    width=12,
                    decimals=0,
                ),
            ),
        ),
    ),
)
