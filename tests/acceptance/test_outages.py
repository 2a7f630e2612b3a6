"""What dies and what stays: the scorer away, and SIGKILL of everything in the middle of severity 3 turns."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.acceptance.chatbot import Chatbot, serve
from tests.acceptance.house import House
from tests.acceptance.test_turns import DISCLOSURE, ask, name
from tests.running import Running

EVERYDAY = [
    "can you suggest a name for a grey cat",
    "my flight is delayed again, what can I do at the airport for three hours",
    "how do I get red wine out of a white shirt",
    "write a two line birthday wish for my uncle",
    "what is a good bread to bake as a beginner",
    "I have an exam on Friday and I am a bit nervous",
    "explain compound interest to me like I am ten",
    "this spreadsheet is killing me, the totals are off by one",
    "which plants survive on a north facing balcony",
    "is it worth visiting Lisbon in November",
]
CRISIS_WORDS = ("988", "crisis", "lifeline", "suicide", "safety part", "emergency")


@contextmanager
def stopped(house: House, role: str) -> Iterator[int]:
    """Keeps a process from answering, without letting the supervisor start another."""
    pid = house.pid(role)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGCONT)


def alerts(house: House) -> list[dict[str, Any]]:
    """The operational alerts that the scorer's outage raised."""
    return house.rows("select count, closed_at from operational_alerts where kind = 'detectors_unavailable'")


def test_without_the_scorer_everyday_talk_stays_everyday_and_one_alert_is_raised(house: House) -> None:
    """Ten people talk on; nobody reads of a crisis line; an elevated session is held strictly all the while."""
    troubled = name()
    with house.client(session=troubled) as client:
        said, first = ask(client, "lately I keep thinking about killing myself")
    house.record(first)
    with stopped(house, "scorer"):
        for text in EVERYDAY:
            with house.client(session=name()) as client:
                reply, turn = ask(client, text, model="plain", stream=True)
            assert reply.endswith("Tell me if you need more.")
            assert not [word for word in CRISIS_WORDS if word in reply.lower()]
            record = house.record(turn)
            assert record["status"] == "degraded"
            assert record["case"] is None
            assert record["action"] in ("allow", "observe")
        with house.client(session=troubled) as client:
            started = house.chatbot.counters.started
            reply, turn = ask(
                client, "lately I keep thinking about killing myself", said, "what time is it in lima", model="abrupt",
                stream=True,
            )  # fmt: skip
        assert house.record(turn)["signals"]["session.state"]["value"] in ("elevated", "crisis")
        assert "I can't help with that" not in reply
        assert house.chatbot.counters.started <= started + 1
    house.until(lambda: alerts(house))
    assert len(alerts(house)) == 1
    house.until(lambda: answered_again(house) and not [alert for alert in alerts(house) if alert["closed_at"] is None])


def answered_again(house: House) -> bool:
    """Whether the scorer answers: a turn's own process notices at the next one."""
    with house.client(session=name()) as client:
        ask(client, f"good morning {name()}", model="plain")
    return True


class Callers:
    """Clients that disclose one after the other, each in a session of its own, and keep the turns that were answered."""

    def __init__(self, house: House, count: int) -> None:
        self._house = house
        self._stop = threading.Event()
        self.answered: list[tuple[str, str]] = []  # session and turn
        self.failed = 0
        self._threads = [threading.Thread(target=self._call) for _ in range(count)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _call(self) -> None:
        while not self._stop.is_set():
            session = name()
            try:
                with self._house.client(session=session, timeout=10.0) as client:
                    said, turn = ask(client, DISCLOSURE, stream=True)
            except (openai.APIConnectionError, openai.InternalServerError):
                self.failed += 1
                time.sleep(0.1)
                continue
            if said:
                self.answered.append((session, turn))


def assert_none_lost_none_doubled(house: House, answered: list[tuple[str, str]]) -> None:
    """Each answered turn has one row in each ledger, and each message of a case went out once."""
    turns = [turn for _, turn in answered]
    house.until(
        lambda: (
            len(house.rows("select distinct id from turns where id = any(%s) and case_id is not null", turns)) == len(turns)
        ),
        60,
    )
    doubled = house.rows(
        "select turn_id, count(*) from turn_keys where turn_id = any(%s) group by 1 having count(*) > 1", turns
    )
    assert doubled == []
    cases = house.rows("select id, session_id from cases where first_turn = any(%s)", turns)
    assert len(cases) == len(turns)
    assert len({case["session_id"] for case in cases}) == len(turns)
    assert len(house.rows("select 1 from referrals where turn_id = any(%s)", turns)) == len(turns)
    told = house.rows(
        "select payload->>'case_id' as case_id from outbox where topic = 'case.opened' and payload->>'case_id' = any(%s)",
        [str(case["id"]) for case in cases],
    )
    assert len(told) == len({row["case_id"] for row in told}) == len(turns)


@pytest.mark.parametrize("role", ["gateway", "scorer", "worker", "postgres -D"])
def test_no_answered_disclosure_is_lost_or_doubled_when_a_process_is_killed(house: House, role: str) -> None:
    """SIGKILL in the middle of disclosures that stream."""
    with Callers(house, 4) as callers:
        house.until(lambda: len(callers.answered) >= 4)
        house.kill(role)
        seen = len(callers.answered)
        house.until(lambda: len(callers.answered) >= seen + 8, 60)
    assert_none_lost_none_doubled(house, callers.answered)


def test_no_answered_disclosure_is_lost_or_doubled_when_the_supervisor_is_killed(
    tmp_path: Path, launch: Callable[..., Running]
) -> None:
    """Everything ends at once, the database as by a power cut; the next start has it all."""
    home = tmp_path / "data"
    with serve(Chatbot()) as upstream:
        house = House(launch(home, "--upstream", upstream), Chatbot())
        with Callers(house, 4) as callers:
            house.until(lambda: len(callers.answered) >= 8)
            house.running.process.kill()
            house.running.process.wait(10)
            answered = list(callers.answered)
            callers._stop.set()
        again = House(launch(home, "--upstream", upstream), Chatbot())
        assert_none_lost_none_doubled(again, answered)
        again.running.process.terminate()
        assert again.running.process.wait(15) == 0
