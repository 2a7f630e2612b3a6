"""Every alert by promtool: it fires when it must, and is quiet when it must not. Time begins at zero there."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dashboards.alerts import ALERTS
from tests.acceptance.observed import RULES, tool

J = 'job="handrail"'
SINCE = "handrail_case_waiting_since_timestamp_seconds"
BY = "handrail_case_acknowledge_by_timestamp_seconds"
CHAT = f'handrail_requests_total{{{J}, route="/v1/chat/completions", code="%s"}}'
FAILED = f'handrail_detector_failures_total{{{J}, detector="scorer", reason="deadline"}}'
UNSEARCHED = f'handrail_detector_failures_total{{{J}, detector="entities", reason="deadline"}}'
SEARCHED = f'handrail_stage_seconds_count{{{J}, stage="redact"}}'
SCORED = f'handrail_stage_seconds_count{{{J}, stage="score"}}'


@dataclass(frozen=True)
class Trial:
    """``series`` in promtool's notation, a value every ``interval``. ``quiet``: when it must not fire. ``fires``: when it
    must, and with which labels beside the job."""

    alert: str
    why: str
    series: Mapping[str, str]
    quiet: tuple[str, ...] = ()
    fires: Mapping[str, tuple[Mapping[str, str], ...]] = field(default_factory=dict)
    interval: str = "30s"


def opened(kind: str) -> str:
    return f'handrail_alerts_open{{{J}, instance="a", kind="{kind}"}}'


def waits(severity: int, since: int = 60, until: int = 960) -> dict[str, str]:
    """A case that waits from one instant to another, seen for an hour."""
    return {
        f'{SINCE}{{{J}, instance="a", severity="{severity}"}}': f"{since}x120",
        f'{BY}{{{J}, instance="a", severity="{severity}"}}': f"{until}x120",
    }


NOBODY = {f'{SINCE}{{{J}, severity="4"}}': "0x120", f'{BY}{{{J}, severity="4"}}': "0x120"}
ONE: tuple[Mapping[str, str], ...] = ({},)


def of(**labels: str) -> tuple[Mapping[str, str], ...]:
    return (labels,)


TRIALS = [
    Trial("HandrailCaseNearDeadline", "from half of the time on, until the deadline", waits(3), ("8m", "17m"), {
        "9m": of(severity="3"),
    }),
    Trial("HandrailCaseNearDeadline", "a review within a day wakes nobody", waits(2), ("9m",)),
    Trial("HandrailCaseOverdue", "from the deadline on", waits(3), ("15m",), {"17m": of(severity="3")}),
    Trial("HandrailCaseOverdue", "two machines count the same case once", waits(4) | {
        f'{SINCE}{{{J}, instance="b", severity="4"}}': "60x120",
        f'{BY}{{{J}, instance="b", severity="4"}}': "960x120",
    }, ("15m",), {"17m": of(severity="4")}),
    Trial("HandrailCaseOverdue", "nobody waits", NOBODY, ("1m", "50m")),
    Trial("HandrailCaseOverdue", "it ends when somebody acknowledges", {
        f'{SINCE}{{{J}, severity="4"}}': "60x20 0x100", f'{BY}{{{J}, severity="4"}}': "360x20 0x100",
    }, ("5m", "12m"), {"8m": of(severity="4")}),
    Trial("HandrailReviewOverdue", "five minutes after the deadline", waits(2), ("16m", "20m"), {"22m": of(severity="2")}),
    Trial("HandrailReviewOverdue", "severity 3 has an alert of its own", waits(3), ("30m",)),
    Trial("HandrailCaseNotActedOn", "an act deadline is broken", {
        f'handrail_cases_overdue{{{J}, severity="3", deadline="act"}}': "0x4 1x10",
        f'handrail_cases_overdue{{{J}, severity="4", deadline="acknowledge"}}': "1x14",
        f'handrail_cases_overdue{{{J}, severity="2", deadline="act"}}': "1x14",
    }, ("2m",), {"4m": of(severity="3")}),
    Trial("HandrailCaseUnheard", "no channel", {opened("escalation_case_unheard"): "0x4 1x10"}, ("2m",), {
        "4m": of(kind="escalation_case_unheard"),
    }),
    Trial("HandrailCaseUnheard", "every channel gave it up", {opened("escalation_case_unreachable"): "1x10"}, (), {
        "1m": of(kind="escalation_case_unreachable"),
    }),
    Trial("HandrailCaseUnheard", "other troubles are others' alerts", {opened("escalation_case_overdue"): "1x10"}, ("4m",)),
    Trial("HandrailDeliveryLate", "for half a minute", {opened("escalation_delivery_late"): "0x4 1x10"}, ("150s",), {
        "4m": of(kind="escalation_delivery_late"),
    }),
    Trial("HandrailDeliveryLate", "a moment is nothing", {opened("escalation_delivery_late"): "0 1 0x20"}, ("30s", "5m")),
    Trial("HandrailChannelRefuses", "at once", {
        opened("escalation_channel_disabled"): "0x4 1x10", opened("escalation_delivery_refused"): "0x20",
    }, ("2m",), {"3m": of(kind="escalation_channel_disabled")}),
    Trial("HandrailChannelRefuses", "late is not refused", {opened("escalation_delivery_late"): "1x10"}, ("4m",)),
    Trial("HandrailDeadLetters", "after a minute", {f"handrail_dead_letters{{{J}}}": "0x4 2x10"}, ("2m", "3m"), {"4m": ONE}),
    Trial("HandrailDeadLetters", "none", {f"handrail_dead_letters{{{J}}}": "0x20"}, ("9m",)),
    Trial("HandrailOutboxStuck", "a message waits since 60", {
        f"handrail_outbox_oldest_timestamp_seconds{{{J}}}": "0 0 60x20",
    }, ("1m", "2m", "150s"), {"3m": ONE}),
    Trial("HandrailOutboxStuck", "messages that go out are none that wait", {
        f"handrail_outbox_oldest_timestamp_seconds{{{J}}}": "0x60",
    }, ("10m",)),
    Trial("HandrailFeedbackWaits", "for a day", {
        f'handrail_feedback{{{J}, kind="harmful", state="waiting"}}': "0x6 1x200",
    }, ("1h", "24h"), {"26h": ONE}, "10m"),
    Trial("HandrailFeedbackWaits", "what was seen waits no more, praise wakes nobody", {
        f'handrail_feedback{{{J}, kind="harmful", state="reviewed"}}': "5x200",
        f'handrail_feedback{{{J}, kind="harmful", state="waiting"}}': "1x100 0x100",
        f'handrail_feedback{{{J}, kind="helpful", state="waiting"}}': "5x200",
    }, ("26h", "30h"), {}, "10m"),
    Trial("HandrailDetectorBlind", "most calls fail", {FAILED: "0x20 0+60x40", SCORED: "0+60x20 1200x40"}, ("10m", "13m"), {
        "16m": ONE,
    }),
    Trial("HandrailDetectorBlind", "Handrail says so itself", {
        opened("detectors_unavailable"): "0x4 1x10", FAILED: "0x20", SCORED: "0+60x20",
    }, ("2m", "3m"), {"4m": ONE}),
    Trial("HandrailDetectorBlind", "a failure in ten is another alert", {FAILED: "0+6x60", SCORED: "0+54x60"}, ("20m",)),
    Trial("HandrailDetectorBlind", "silence at night is no outage", {FAILED: "0x60", SCORED: "100x60"}, ("20m",)),
    Trial("HandrailDetectorBlind", "searches for names are no scores", {
        UNSEARCHED: "0+600x60", FAILED: "0x60", SCORED: "0+60x60",
    }, ("10m", "20m")),
    Trial("HandrailScoringBudgetBurnsFast", "searches for names are no scores", {
        UNSEARCHED: "0+30x300", FAILED: "0x300", SCORED: "0+60x300",
    }, ("70m",)),
    Trial("HandrailSearchesFail", "one in ten comes too late", {UNSEARCHED: "0+6x60", SEARCHED: "0+60x60"}, ("2m",), {
        "20m": ONE,
    }),
    Trial("HandrailSearchesFail", "nothing is sent: no stage was ever counted", {UNSEARCHED: "0+6x60"}, (), {"20m": ONE}),
    Trial("HandrailSearchesFail", "one in a hundred", {
        UNSEARCHED: "0+1x60", SEARCHED: "0+100x60",
    }, ("20m",)),
    Trial("HandrailSearchesFail", "scores are no searches", {
        FAILED: "0+60x60", UNSEARCHED: "0x60", SEARCHED: "0+60x60",
    }, ("20m",)),
    Trial("HandrailScoringBudgetBurnsFast", "a tenth fails for an hour", {FAILED: "0+6x300", SCORED: "0+54x300"}, (), {
        "70m": ONE,
    }),
    Trial("HandrailScoringBudgetBurnsFast", "it is over: the short window is calm", {
        FAILED: "0+60x20 1200x300", SCORED: "0+60x320",
    }, ("40m",)),
    Trial("HandrailScoringBudgetBurnsFast", "two in a hundred at four times the budget", {
        FAILED: "0+2x200", SCORED: "0+98x200",
    }, ("90m",)),
    Trial("HandrailScoringBudgetBurnsSlowly", "one in a hundred for days", {
        FAILED: "0+10x500", SCORED: "0+990x500",
    }, ("30m",), {"70h": ONE}, "10m"),
    Trial("HandrailScoringBudgetBurnsSlowly", "one in a thousand is allowed", {
        FAILED: "0+1x500", SCORED: "0+999x500",
    }, ("70h",), {}, "10m"),
    Trial("HandrailDeviceAway", "the CPU stands in for five minutes", {
        f'handrail_operational_alerts{{{J}, kind="device_fallback"}}': "0x4 1x20",
    }, ("2m", "6m"), {"8m": of(kind="device_fallback")}),
    Trial("HandrailDecisionLogFails", "as the database has it", {opened("records_refused"): "0x4 1x10"}, ("2m",), {
        "3m": of(kind="records_refused"),
    }),
    Trial("HandrailDecisionLogFails", "as a gateway sees it while the database is away", {
        f'handrail_operational_alerts{{{J}, kind="journal_full"}}': "0x4 1x10", opened("journal_full"): "0x20",
    }, ("2m",), {"3m": of(kind="journal_full")}),
    Trial("HandrailDecisionLogFails", "an outage alone loses nothing", {
        f'handrail_operational_alerts{{{J}, kind="records_unavailable"}}': "1x20",
    }, ("9m",)),
    Trial("HandrailJournalInUse", "for a minute", {f"handrail_journal_bytes{{{J}}}": "0x4 900x10"}, ("2m", "3m"), {
        "4m": ONE,
    }),
    Trial("HandrailJournalInUse", "emptied at once", {f"handrail_journal_bytes{{{J}}}": "0 900 0x20"}, ("30s", "1m", "5m")),
    Trial("HandrailJournalFills", "more than half", {
        f'handrail_journal_bytes{{{J}, instance="a"}}': "0x4 60x10", f'handrail_journal_bytes{{{J}, instance="b"}}': "45x14",
        f'handrail_journal_limit_bytes{{{J}, instance="a"}}': "100x14",
        f'handrail_journal_limit_bytes{{{J}, instance="b"}}': "100x14",
    }, ("2m",), {"3m": ONE}),
    Trial("HandrailRecordsAway", "for half a minute", {
        f'handrail_operational_alerts{{{J}, kind="records_unavailable"}}': "0x4 1x10",
    }, ("2m", "150s"), {"4m": of(kind="records_unavailable")}),
    Trial("HandrailRecordsAway", "another kind", {
        f'handrail_operational_alerts{{{J}, kind="detectors_unavailable"}}': "1x10",
    }, ("4m",)),
    Trial("HandrailNotCounted", "the last count was at 5 minutes", {
        f'handrail_counted_timestamp_seconds{{{J}, instance="a"}}': "0+30x10 300x30",
    }, ("5m", "6m"), {"8m": ONE}),
    Trial("HandrailNotCounted", "one of two machines counts", {
        f'handrail_counted_timestamp_seconds{{{J}, instance="a"}}': "0+30x40",
        f'handrail_counted_timestamp_seconds{{{J}, instance="b"}}': "30x40",
    }, ("15m",)),
    Trial("HandrailGatewayAway", "nobody answers", {f"handrail_counted_timestamp_seconds{{{J}}}": "0+30x10 _x30"}, ("5m",), {
        "12m": of(job=""),
    }),
    Trial("HandrailAvailabilityBudgetBurnsFast", "two in a hundred fail for an hour", {
        CHAT % 200: "0+98x300", CHAT % 503: "0+2x300",
    }, (), {"70m": ONE}),
    Trial("HandrailAvailabilityBudgetBurnsFast", "clients that go away and mistakes of theirs are no failures", {
        CHAT % 200: "0+50x300", CHAT % 499: "0+20x300", CHAT % 400: "0+20x300", CHAT % 404: "0+10x300",
    }, ("70m",)),
    Trial("HandrailAvailabilityBudgetBurnsFast", "a page of health that fails is none either", {
        CHAT % 200: "0+50x300", f'handrail_requests_total{{{J}, route="/readyz", code="503"}}': "0+50x300",
    }, ("70m",)),
    Trial("HandrailAvailabilityBudgetBurnsSlowly", "two in a thousand for days", {
        CHAT % 200: "0+998x500", CHAT % 502: "0+2x500",
    }, ("30m",), {"70h": ONE}, "10m"),
    Trial("HandrailAvailabilityBudgetBurnsSlowly", "one in two thousand is allowed", {
        CHAT % 200: "0+1999x500", CHAT % 502: "0+1x500",
    }, ("70h",), {}, "10m"),
    Trial("HandrailWorkerAway", "last heard of at 5 minutes", {
        f'handrail_heartbeat_timestamp_seconds{{{J}, process="worker"}}': "0+30x10 300x30",
        f'handrail_heartbeat_timestamp_seconds{{{J}, process="worker.tasks"}}': "0+30x40",
    }, ("5m", "6m"), {"7m": of(process="worker")}),
    Trial("HandrailWorkerAway", "it relays, but nothing comes through the broker", {
        f'handrail_heartbeat_timestamp_seconds{{{J}, process="worker"}}': "0+30x40",
        f'handrail_heartbeat_timestamp_seconds{{{J}, process="worker.tasks"}}': "0+30x10 300x30",
    }, ("5m",), {"8m": of(process="worker.tasks")}),
    Trial("HandrailConsoleAway", "last heard of at 5 minutes", {
        f'handrail_heartbeat_timestamp_seconds{{{J}, process="console"}}': "0+30x10 300x30",
        f'handrail_heartbeat_timestamp_seconds{{{J}, process="worker"}}': "0+30x40",
    }, ("5m", "6m"), {"7m": of(process="console")}),
    Trial("HandrailProcessDied", "at once, and over when the alert is", {
        opened("process_died:gateway-1"): "0x4 1x4 0x20", opened("detectors_unavailable"): "1x30",
    }, ("2m", "6m"), {"3m": of(kind="process_died:gateway-1")}),
    Trial("HandrailPolicySplit", "two hashes for five minutes", {
        f'handrail_policy_info{{{J}, instance="a", hash="1", name="p"}}': "1x60",
        f'handrail_policy_info{{{J}, instance="b", hash="2", name="p"}}': "_x10 1x50",
    }, ("5m", "9m"), {"11m": ONE}),
    Trial("HandrailPolicySplit", "two machines with one policy", {
        f'handrail_policy_info{{{J}, instance="a", hash="1", name="p"}}': "1x60",
        f'handrail_policy_info{{{J}, instance="b", hash="1", name="p"}}': "1x60",
    }, ("20m",)),
]  # fmt: skip
ALL = {alert.name: alert for group in ALERTS for alert in group.alerts}


def as_test(trial: Trial) -> dict[str, Any]:
    def sample(labels: Mapping[str, str]) -> dict[str, Any]:
        every = {"job": "handrail", "urgency": ALL[trial.alert].urgency, **labels}
        named = {"alertname": trial.alert, "alertstate": "firing", **{name: word for name, word in every.items() if word}}
        return {"labels": f"ALERTS{{{', '.join(f'{name}={json.dumps(word)}' for name, word in named.items())}}}", "value": 1}

    asked = [(at, ()) for at in trial.quiet] + list(trial.fires.items())
    return {
        "name": f"{trial.alert}: {trial.why}",
        "interval": trial.interval,
        "input_series": [{"series": name, "values": values} for name, values in trial.series.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{trial.alert}", alertstate="firing"}}',
                "eval_time": at,
                "exp_samples": [sample(labels) for labels in labelled],
            }
            for at, labelled in asked
        ],
    }


def promtool(*arguments: str) -> str:
    done = subprocess.run([tool("promtool"), *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_finds_no_fault_in_the_rules() -> None:
    promtool("check", "rules", *(str(path) for path in sorted(RULES.glob("*.yaml"))))


@pytest.mark.parametrize("interval", sorted({trial.interval for trial in TRIALS}))
def test_every_alert_fires_when_it_must_and_is_quiet_when_it_must_not(tmp_path: Path, interval: str) -> None:
    file = tmp_path / "alerts.test.yaml"
    about = {
        "rule_files": [str(RULES / "handrail.recording.yaml"), str(RULES / "handrail.alerts.yaml")],
        "evaluation_interval": interval,
        "group_eval_order": ["handrail.recording", *(group.name for group in ALERTS)],
        "tests": [as_test(trial) for trial in TRIALS if trial.interval == interval],
    }
    file.write_text(json.dumps(about))
    assert "SUCCESS" in promtool("test", "rules", str(file))


@pytest.mark.parametrize("name", sorted(ALL))
def test_each_alert_is_tried_both_ways(name: str) -> None:
    own = [trial for trial in TRIALS if trial.alert == name]
    assert any(trial.fires for trial in own)
    assert any(trial.quiet for trial in own)


def test_a_trial_that_is_wrong_is_found(tmp_path: Path) -> None:
    """The tool's own answer is worth something: the same trial with the opposite claim fails."""
    wrong = Trial("HandrailDeadLetters", "wrong", {f"handrail_dead_letters{{{J}}}": "0x4 2x10"}, ("4m",), {"2m": ONE})
    file = tmp_path / "wrong.test.yaml"
    file.write_text(
        json.dumps(
            {
                "rule_files": [str(RULES / "handrail.alerts.yaml")],
                "evaluation_interval": "30s",
                "tests": [as_test(wrong)],
            }
        )
    )
    done = subprocess.run([tool("promtool"), "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
