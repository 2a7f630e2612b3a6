"""When a silent scorer becomes an alert."""

from __future__ import annotations

import pytest

from guard.gateway.app import _route
from guard.gateway.outage import ScorerOutage
from guard.records.alerts import DETECTORS_UNAVAILABLE


class Told:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def alert(self, kind: str) -> None:
        self.heard.append(("alert", kind))

    def clear(self, kind: str) -> None:
        self.heard.append(("clear", kind))


class Scorer:
    """What the scorer's client knows of it, and a clock."""

    def __init__(self, *, healthy: bool) -> None:
        self.healthy = healthy
        self.now = 0.0
        self.told = Told()
        self.outage = ScorerOutage(self.told, lambda: self.healthy, lambda: self.now)


ALERT, CLEAR = ("alert", DETECTORS_UNAVAILABLE), ("clear", DETECTORS_UNAVAILABLE)


def test_a_scorer_that_is_away_is_one_alert_however_many_calls_it_leaves() -> None:
    scorer = Scorer(healthy=False)
    for _ in range(10):
        scorer.outage.failed("refused")
    assert scorer.told.heard == [ALERT]
    scorer.outage.answered()
    assert scorer.told.heard == [ALERT], "what is remembered needs no scorer"
    scorer.healthy = True
    scorer.outage.answered()
    scorer.outage.answered()
    assert scorer.told.heard == [ALERT, CLEAR]


def test_the_first_answer_clears_what_another_process_left_open() -> None:
    scorer = Scorer(healthy=True)
    scorer.outage.answered()
    scorer.outage.answered()
    assert scorer.told.heard == [CLEAR]


def test_an_outage_that_goes_on_is_raised_again_each_minute_for_another_process_may_have_cleared_it() -> None:
    scorer = Scorer(healthy=False)
    for scorer.now in (0.0, 30.0, 59.0, 61.0, 100.0, 122.0):
        scorer.outage.failed("refused")
    assert scorer.told.heard == [ALERT] * 3
    scorer.healthy = True
    scorer.outage.answered()
    scorer.healthy = False
    scorer.outage.failed("closed")
    assert scorer.told.heard[3:] == [CLEAR, ALERT], "a new outage is told at once"


def test_a_late_answer_is_none_and_many_in_a_row_are() -> None:
    scorer = Scorer(healthy=True)
    for _ in range(4):
        scorer.outage.failed("deadline")
    scorer.outage.answered()
    for _ in range(4):
        scorer.outage.failed("deadline")
    assert scorer.told.heard == [CLEAR]
    scorer.outage.failed("overloaded")
    assert scorer.told.heard == [CLEAR, ALERT]


def test_a_lexicon_that_fails_is_told_at_once() -> None:
    told = Told()
    ScorerOutage(told, lambda: True).failed("lexicon")
    assert told.heard == [("alert", DETECTORS_UNAVAILABLE)]


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/models/whatever was typed", "/v1/models/{id}"),
        ("/v1/turns/0192", "/v1/turns/{id}"),
        ("/i/want/to/say/something", "other"),
    ],
)
def test_a_metric_names_the_route_and_never_what_was_asked_for(path: str, route: str) -> None:
    assert _route(path) == route
