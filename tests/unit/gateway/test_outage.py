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


def test_a_scorer_that_is_away_is_one_alert_however_many_calls_it_leaves() -> None:
    told = Told()
    outage = ScorerOutage(told, lambda: False)
    for _ in range(10):
        outage.failed("refused")
    assert told.heard == [("alert", DETECTORS_UNAVAILABLE)]
    outage.recovered()
    outage.recovered()
    assert told.heard[1:] == [("clear", DETECTORS_UNAVAILABLE)]


def test_a_late_answer_is_none_and_many_in_a_row_are() -> None:
    told = Told()
    outage = ScorerOutage(told, lambda: True)
    for _ in range(4):
        outage.failed("deadline")
    outage.recovered()
    for _ in range(4):
        outage.failed("deadline")
    assert told.heard == []
    outage.failed("overloaded")
    assert told.heard == [("alert", DETECTORS_UNAVAILABLE)]


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
