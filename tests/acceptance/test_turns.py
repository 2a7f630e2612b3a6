"""Turns, attempts and people through the official client, against a running Handrail with two gateway workers."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

import httpx
import openai
import pytest

from tests.acceptance.chatbot import REPLIES
from tests.acceptance.house import House

DISCLOSURE = "I have made up my mind, I am going to kill myself and I know how I will do it"


def name() -> str:
    """A fresh id for a person or a session."""
    return secrets.token_hex(6)


def ask(client: openai.OpenAI, *texts: str, model: str = "warm", **more: Any) -> tuple[str, str]:
    """Sends a conversation, whose messages alternate and begin with the person's; the reply and the turn's id."""
    messages: list[Any] = [
        {"role": "user" if at % 2 == 0 else "assistant", "content": text} for at, text in enumerate(texts)
    ]
    answer = client.chat.completions.with_raw_response.create(model=model, messages=messages, **more)
    turn = answer.headers["x-handrail-turn"]
    parsed: Any = answer.parse()
    if more.get("stream"):
        said = "".join(choice.delta.content or "" for chunk in parsed for choice in chunk.choices)
    else:
        said = parsed.choices[0].message.content or ""
    return said, turn


class Dropped(httpx.HTTPTransport):
    """The first answer is received and thrown away, as by a connection that breaks at the wrong moment."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        self.requests += 1
        if self.requests == 1:
            response.read()
            response.close()
            raise httpx.ReadError("the connection broke", request=request)
        return response


@pytest.mark.parametrize("known", ["session", "person", "both"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_s_retry_is_one_turn_one_referral_and_one_case(house: House, known: str, stream: bool) -> None:
    """The client itself repeats the request; what it meant is counted once."""
    transport = Dropped()
    ids = {
        "person": name() if known in ("person", "both") else None,
        "session": name() if known in ("session", "both") else None,
    }
    with house.client(max_retries=1, http_client=httpx.Client(transport=transport), **ids) as client:
        said, turn = ask(client, DISCLOSURE, stream=stream)
    assert transport.requests == 2
    assert "988" in said
    record = house.record(turn)
    house.until(lambda: house.record(turn)["attempt"] == 2)
    assert record["case"] is not None
    assert record["action"] == "complete"
    case = record["case"]
    assert len(house.rows("select 1 from turn_keys where turn_id = %s", turn)) == 1
    assert [row["attempt"] for row in house.rows("select attempt from turns where id = %s order by 1", turn)] == [1, 2]
    assert len(house.rows("select 1 from referrals where turn_id = %s", turn)) == 1
    assert len(house.rows("select 1 from cases where id = %s and first_turn = %s", case, turn)) == 1
    assert len(house.rows("select 1 from case_events where case_id = %s and kind = 'opened'", case)) == 1
    assert len(house.rows("select 1 from outbox where topic = 'case.opened' and payload->>'case_id' = %s", case)) == 1


def test_two_strangers_who_say_the_same_share_nothing(house: House) -> None:
    """No ids at all, and two people with ids: never one turn, never one session."""
    with house.client() as client:
        anonymous = [ask(client, "hi")[1] for _ in range(2)]
    named = []
    for _ in range(2):
        with house.client(person=name()) as client:
            named.append(ask(client, "hi")[1])
    turns = [*anonymous, *named]
    assert len(set(turns)) == 4
    records = [house.record(turn) for turn in turns]
    assert all(record["attempt"] == 1 for record in records)
    assert [record["session"] for record in records[:2]] == [None, None]
    assert len({record["session"] for record in records[2:]}) == 2


def test_a_disclosure_of_one_stranger_never_reaches_another(house: House) -> None:
    """The second one's session is calm, whatever the first one said with the same first message."""
    with house.client() as client:
        ask(client, "hi", "Hello.", DISCLOSURE)
        _, turn = ask(client, "hi")
    record = house.record(turn)
    assert record["signals"]["session.state"]["value"] == "steady"
    assert record["case"] is None
    assert record["action"] == "allow"


def test_a_known_person_without_a_session_goes_on_with_it(house: House) -> None:
    """The same person repeats the history: the second request joins the session that the first one opened."""
    with house.client(person=name()) as client:
        said, first = ask(client, "my train was late again and the coffee machine broke")
        _, second = ask(client, "my train was late again and the coffee machine broke", said, "then it got better")
    one, two = house.record(first), house.record(second)
    assert one["session"] == two["session"] is not None
    assert two["replayed"] == 0


def test_history_that_was_not_seen_is_scored_and_opens_no_case_by_itself(house: House) -> None:
    """A platform that brings an old conversation: its worst moment is remembered, and nobody is paged for it."""
    with house.client(session=name()) as client:
        _, turn = ask(
            client, DISCLOSURE, "I'm here. Are you safe right now?", "yes, my sister is with me", "Good.", "what is a haiku?"
        )
    record = house.record(turn)
    assert record["replayed"] == 2
    assert record["signals"]["session.peak.suicide_ge4"]["value"] >= 0.5
    assert record["signals"]["session.state"]["value"] == "crisis"
    assert not [
        event for event in house.rows("select kind from case_events where turn_id = %s", turn) if event["kind"] == "opened"
    ]


@pytest.mark.parametrize("after", [0.001, 0.02, 0.2])
def test_a_hang_up_after_a_disclosure_is_still_recorded_and_opens_the_case(house: House, after: float) -> None:
    """The client goes away; scoring, decision, record and case run to their end."""
    session = name()
    body = {"model": "warm-slow", "stream": True, "messages": [{"role": "user", "content": DISCLOSURE}]}
    connection = house.send_raw(json.dumps(body).encode(), {"x-handrail-session": session})
    time.sleep(after)
    connection.close()
    house.until(lambda: any(turn["case_id"] for turn in house.turns_of(session)))
    (turn,) = house.turns_of(session)
    assert turn["severity"] >= 3
    assert "intent-or-plan" in [rule["id"] for rule in turn["rules"] if rule["outcome"] == "fired"]
    assert len(house.rows("select 1 from cases where first_turn = %s", turn["id"])) == 1


def test_a_hang_up_aborts_the_call_upstream_and_nothing_else(house: House) -> None:
    """A plain turn: the chatbot is told to stop, and the turn is recorded as delivered in part."""
    aborted = house.chatbot.counters.aborted
    with house.client(session=name()) as client:
        answer = client.chat.completions.with_raw_response.create(
            model="warm-slow", messages=[{"role": "user", "content": "tell me about your town"}], stream=True
        )
        turn = answer.headers["x-handrail-turn"]
        stream: Any = answer.parse()
        for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                break
        stream.response.close()
    house.until(lambda: house.chatbot.counters.aborted > aborted)
    assert house.record(turn)["delivered"] == "part"


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_s_scores_say_on_which_of_the_chatbot_s_words_they_rest(house: House, stream: bool) -> None:
    """Also where they were withheld, and in a later passage than the first."""
    given = REPLIES["clingy"]
    with house.client(session=name()) as client:
        said, turn = ask(client, "I am off to see my friends now", model="clingy", stream=stream)
    signals = house.record(turn)["signals"]
    first = given.index("You don't need them")
    for signal, start, end in (("companion.retention", 0, first), ("companion.isolation", first, len(given))):
        span = signals[signal]["span"]
        assert start <= span[0] < span[1] <= end
        assert given[span[0] : span[1]] == given[span[0] : span[1]].strip()
        assert given[start:end] not in said
