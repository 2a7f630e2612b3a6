"""Which turns the terminal shows, and how."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from rich.console import Console

from guard.supervise.alarm import Alarm
from guard.supervise.feed import Feed
from guard.supervise.screen import Screen

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


def row(number: int = 1, **more: Any) -> dict[str, Any]:
    """A row as the query gives it."""
    base: dict[str, Any] = {
        "id": UUID(int=number),
        "attempt": 1,
        "tried_at": NOW,
        "action": "complete",
        "status": "full",
        "severity": 3,
        "rules": [
            {"id": "ideation-with-method", "severity": 3, "outcome": "fired"},
            {"id": "long-evening", "severity": 1, "outcome": "suppressed", "by": "elevated"},
        ],
        "delivered": "whole",
        "case_id": UUID(int=9),
        "name": "home",
    }
    return {**base, **more}


def test_a_turn_is_shown_once_and_only_what_fired() -> None:
    """However often it is read."""
    feed = Feed(NOW)
    (line,) = feed.new([row()], NOW)
    assert (line.action, line.severity, line.rules, line.case) == ("complete", 3, ("ideation-with-method",), True)
    assert feed.new([row()], NOW + timedelta(seconds=1)) == []
    assert [line.attempt for line in feed.new([row(attempt=2)], NOW)] == [2]


def test_a_turn_that_still_goes_on_is_shown_when_its_reply_has_left() -> None:
    """A severe turn is written before its reply; what is shown is how it ended."""
    feed = Feed(NOW)
    early = row(delivered="none", action="guide")
    assert feed.new([early], NOW + timedelta(seconds=1)) == []
    (line,) = feed.new([row(delivered="part")], NOW + timedelta(seconds=2))
    assert (line.action, line.part, line.silent) == ("complete", True, False)
    (alone,) = feed.new([row(2, delivered="none")], NOW + timedelta(seconds=4))
    assert (alone.part, alone.silent) == (False, True)  # its reply may still be streaming


def test_what_it_remembers_and_reads_is_bounded() -> None:
    """Ten minutes later nothing is left of an old turn, and no old row is read again."""
    feed = Feed(NOW)
    feed.new([row(number) for number in range(100)], NOW)
    later = NOW + timedelta(minutes=11)
    feed.new([], later)
    assert feed._shown == {}
    assert feed.since(later) > NOW + timedelta(minutes=5)
    assert feed.since(NOW) == NOW


def test_a_line_says_what_was_done_and_nothing_of_what_was_said() -> None:
    """Time, id, action, status, severity, rules, marks."""
    out = io.StringIO()
    screen = Screen(Console(file=out, width=60))
    (line,) = Feed(NOW).new([row(attempt=2, delivered="part")], NOW)
    screen.turn(line)
    head, shown = out.getvalue().splitlines()
    assert head.split() == ["time", "turn", "action", "status", "sev", "rules", "that", "fired"]
    assert shown.split()[1:] == [
        str(UUID(int=1)), "complete", "full", "3", "ideation-with-method",
        "[case]", "[not", "delivered", "whole]", "[attempt", "2]",
    ]  # fmt: skip
    (line,) = Feed(NOW).new([row(2, delivered="none")], NOW + timedelta(seconds=4))
    screen.turn(line)
    assert out.getvalue().rstrip().endswith("[case]  [nothing delivered so far]")


def test_rules_beyond_the_second_are_a_number_and_the_id_stays_whole() -> None:
    """The record has them all."""
    out = io.StringIO()
    (line,) = Feed(NOW).new([row()], NOW)
    Screen(Console(file=out, width=60)).turn(replace(line, rules=("one", "two", "three", "four")))
    shown = out.getvalue().splitlines()[-1]
    assert "one, two +2" in shown
    assert str(line.id) in shown


class Told:
    def __init__(self, heard: list[tuple[str, str]]) -> None:
        self._heard = heard

    def alert(self, kind: str) -> None:
        self._heard.append(("alert", kind))

    def clear(self, kind: str) -> None:
        self._heard.append(("clear", kind))


def test_an_alert_is_cleared_after_a_quiet_minute_and_raised_at_every_death() -> None:
    """One kind a process; the records make one open alert of it."""
    told: list[tuple[str, str]] = []
    now = [0.0]
    alarm = Alarm(Told(told), lambda: now[0])
    alarm.died("worker")
    now[0] = 59.0
    alarm.died("worker")
    alarm.look()
    now[0] = 118.0
    alarm.look()
    assert told == [("alert", "process_died:worker")] * 2
    now[0] = 120.0
    alarm.look()
    alarm.look()
    assert told[2:] == [("clear", "process_died:worker")]
    alarm.died("scorer")
    alarm.died("postgres")
    assert told[3:] == [("alert", "detectors_unavailable"), ("alert", "records_unavailable")]


def test_what_an_earlier_supervisor_left_open_is_cleared_at_the_start() -> None:
    """Whatever it was, and however many gateways it had; what has died meanwhile stays."""
    told: list[tuple[str, str]] = []
    alarm = Alarm(Told(told), lambda: 0.0)
    alarm.died("worker")
    alarm.begin()
    assert told[0] == ("alert", "process_died:worker")
    assert {how for how, _ in told[1:]} == {"clear"}
    left = {"detectors_unavailable", "records_unavailable", "process_died:gateway", "process_died:gateway-1"}
    left |= {"process_died:gateway-64", "process_died:demo", "process_died:console"}
    assert left <= {kind for _, kind in told[1:]}
    assert "process_died:worker" not in {kind for _, kind in told[1:]}
