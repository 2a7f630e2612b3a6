"""Prometheus alert rules. Each has a section of its own in docs/runbooks.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dashboards.recording import AGE, AVAILABILITY, DEADLINE, SCORING, Objective

__all__ = ["ALERTS", "RUNBOOKS", "Alert", "Group"]

RUNBOOKS: Final = "docs/runbooks.md"
PAGE: Final = "page"
TICKET: Final = "ticket"


@dataclass(frozen=True, slots=True)
class Alert:
    """``urgency``: page wakes somebody, a ticket waits for the morning. It is not called severity: that is a case's.
    ``hold``: how long it must be true, ``""`` for not at all."""

    name: str
    expr: str
    urgency: str
    summary: str
    description: str
    hold: str = ""

    @property
    def runbook(self) -> str:
        """Where to read what to do, relative to the repository."""
        return f"{RUNBOOKS}#{self.name.lower()}"


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that are evaluated together."""

    name: str
    alerts: tuple[Alert, ...]


def _open(kinds: str) -> str:
    return f'max by (job, kind) (handrail_alerts_open{{kind=~"{kinds}"}}) > 0'


def _seen(kinds: str) -> str:
    """As the processes see it themselves: the database may be what is away."""
    return f'max by (job, kind) (handrail_operational_alerts{{kind=~"{kinds}"}}) > 0'


_UNSEARCHED: Final = 'sum by (job) (rate(handrail_detector_failures_total{detector="entities"}[30m]))'
_REDACTED: Final = 'sum by (job) (rate(handrail_stage_seconds_count{stage="redact"}[30m]))'


def _burn(objective: Objective, factor: float, long: str, short: str) -> str:
    allowed = f"{factor:g} * {objective.budget:g}"
    return f"{objective.record(long)} > {allowed} and {objective.record(short)} > {allowed}"


def _burns(name: str, objective: Objective, what: str) -> tuple[Alert, Alert]:
    fast = f"({_burn(objective, 14.4, '1h', '5m')}) or ({_burn(objective, 6, '6h', '30m')})"
    return (
        Alert(
            f"Handrail{name}BudgetBurnsFast",
            fast,
            PAGE,
            f"{what} fail so often that a month's allowance is gone within days.",
            "The share of failures is {{ $value | humanizePercentage }}; "
            f"{objective.budget * 100:g} % is what a month allows.",
            "2m",
        ),
        Alert(
            f"Handrail{name}BudgetBurnsSlowly",
            _burn(objective, 1, "3d", "6h"),
            TICKET,
            f"{what} fail a little more often than a month allows.",
            "The share of failures over three days is {{ $value | humanizePercentage }}; "
            f"{objective.budget * 100:g} % is what a month allows.",
            "1h",
        ),
    )


