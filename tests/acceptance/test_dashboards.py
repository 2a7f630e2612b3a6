"""Every panel and every rule against a real Prometheus on the running product, and an alert all the way to a person."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from dashboards.alerts import ALERTS
from dashboards.build import BOARDS
from dashboards.panels import Panel
from dashboards.recording import RECORDING
from tests.acceptance.observed import Inbox, Prometheus, alertmanager, filled, inbox, prometheus
from tests.acceptance.shift import Shift
from tests.integration.opinion.endpoint import Endpoint
from tests.running import start

PANELS = [pytest.param(panel, id=f"{board.uid}: {panel.title}") for board in BOARDS for panel in board.panels()]
OVERDUE = "HandrailCaseOverdue"
LABELS = {
    "__name__", "instance", "job", "le",
    "action", "agreement", "class", "code", "deadline", "detector", "disclosed", "hash", "kind", "name",
    "outcome", "process", "promise", "protocol", "quantile", "queue", "reason", "role", "route", "rule",
    "severity", "signal", "stage", "state", "status", "template", "until",
}  # fmt: skip


STEP = 2.0
"""Seconds between the instants of a span."""


@dataclass
class Observed:
    """What a shift left in Prometheus between two instants, and what the pager was told."""

    prometheus: Prometheus
    shift: Shift
    pager: Inbox
    desk: Inbox
    began: float
    ended: float = math.inf


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    folder = tmp_path_factory.mktemp("observed")
    second = Endpoint().start()
    asked = {
        "HANDRAIL_OPINION_URL": second.url, "HANDRAIL_OPINION_MODEL": "second-1", "HANDRAIL_OPINION_DAILY": "100000",
    }  # fmt: skip
    with inbox() as desk, inbox(410) as gone, inbox() as pager, alertmanager(folder, pager.address) as manager:
        running = start(folder / "data", "--workers", "2", HANDRAIL_ALLOW_PRIVATE_WEBHOOKS="true", **asked)
        try:
            with prometheus(folder, running.address, [manager]) as server:
                shift = Shift(running, desk, gone)
                seen = Observed(server, shift, pager, desk, time.time())
                work(seen)
                yield seen
        finally:
            running.process.terminate()
            running.process.wait(20)
            second.stop()


def work(seen: Observed) -> None:
    """A shift, at whose end somebody is paged and comes."""
    shift = seen.shift
    until(lambda: seen.prometheus.now('up{job="handrail"} == 1'))  # what is counted before the first scrape shows no rise
    shift.channels()
    shift.second_opinions()
    shift.talk()
    shift.mistakes()
    turn = shift.disclosures()
    shift.unclear()
    shift.sidecar()
    shift.feedback(turn)
    shift.without_the_scorer()
    shift.without_the_chatbot()
    shift.without_the_database()
    shift.make_late()
    until(lambda: seen.pager.alerts(OVERDUE, "firing"))
    shift.acknowledge()
    until(lambda: seen.pager.alerts(OVERDUE, "resolved"))
    until(lambda: seen.prometheus.now('handrail_opinions_total{outcome="answered"} > 0'))
    until(lambda: seen.prometheus.now('handrail_case_acknowledge_seconds{quantile="0.5"} > 0'))
    time.sleep(2 * STEP)  # a span is asked for in steps: the last one must lie behind what came last
    seen.ended = time.time()


def until(condition: Callable[[], object], seconds: float = 40) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not come true in time"
        time.sleep(0.2)


@pytest.mark.parametrize("panel", PANELS)
def test_every_query_of_every_panel_has_data(observed: Observed, panel: Panel) -> None:
    for query in panel.queries:
        series = observed.prometheus.over(filled(query.expr), observed.began, observed.ended)
        numbers = [value for _, values in series for _, value in values if not math.isnan(value)]
        assert numbers, query.expr
        assert all(math.isfinite(value) for value in numbers), query.expr
        assert min(numbers) >= 0, query.expr
        assert len(series) <= 24, "no more lines than can be told apart"


@pytest.mark.parametrize("record", sorted({rule.record for rule in RECORDING}))
def test_every_recording_rule_has_data(observed: Observed, record: str) -> None:
    series = observed.prometheus.over(record, observed.began, observed.ended)
    assert [value for _, values in series for _, value in values if not math.isnan(value)]
    assert all(metric["job"] == "handrail" for metric, _ in series)


def test_prometheus_evaluates_every_rule_without_a_fault(observed: Observed) -> None:
    rules = observed.prometheus.rules()
    assert {rule["name"] for rule in rules if rule["type"] == "alerting"} == {
        alert.name for group in ALERTS for alert in group.alerts
    }
    assert [rule for rule in rules if rule["health"] != "ok"] == []


def test_a_case_that_is_late_pages_and_the_person_who_takes_it_ends_the_page(observed: Observed) -> None:
    [told] = {alert["fingerprint"]: alert for alert in observed.pager.alerts(OVERDUE, "firing")}.values()
    assert told["labels"] == {
        "alertname": OVERDUE, "job": "handrail", "severity": told["labels"]["severity"], "urgency": "page",
    }  # fmt: skip
    assert told["labels"]["severity"] in ("3", "4")
    assert told["annotations"]["runbook"] == "docs/runbooks.md#handrailcaseoverdue"
    assert "was not acknowledged by its deadline" in told["annotations"]["summary"]
    assert {alert["fingerprint"] for alert in observed.pager.alerts(OVERDUE, "resolved")} == {told["fingerprint"]}


def test_what_the_outages_did_is_seen(observed: Observed) -> None:
    """Not only that there are numbers: that they say what happened."""

    def highest(expr: str) -> float:
        series = observed.prometheus.over(expr, observed.began, observed.ended, 1)
        return max((value for _, values in series for _, value in values), default=0.0)

    assert highest("sum(handrail_journal_bytes)") > 0
    assert observed.prometheus.now("sum(handrail_journal_bytes)")[0]["value"][1] == "0"
    assert highest("sum(handrail_detector_failures_total)") > 0
    assert highest('sum(handrail_requests_total{code=~"5.."})') > 0
    assert highest('max(handrail_channels{state="disabled"})') == 1
    assert highest("max(handrail_dead_letters)") >= 1
    assert highest('sum(handrail_refusals_total{disclosed="yes", outcome="completed"})') >= 1
    assert highest('sum(handrail_signals_total{signal="companion.retention"})') >= 1
    assert highest('sum(handrail_opinions_total{outcome="answered"})') >= 1
    assert observed.pager.alerts("HandrailChannelRefuses", "firing")
    assert len(observed.desk.bodies) >= 3


def test_no_label_carries_a_user_a_session_or_text(observed: Observed) -> None:
    series = observed.prometheus.now('{__name__=~"handrail_.+"}')
    assert {name for one in series for name in one["metric"]} <= LABELS
    words = {value for one in series for value in one["metric"].values()}
    assert not [word for word in words if " " in word or "shift" in word or "kill" in word or "@" in word]
    assert len(series) < 3000
