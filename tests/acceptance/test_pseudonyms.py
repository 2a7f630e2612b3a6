"""Pseudonyms in a running Handrail: its own scorer finds the names, its own database keeps them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import openai

from tests.acceptance.house import House
from tests.running import ROOT

SAID = "My sister Beatrice Okafor lives in Sheffield. Her mail is bea.okafor@example.org, her number 07700 900123."
PRIVATE = ("beatrice", "okafor", "sheffield", "900123")


def _set(house: House, *options: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "guard.cli.main", "tenant", "set", "default", *options],
        cwd=ROOT,
        env={"HANDRAIL_DATA_DIR": str(house.running.home), "HANDRAIL_DATABASE_URL": house.running.url},
        check=True,
        timeout=60,
    )


def _known(house: House, session: str) -> bool:
    """Asks once; whether the chatbot was told nothing private. A gateway follows a tenant's settings within seconds, and
    while the scorer loads what finds names a strict tenant is told to try again."""
    try:
        _ask(house, session)
    except openai.InternalServerError as error:
        assert error.status_code == 503
        return False
    sent = json.dumps(house.chatbot.counters.bodies[-1]).lower()
    return not any(word in sent for word in PRIVATE)


def _ask(house: House, session: str, messages: Any = None, **more: Any) -> Any:
    with house.client(session=session) as client:
        messages = messages or [{"role": "user", "content": SAID}]
        answer = client.chat.completions.create(model="echo", messages=messages, **more)
        return list(answer) if more.get("stream") else answer


def test_the_chatbot_is_told_no_name_and_the_client_gets_them_back(house: House) -> None:
    assert not _known(house, "before")
    _set(house, "--redact-upstream", "strict", "--store-text")
    for worker in range(2):  # each follows a tenant's settings at its own pace
        with house.only(worker):
            house.until(lambda: _known(house, "warming"))
    with house.client(session="names") as client:
        first = client.chat.completions.with_raw_response.create(
            model="echo", messages=[{"role": "user", "content": SAID}], stream=False
        )
    assert first.parse().choices[0].message.content == SAID
    body = house.chatbot.counters.bodies[-1]
    assert body["messages"][-1]["content"] == (
        "My sister [PERSON_1] lives in [PLACE_1]. Her mail is [EMAIL_1], her number [PHONE_1]."
    )
    # The history is cut: only the session knows who [PERSON_1] was.
    chunks = _ask(house, "names", [{"role": "user", "content": "Does Tom like beatrice okafor?"}], stream=True)
    assert house.chatbot.counters.bodies[-1]["messages"][-1]["content"] == "Does [PERSON_2] like [PERSON_1]?"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "Does Tom like Beatrice Okafor?"
    assert len(chunks) > 3
    stored = house.record(first.headers["x-handrail-turn"])["text"]
    assert (
        stored["user"]
        == stored["reply"]
        == ("My sister <PERSON> lives in <LOCATION>. Her mail is <EMAIL_ADDRESS>, her number <PHONE_NUMBER>.")
    )
    assert [kind for _, _, kind in stored["redacted"]["user"]] == ["PERSON", "LOCATION", "EMAIL_ADDRESS", "PHONE_NUMBER"]
    kept = house.rows("select sealed from pseudonyms")
    assert kept
    assert not any(word in bytes(row["sealed"]).lower() for row in kept for word in (b"beatrice", b"okafor"))
    output = house.running.output.read_text().lower()
    assert not any(word in output for word in PRIVATE)
