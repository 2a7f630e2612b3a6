"""The gauges of what is counted in the database. They tell instants, not ages: an age grows also while nobody counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from guard.telemetry.families import Maker

__all__ = [
    "CASE_STATES",
    "CHANNEL_KINDS",
    "DEADLINES",
    "DELIVERY_STATES",
    "PROCESSES",
    "PROMISES",
    "QUANTILES",
    "SEVERITIES",
    "Count",
]

CASE_STATES: Final = ("open", "notified", "acknowledged", "handed_off", "closed")
SEVERITIES: Final = range(5)
DEADLINES: Final = ("acknowledge", "act")
PROMISES: Final = ("kept", "broken", "waiting")
QUANTILES: Final = ("0.5", "0.9", "1")
DELIVERY_STATES: Final = ("waiting", "retrying", "delivered", "acknowledged", "unreachable")
CHANNEL_KINDS: Final = ("webhook", "email")
PROCESSES: Final = ("gateway", "scorer", "worker", "console")
FEEDBACK_STATES: Final = ("waiting", "reviewed")
_CLOSED: Final = "closed"


class Count:
    """Sets the gauges. Every child that can be is written each time: another process, gone by now, may have set what this
    one never saw."""

    def __init__(self, make: Maker) -> None:
        def gauge(name: str, meaning: str, labels: str = "", *, forget: bool = True) -> Gauges:
            return Gauges(make, name, meaning, labels, forget=forget)

        self._cases = gauge(
            "handrail_cases",
            "Cases by severity and state; closed are those of the last seven days",
            "severity state",
            forget=False,
        )
        self._since = gauge(
            "handrail_case_waiting_since_timestamp_seconds",
            "Since when the unacknowledged case that is due first waits; 0 where there is none",
            "severity",
        )
        self._by = gauge(
            "handrail_case_acknowledge_by_timestamp_seconds",
            "Until when the unacknowledged case that is due first is to be acknowledged; 0 where there is none",
            "severity",
        )
        self._overdue = gauge("handrail_cases_overdue", "Cases past a deadline now", "severity deadline")
        self._promises = gauge(
            "handrail_cases_recent",
            "Cases of the last 24 hours by whether somebody acknowledged in time",
            "severity promise",
        )
        self._times = gauge(
            "handrail_case_acknowledge_seconds",
            "From a case's last raise to its acknowledgement, cases of the last 24 hours",
            "severity quantile",
        )
        self._outbox = gauge("handrail_outbox_waiting", "Messages waiting to be delivered")
        self._outbox_since = gauge(
            "handrail_outbox_oldest_timestamp_seconds", "Since when the oldest message waits for the relay; 0: none does"
        )
        self._deliveries = gauge(
            "handrail_deliveries", "Deliveries by what became of them: those that wait, and the last 24 hours'", "state"
        )
        self._delivery_since = gauge(
            "handrail_delivery_oldest_timestamp_seconds",
            "Since when the oldest delivery that can succeed waits; 0: none does",
        )
        self._dead = gauge("handrail_dead_letters", "Deliveries of the last 30 days that were given up")
        self._channels = gauge("handrail_channels", "Channels by kind and state", "kind state")
        self._alerts = gauge("handrail_alerts_open", "Operational alerts that are open in the database", "kind")
        self._heartbeats = gauge(
            "handrail_heartbeat_timestamp_seconds", "The last sign of life of a kind of process; 0: never seen", "process"
        )
        self._feedback = gauge("handrail_feedback", "What users said of replies in the last 30 days", "kind state")
        self._processes = gauge("handrail_processes", "Processes of this machine's Handrail", "role")
        self._memory = gauge("handrail_process_memory_bytes", "Their memory, pages that are shared counted by share", "role")
        self._counted = gauge("handrail_counted_timestamp_seconds", "When the database was last counted")

    def cases(self, counts: Mapping[tuple[int, str], int]) -> None:
        """Cases by (severity, state) that are not closed. What is not in ``counts`` is zero."""
        every = {(severity, state): 0 for severity in SEVERITIES for state in CASE_STATES}
        self._cases.write({labels: number for labels, number in (every | dict(counts)).items() if labels[1] != _CLOSED})

    def closed(self, counts: Mapping[int, int]) -> None:
        """Closed cases by severity. Apart from the others, which the worker counts too."""
        self._cases.write({(severity, _CLOSED): counts.get(severity, 0) for severity in SEVERITIES})

    def waiting(self, spans: Mapping[int, tuple[float, float]]) -> None:
        """Of each severity's unacknowledged case that is due first: since when it waits and until when it may."""
        self._since.write({(severity,): spans.get(severity, (0.0, 0.0))[0] for severity in SEVERITIES})
        self._by.write({(severity,): spans.get(severity, (0.0, 0.0))[1] for severity in SEVERITIES})

    def overdue(self, counts: Mapping[tuple[int, str], int]) -> None:
        """Cases past a deadline by (severity, deadline)."""
        self._overdue.write({(severity, name): 0 for severity in SEVERITIES for name in DEADLINES} | dict(counts))

    def promises(self, counts: Mapping[tuple[int, str], int]) -> None:
        """Cases of the last day by (severity, promise)."""
        self._promises.write({(severity, name): 0 for severity in SEVERITIES for name in PROMISES} | dict(counts))

    def acknowledged_after(self, seconds: Mapping[tuple[int, str], float]) -> None:
        """Times to acknowledge by (severity, quantile)."""
        self._times.write({(severity, name): 0 for severity in SEVERITIES for name in QUANTILES} | dict(seconds))

    def outbox_waiting(self, waiting: int) -> None:
        """Messages that somebody is still to be told."""
        self._outbox.write({(): waiting})

    def outbox_since(self, at: float) -> None:
        """Since when the oldest one waits for the relay."""
        self._outbox_since.write({(): at})

    def deliveries(self, counts: Mapping[tuple[str], int], oldest: float, dead: int) -> None:
        """Deliveries by state, since when the oldest waits, and those that were given up."""
        self._deliveries.write({(state,): 0 for state in DELIVERY_STATES} | dict(counts))
        self._delivery_since.write({(): oldest})
        self._dead.write({(): dead})

    def channels(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Channels by (kind, state)."""
        self._channels.write(
            {(kind, state): 0 for kind in CHANNEL_KINDS for state in ("enabled", "disabled")} | dict(counts)
        )

    def alerts(self, counts: Mapping[tuple[str], int], kinds: Iterable[str]) -> None:
        """Open operational alerts by kind; ``kinds`` are those that are shown as zero."""
        self._alerts.write({(kind,): 0 for kind in kinds} | dict(counts))

    def heartbeats(self, seen: Mapping[tuple[str], float]) -> None:
        """Last signs of life by process."""
        self._heartbeats.write({(name,): 0.0 for name in ("worker", "worker.tasks", "console")} | dict(seen))

    def feedback(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Feedback by (kind, state)."""
        self._feedback.write({("harmful", state): 0 for state in FEEDBACK_STATES} | dict(counts))

    def processes(self, found: Mapping[str, tuple[int, int]]) -> None:
        """Of each role: how many processes there are and how many bytes they hold."""
        roles = dict.fromkeys(PROCESSES, (0, 0)) | dict(found)
        self._processes.write({(role,): number for role, (number, _) in roles.items()})
        self._memory.write({(role,): size for role, (_, size) in roles.items()})

    def counted(self, at: float) -> None:
        """The database was counted."""
        self._counted.write({(): at})


class Gauges:
    """One family. With ``forget`` all that was set before and is not true any more becomes zero."""

    __slots__ = ("_family", "_forget")

    def __init__(self, make: Maker, name: str, meaning: str, labels: str, *, forget: bool) -> None:
        self._family = make.gauge(name, meaning, "mostrecent", labels)
        self._forget = forget

    def write(self, now: Mapping[Any, float]) -> None:
        """Sets all of ``now``."""
        for labels in self._family.known() if self._forget else ():
            if labels not in now:
                self._family[labels].set(0)
        for labels, value in now.items():
            self._family[labels].set(value)