ALERTS: Final = (
    Group(
        "handrail.people",
        (
            Alert(
                "HandrailCaseNearDeadline",
                f'{DEADLINE}{{severity=~"[34]"}} > 0.5 <= 1',
                PAGE,
                "A case of severity {{ $labels.severity }} waits and half of its time to acknowledge is over.",
                "{{ $value | humanizePercentage }} of the time is over. Nobody has acknowledged it.",
            ),
            Alert(
                "HandrailCaseOverdue",
                f'{DEADLINE}{{severity=~"[34]"}} > 1',
                PAGE,
                "A case of severity {{ $labels.severity }} was not acknowledged by its deadline.",
                "It has waited {{ $value | humanizePercentage }} of the time that was promised.",
            ),
            Alert(
                "HandrailReviewOverdue",
                f'{DEADLINE}{{severity=~"[012]"}} > 1',
                TICKET,
                "A case of severity {{ $labels.severity }} was not reviewed by its deadline.",
                "It has waited {{ $value | humanizePercentage }} of the time that was promised.",
                "5m",
            ),
            Alert(
                "HandrailCaseNotActedOn",
                'max by (job, severity) (handrail_cases_overdue{deadline="act", severity=~"[34]"}) > 0',
                PAGE,
                "{{ $value }} cases of severity {{ $labels.severity }} were not acted on in time.",
                "They may have been acknowledged; nobody closed them by the second deadline.",
            ),
            Alert(
                "HandrailCaseUnheard",
                _open("escalation_case_(unheard|unreachable)"),
                PAGE,
                "Nobody is told of a case of severity 3 or more: {{ $labels.kind }}.",
                "None of the tenant's enabled channels takes this message, or every one of them gave it up.",
            ),
            Alert(
                "HandrailDeliveryLate",
                _open("escalation_delivery_late"),
                PAGE,
                "A message of severity 3 or more waits for its third attempt or longer.",
                "A receiver does not take it; the next rung and the other channels are tried meanwhile.",
                "30s",
            ),
            Alert(
                "HandrailChannelRefuses",
                _open("escalation_(channel_disabled|delivery_refused|delivery_dead)"),
                PAGE,
                "A channel takes nothing more: {{ $labels.kind }}.",
                "A receiver answered 410, its address or secret cannot be used, or its retries are used up.",
            ),
            Alert(
                "HandrailDeadLetters",
                "max by (job) (handrail_dead_letters) > 0",
                TICKET,
                "{{ $value }} messages were given up.",
                "Nobody was told by these deliveries; they can be sent again.",
                "1m",
            ),
            Alert(
                "HandrailOutboxStuck",
                "time() - (max by (job) (handrail_outbox_oldest_timestamp_seconds) > 0) > 60",
                PAGE,
                "A message has waited for {{ $value | humanizeDuration }} to be relayed.",
                "No worker relays: nobody hears of new cases.",
                "30s",
            ),
            Alert(
                "HandrailFeedbackWaits",
                'max by (job) (handrail_feedback{kind="harmful", state="waiting"}) > 0',
                TICKET,
                "{{ $value }} reports that a reply felt harmful wait for a reviewer.",
                "Somebody of the chatbot's users took the trouble to say so.",
                "1d",
            ),
        ),
    ),
    Group(
        "handrail.detectors",
        (
            Alert(
                "HandrailDetectorBlind",
                f'{SCORING.record("5m")} > 0.5 or max by (job) (handrail_alerts_open{{kind="detectors_unavailable"}}) > 0',
                PAGE,
                "The scorer does not answer; only words of the lexicon are noticed.",
                "Turns go on, held more strictly, and are recorded as degraded.",
                "1m",
            ),
            *_burns("Scoring", SCORING, "Calls to the scorer"),
            Alert(
                "HandrailSearchesFail",
                f"{_UNSEARCHED} / ({_UNSEARCHED} + ({_REDACTED} or 0 * {_UNSEARCHED})) > 0.05",
                TICKET,
                "The search for names and other personal data does not answer in time.",
                "What has no form goes to the chatbot unreplaced, or, where a tenant's redaction is strict, nothing goes.",
                "5m",
            ),
            Alert(
                "HandrailDeviceAway",
                _seen("device_fallback"),
                TICKET,
                "The CPU stands in for the card or model server that should score.",
                "Every turn is still read by the model, more slowly; under load calls to the scorer may come too late.",
                "5m",
            ),
        ),
    ),
    Group(
        "handrail.records",
        (
            Alert(
                "HandrailDecisionLogFails",
                f"{_open('journal_full|records_refused')} or {_seen('journal_full|records_refused')}",
                PAGE,
                "Decisions are not recorded: {{ $labels.kind }}.",
                "Turns are neither in PostgreSQL nor in the journal, or an entry of the journal cannot be stored.",
            ),
            Alert(
                "HandrailJournalInUse",
                "sum by (job) (handrail_journal_bytes) > 0",
                PAGE,
                "{{ $value | humanize1024 }}B of turns wait in the journal for PostgreSQL.",
                "Turns are safe on this disk alone, and nobody is told of their cases until PostgreSQL takes them.",
                "1m",
            ),
            Alert(
                "HandrailJournalFills",
                "sum by (job) (handrail_journal_bytes) / sum by (job) (handrail_journal_limit_bytes) > 0.5",
                PAGE,
                "The journal is {{ $value | humanizePercentage }} full.",
                "When it is full, decisions are lost.",
            ),
            Alert(
                "HandrailRecordsAway",
                _seen("records_unavailable"),
                PAGE,
                "PostgreSQL does not answer.",
                "Turns of severity 3 and more go to the journal; no case reaches anybody.",
                "30s",
            ),
            Alert(
                "HandrailNotCounted",
                "time() - max by (job) (handrail_counted_timestamp_seconds) > 60",
                PAGE,
                "The database has not been counted for {{ $value | humanizeDuration }}.",
                "What is shown of cases, messages and processes is that old. New cases are not seen by these alerts.",
                "1m",
            ),
        ),
    ),
    Group(
        "handrail.service",
        (
            Alert(
                "HandrailGatewayAway",
                "absent(handrail_counted_timestamp_seconds)",
                PAGE,
                "No gateway answers Prometheus.",
                "Either none runs, or Prometheus cannot reach it. Nothing else is known while this lasts.",
                "1m",
            ),
            *_burns("Availability", AVAILABILITY, "Requests"),
            Alert(
                "HandrailWorkerAway",
                f'{AGE}{{process=~"worker|worker.tasks"}} > 60',
                PAGE,
                "{{ $labels.process }} was last heard of {{ $value | humanizeDuration }} ago.",
                "Without the worker no message of a case goes out.",
                "30s",
            ),
            Alert(
                "HandrailConsoleAway",
                f'{AGE}{{process="console"}} > 60 < 1e8',
                PAGE,
                "The console was last heard of {{ $value | humanizeDuration }} ago.",
                "Nobody can acknowledge a case or read one.",
                "30s",
            ),
            Alert(
                "HandrailProcessDied",
                _open("process_died:.*"),
                TICKET,
                "A process died and was started again: {{ $labels.kind }}.",
                "The alert ends when it has run for a minute; one that comes back tells of a crash loop.",
            ),
            Alert(
                "HandrailPolicySplit",
                "count by (job) (count by (job, hash) (handrail_policy_info)) > 1",
                TICKET,
                "{{ $value }} policies decide at once.",
                "Gateways of one installation decide by different policies for longer than a roll-over takes.",
                "5m",
            ),
        ),
    ),
)
