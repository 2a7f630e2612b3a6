"""The metrics of one process."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from detectors.scorer.client import Meter
from guard.errors import StartFailed
from guard.telemetry.metrics import CASE_STATES, COUNTED, DETECTOR_REASONS, OPINION_AGREEMENTS, Metrics

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(raw: bytes) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(raw.decode())
        for sample in family.samples
    }


def names(raw: bytes) -> set[str]:
    return {line.split()[2] for line in raw.decode().splitlines() if line.startswith("# TYPE")}


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    return Metrics()


def test_every_name_is_there_and_every_call_counts(metrics: Metrics) -> None:
    metrics.turn("allow", "full", "chat.completions")
    metrics.stage("score", 0.004)
    metrics.hold_back(0.011)
    metrics.first_token(0.2)
    metrics.detector_failure("scorer", "deadline")
    metrics.cases({(4, "open"): 2})
    metrics.policy("sha256:ab", "companion-app")
    metrics.request("/v1/turns/{id}", 200)
    metrics.upstream_failure("timeout")
    metrics.referral("suicide")
    metrics.rule("core.imminent", "fired")
    metrics.journal_bytes(512)
    metrics.outbox_waiting(3)
    metrics.alert("scorer-away", raised=True)
    metrics.decision(4)
    metrics.bad_request("json")
    metrics.added("first", 0.02)
    metrics.signal("companion.retention")
    metrics.completion("ccs/abrupt-refusal")
    metrics.refusal("completed", disclosed=True)
    metrics.queue("scorer", 2)
    metrics.journal_limit(1024)
    metrics.opinion("answered", 1.5)
    metrics.compared("risk.suicide", "scored_only")
    raw, content_type = metrics.render()
    assert content_type.startswith("text/plain; version=")
    assert names(raw) == {
        "handrail_turns_total", "handrail_stage_seconds", "handrail_hold_back_seconds",
        "handrail_upstream_first_token_seconds", "handrail_detector_failures_total", "handrail_cases",
        "handrail_policy_info",
        "handrail_requests_total", "handrail_upstream_failures_total", "handrail_referrals_total", "handrail_rules_total",
        "handrail_journal_bytes", "handrail_outbox_waiting", "handrail_operational_alerts", "handrail_decisions_total",
        "handrail_bad_requests_total", "handrail_added_seconds", "handrail_signals_total", "handrail_completions_total",
        "handrail_refusals_total", "handrail_queue_depth", "handrail_journal_limit_bytes",
        "handrail_case_waiting_since_timestamp_seconds", "handrail_case_acknowledge_by_timestamp_seconds",
        "handrail_cases_overdue", "handrail_cases_recent", "handrail_case_acknowledge_seconds",
        "handrail_outbox_oldest_timestamp_seconds", "handrail_deliveries", "handrail_delivery_oldest_timestamp_seconds",
        "handrail_dead_letters", "handrail_channels", "handrail_alerts_open", "handrail_heartbeat_timestamp_seconds",
        "handrail_feedback", "handrail_processes", "handrail_process_memory_bytes", "handrail_counted_timestamp_seconds",
        "handrail_opinions_total", "handrail_opinion_seconds", "handrail_opinion_signals_total",
    }  # fmt: skip
    got = read(raw)
    turn = (("action", "allow"), ("protocol", "chat.completions"), ("status", "full"))
    assert got["handrail_turns_total", turn] == 1
    assert got["handrail_stage_seconds_count", (("stage", "score"),)] == 1
    assert got["handrail_stage_seconds_sum", (("stage", "score"),)] == 0.004
    assert got["handrail_stage_seconds_bucket", (("le", "0.005"), ("stage", "score"))] == 1
    assert got["handrail_stage_seconds_bucket", (("le", "0.0025"), ("stage", "score"))] == 0
    assert got["handrail_requests_total", (("code", "200"), ("route", "/v1/turns/{id}"))] == 1
    assert got["handrail_referrals_total", (("class", "suicide"),)] == 1
    assert got["handrail_operational_alerts", (("kind", "scorer-away"),)] == 1
    assert got["handrail_journal_bytes", ()] == 512
    metrics.alert("scorer-away", raised=False)
    assert read(metrics.render()[0])["handrail_operational_alerts", (("kind", "scorer-away"),)] == 0
    assert not any(name.endswith("_created") for name, _ in got)


def test_what_a_rate_is_taken_of_starts_at_zero(metrics: Metrics) -> None:
    got = read(metrics.render()[0])
    for severity in range(5):
        assert got["handrail_decisions_total", (("severity", str(severity)),)] == 0
    for reason in DETECTOR_REASONS:
        assert got["handrail_detector_failures_total", (("detector", "scorer"), ("reason", reason))] == 0


def test_what_second_opinions_may_say_starts_at_zero_and_is_of_signals_that_are_counted(metrics: Metrics) -> None:
    def counted() -> dict[tuple[tuple[str, str], ...], float]:
        found = read(metrics.render()[0]).items()
        return {labels: value for (name, labels), value in found if name == "handrail_opinion_signals_total"}

    assert counted() == {}, "where nobody is asked there is nothing to show"
    metrics.comparable(["risk.suicide", "context.stated.minor"])
    assert set(counted()) == {(("agreement", agreement), ("signal", "risk.suicide")) for agreement in OPINION_AGREEMENTS}
    metrics.compared("risk.suicide", "second_only")
    metrics.compared("context.stated.minor", "second_only")
    assert {labels for labels, value in counted().items() if value} == {
        (("agreement", "second_only"), ("signal", "risk.suicide"))
    }


def test_cases_that_are_gone_are_zero(metrics: Metrics) -> None:
    metrics.cases({(3, "open"): 4, (4, "acknowledged"): 1})
    metrics.cases({(3, "acknowledged"): 4})
    got = {labels: value for (name, labels), value in read(metrics.render()[0]).items() if name == "handrail_cases"}
    assert len(got) == 5 * (len(CASE_STATES) - 1), "closed ones are counted apart"
    assert {labels for labels, value in got.items() if value} == {(("severity", "3"), ("state", "acknowledged"))}


def test_one_policy_is_active_at_a_time(metrics: Metrics) -> None:
    for digest in ("a", "b", "c", "b"):
        metrics.policy(digest, "core-safety")
        got = {
            labels: value for (name, labels), value in read(metrics.render()[0]).items() if name == "handrail_policy_info"
        }
        assert got == {(("hash", digest), ("name", "core-safety")): 1}


def test_no_text_gets_into_a_label_and_the_number_of_labels_is_bounded(metrics: Metrics) -> None:
    for text in ("I want to talk", "naïve", "", "x" * 200, 'a"b', "line\nbreak", "q?x=1", " "):
        metrics.bad_request(text)
        metrics.request(text, 400)
    for at in range(3000):
        metrics.rule(f"rule-{at}", "fired")
        metrics.rule("rule-1", "fired")
    raw, _ = metrics.render()
    got = read(raw)
    assert got["handrail_bad_requests_total", (("reason", "other"),)] == 8
    assert got["handrail_requests_total", (("code", "400"), ("route", "other"))] == 8
    rules = {labels: value for (name, labels), value in got.items() if name == "handrail_rules_total"}
    assert len(rules) == 501
    assert rules[("outcome", "fired"), ("rule", "rule-1")] == 3001
    assert sum(rules.values()) == 6000
    assert b"talk" not in raw


def test_a_variable_that_came_too_late_is_an_error_not_a_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/nowhere")
    with pytest.raises(StartFailed, match="before the process starts"):
        Metrics()


def test_the_scorers_client_counts_here(metrics: Metrics) -> None:
    meter: Meter = metrics.scorer()
    meter.answered(0.01, 3, 1)
    meter.failed("overloaded")
    got = read(metrics.render()[0])
    assert got["handrail_stage_seconds_count", (("stage", "score"),)] == 1
    assert got["handrail_detector_failures_total", (("detector", "scorer"), ("reason", "overloaded"))] == 1


def test_what_people_state_of_themselves_is_in_no_metric(metrics: Metrics) -> None:
    metrics.signal("context.stated.perinatal")
    metrics.signal("screen.depression")
    metrics.signal("words of a person")
    page = metrics.render()[0].decode()
    assert "stated" not in page
    assert "screen" not in page
    assert "words of" not in page
    assert not [name for name in COUNTED if name.startswith(("context.stated", "screen", "session"))]
    assert {"risk.suicide", "companion.isolation", "refusal.abrupt", "distress"} <= COUNTED


def test_a_gauge_that_is_not_true_any_more_is_zero(metrics: Metrics) -> None:
    metrics.count.alerts({("process_died:scorer",): 1}, ["journal_full"])
    metrics.count.alerts({}, ["journal_full"])
    got = read(metrics.render()[0])
    assert got["handrail_alerts_open", (("kind", "process_died:scorer"),)] == 0
    assert got["handrail_alerts_open", (("kind", "journal_full"),)] == 0
