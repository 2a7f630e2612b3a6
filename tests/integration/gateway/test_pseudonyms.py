"""What is personal goes upstream as pseudonyms and comes back as it was: over real sockets, through the official client."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from openai import AsyncOpenAI, InternalServerError

from detectors.errors import ScorerUnavailable
from detectors.pii.entity import Entity
from detectors.pii.forms import find_forms
from guard.errors import RecordsUnavailable
from guard.gateway.meters import NoMeters
from guard.gateway.veil import NOTE, Veil
from guard.records.pseudonyms import KeptPseudonyms
from guard.records.terms import RedactUpstream
from guard.turns.contract import VerdictKind
from policies.decision import Posture
from tests.integration.gateway.server import CALL, DONE, HEAD, KEY, SSE, Answer, Desk, House, chunk, fixed, house, whole

NAMES = {"Alice": "PERSON", "alice": "PERSON", "Bob Ray": "PERSON", "Leeds": "LOCATION", "Acme": "ORGANIZATION"}
SAID: Any = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "I am Alice, alice@x.org"},
    {"role": "assistant", "content": "Hello Alice of Leeds."},
    {"role": "user", "content": "alice and Bob Ray"},
]


class Names:
    """Finds the names above and what has a form. ``away``: it does not answer."""

    def __init__(self) -> None:
        self.away = False

    async def entities(self, texts: Sequence[str], *, deadline: float) -> list[tuple[Entity, ...]]:
        await asyncio.sleep(0)
        if self.away:
            raise ScorerUnavailable("deadline")
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> tuple[Entity, ...]:
        forms = find_forms(text)
        names = (Entity(*match.span(), kind) for name, kind in NAMES.items() for match in re.finditer(rf"\b{name}\b", text))
        own = [one for one in names if all(one.end <= form.start or form.end <= one.start for form in forms)]
        return tuple(sorted((*forms, *own), key=lambda one: one.start))


class Store:
    """Keeps pseudonyms in memory. ``races``: so often another process is first. ``away``: it cannot be reached."""

    def __init__(self) -> None:
        self.kept: dict[bytes, KeptPseudonyms] = {}
        self.races = 0
        self.away = False

    async def load(self, tenant_id: UUID, session: bytes) -> KeptPseudonyms:
        if self.away:
            raise RecordsUnavailable("away")
        return self.kept.get(session, KeptPseudonyms(0, ()))

    async def keep(self, tenant_id: UUID, session: bytes, kept: KeptPseudonyms) -> bool:
        if self.races:
            self.races -= 1
            self.kept[session] = KeptPseudonyms(kept.version + 1, [["other", "PERSON", 1, "Olga"]])
            return False
        self.kept[session] = KeptPseudonyms(kept.version + 1, orjson.loads(orjson.dumps(kept.entries)))
        return True


class Veiled:
    """The gateway with a tenant that asks for pseudonyms."""

    def __init__(self, home: House, names: Names, store: Store) -> None:
        self.home, self.names, self.store = home, names, store

    @property
    def went(self) -> dict[str, Any]:
        """What reached the chatbot last."""
        body: dict[str, Any] = orjson.loads(self.home.seen[-1].split(b"\r\n\r\n", 1)[1])
        return body

    @property
    def said(self) -> list[str]:
        """The messages' contents in it, system aside."""
        return [message["content"] for message in self.went["messages"] if message["role"] != "system"]

    async def post(self, extra: dict[str, str] | None = None, **call: Any) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            url = f"{self.home.url}/v1/chat/completions"
            return await client.post(url, json={**CALL, "messages": SAID, **call}, headers=HEAD | (extra or {}), timeout=20)

    def client(self) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{self.home.url}/v1", api_key=KEY, max_retries=0)


@asynccontextmanager
async def veiled(answer: Answer, desk: Desk | None = None, how: RedactUpstream = RedactUpstream.ON) -> AsyncIterator[Veiled]:
    names, store = Names(), Store()
    veil = Veil(
        names,
        store,
        lambda tenant, purpose, material: sha256(tenant.bytes + purpose.encode() + material).digest(),
        NoMeters(),
        seconds=1,
    )
    async with house(desk or Desk(), answer, veil=veil) as home:
        home.records.redact = how
        yield Veiled(home, names, store)


def _stream(*pieces: str, **first: Any) -> bytes:
    frames = [chunk({"role": "assistant", "content": ""}, **first), *(chunk({"content": piece}) for piece in pieces)]
    return b"".join([*frames, chunk({}, "stop"), DONE])


async def test_all_roles_but_the_tenants_own_go_as_pseudonyms_and_the_reply_comes_back() -> None:
    desk = Desk()
    answer = fixed(whole("[PERSON_1], ask [PERSON_2] in [PLACE_1]. [PERSON_9]?"))
    async with veiled(answer, desk) as at, at.client() as client:
        reply = await client.chat.completions.create(model="m", messages=SAID, user="alice@x.org")
    assert reply.choices[0].message.content == "Alice, ask Bob Ray in Leeds. [PERSON_9]?"
    assert at.said == ["I am [PERSON_1], [EMAIL_1]", "Hello [PERSON_1] of [PLACE_1].", "[PERSON_1] and [PERSON_2]"]
    assert [message["content"] for message in at.went["messages"] if message["role"] == "system"] == ["Be kind.", NOTE]
    assert at.went["user"].startswith("u_")
    assert not re.search(rb"(?i)alice|bob|leeds", at.home.seen[-1])
    # The turn is judged on what was received, and the reply on what is shown.
    assert [message.text for message in desk.requests[0].messages] == [message["content"] for message in SAID]
    assert "".join(passage.text for passage in desk.passages) == "Alice, ask Bob Ray in Leeds. [PERSON_9]?"


@pytest.mark.parametrize("posture", list(Posture))
@pytest.mark.parametrize("size", [1, 2, 5, 100])
async def test_a_stream_that_cuts_pseudonyms_comes_back_whole(posture: Posture, size: int) -> None:
    desk = Desk()
    desk.posture = posture
    text = "Well, [PERSON_1]. Ask [PERSON_2]'s boss [x] in [PLACE_1], [PERSON_12] or [PERSON_"
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    async with veiled(fixed(_stream(*pieces), SSE), desk) as at, at.client() as client:
        stream = await client.chat.completions.create(model="m", messages=SAID, stream=True)
        chunks = [one async for one in stream]
    got = "".join(one.choices[0].delta.content or "" for one in chunks)
    assert got == "Well, Alice. Ask Bob Ray's boss [x] in Leeds, [PERSON_12] or [PERSON_"
    assert "".join(passage.text for passage in desk.passages) == got
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_frames_without_a_pseudonym_are_the_chatbots_own() -> None:
    frames = _stream("Fine. ", "So [PER", "SON_1] ", "it is. ")
    async with veiled(fixed(frames, SSE)) as at:
        reply = await at.post(stream=True)
    own = [chunk({"role": "assistant", "content": ""}), chunk({"content": "Fine. "}), chunk({"content": "it is. "})]
    assert all(frame in reply.content for frame in own)
    assert b"PERSON" not in reply.content


async def test_a_stream_that_ends_without_saying_so_loses_nothing() -> None:
    frames = chunk({"role": "assistant", "content": "So [PERSON"}) + DONE
    async with veiled(fixed(frames, SSE)) as at:
        reply = await at.post(stream=True)
    said = [orjson.loads(line[6:]) for line in reply.content.split(b"\n\n") if line.startswith(b"data: {")]
    text = "".join(choice["delta"].get("content", "") for body in said for choice in body.get("choices", []))
    assert text == "So [PERSON"


@pytest.mark.parametrize("streamed", [True, False])
async def test_every_choice_tool_call_and_structured_output_comes_back(streamed: bool) -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}

    def called(arguments: str) -> dict[str, Any]:
        return {"tool_calls": [{**call, "function": {"name": "f", "arguments": arguments}}]}

    if streamed:
        frames = [
            chunk({"content": "Hi [PERS"}, index=1),
            chunk(called('{"who": "[PERSON'), index=0),
            chunk({"content": "ON_2]."}, index=1),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '_1]"}'}}]}, index=0),
            chunk({}, "tool_calls", index=0),
            chunk({}, "stop", index=1),
        ]
        answer = fixed(b"".join([*frames, DONE]), SSE)
    else:
        messages: list[dict[str, Any]] = [
            {"content": None, **called('{"who": "[PERSON_1]"}')},
            {"content": "Hi [PERSON_2]."},
        ]
        choices = [
            {"index": index, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
            for index, message in enumerate(messages)
        ]
        body = {"id": "up", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}
        answer = fixed(orjson.dumps(body))
    async with veiled(answer) as at, at.client() as client:
        arguments, content = "", ""
        if streamed:
            stream = await client.chat.completions.create(model="m", messages=SAID, n=2, stream=True)
            async for one in stream:
                for choice in one.choices:
                    content += choice.delta.content or ""
                    for tool in choice.delta.tool_calls or []:
                        assert tool.function is not None
                        arguments += tool.function.arguments or ""
        else:
            reply = await client.chat.completions.create(model="m", messages=SAID, n=2)
            [tool_call] = reply.choices[0].message.tool_calls or []
            arguments, content = tool_call.function.arguments, reply.choices[1].message.content or ""  # type: ignore[union-attr]
    assert json.loads(arguments) == {"who": "Alice"}
    assert content == "Hi Bob Ray."


async def test_a_structured_output_stays_json() -> None:
    text = '{"to": "[PERSON_1]", "in": "[PLACE_1]"}'
    async with veiled(fixed(whole(text))) as at:
        reply = await at.post(response_format={"type": "json_object"})
    assert json.loads(reply.json()["choices"][0]["message"]["content"]) == {"to": "Alice", "in": "Leeds"}


async def test_tool_calls_and_results_in_history_go_as_pseudonyms_and_stay_json() -> None:
    arguments = json.dumps({"who": "Alice", "n": 1})
    history = [
        {"role": "user", "name": "alice", "content": [{"type": "text", "text": "Alice?"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": json.dumps({"Alice": {"town": "Leeds"}})},
        {"role": "user", "content": "and?"},
    ]
    async with veiled(fixed(whole("Fine."))) as at:
        await at.post(messages=history)
    user, called, result = at.went["messages"][1:4]
    assert user["content"] == [{"type": "text", "text": "[PERSON_1]?"}]
    assert user["name"].startswith("u_")
    assert json.loads(called["tool_calls"][0]["function"]["arguments"]) == {"who": "[PERSON_1]", "n": 1}
    assert json.loads(result["content"]) == {"[PERSON_1]": {"town": "[PLACE_1]"}}


async def test_a_session_keeps_its_pseudonyms_when_its_history_is_cut() -> None:
    session = {"x-handrail-session": "s"}
    async with veiled(fixed(whole("[PERSON_1]"))) as at:
        for store_text in (False, True):
            at.home.records.store_text = store_text
            await at.post(session)
            reply = await at.post(session, messages=[{"role": "user", "content": "Bob Ray and Alice"}])
            assert at.said == ["[PERSON_2] and [PERSON_1]"]
            assert reply.json()["choices"][0]["message"]["content"] == "Alice"
            [kept] = at.store.kept.values()
            assert ("Alice" in json.dumps(kept.entries)) is store_text
            at.store.kept.clear()
        await at.post(messages=[{"role": "user", "content": "Bob Ray and Alice"}])
    assert at.said == ["[PERSON_1] and [PERSON_2]"]  # without a session each call counts by itself
    assert not at.store.kept


async def test_two_processes_that_count_at_once_do_not_give_one_pseudonym_to_two() -> None:
    async with veiled(fixed(whole("[PERSON_1] [PERSON_2]"))) as at:
        at.store.races = 1
        reply = await at.post({"x-handrail-session": "s"}, messages=[{"role": "user", "content": "Alice"}])
        assert at.said == ["[PERSON_2]"]
        assert reply.json()["choices"][0]["message"]["content"] == "Olga Alice"
        at.store.away = True
        await at.post({"x-handrail-session": "s"}, messages=[{"role": "user", "content": "Alice"}])
        assert at.said == ["[PERSON_1]"]


async def test_without_the_search_forms_are_replaced_or_nothing_goes() -> None:
    async with veiled(fixed(whole("Write to [EMAIL_1]."))) as at:
        at.names.away = True
        reply = await at.post()
        assert reply.json()["choices"][0]["message"]["content"] == "Write to alice@x.org."
        assert at.said[0] == "I am Alice, [EMAIL_1]"
        at.home.records.redact = RedactUpstream.STRICT
        sent = len(at.home.seen)
        async with at.client() as client:
            with pytest.raises(InternalServerError) as refused:
                await client.chat.completions.create(model="m", messages=SAID)
        assert refused.value.status_code == 503
        assert "Alice" not in str(refused.value)
        at.home.desk.rescue = "I am here."
        rescued = await at.post(stream=True)
        assert b"I am here." in rescued.content
        assert len(at.home.seen) == sent
        assert at.home.meters.failed.count("redaction_unavailable") == 2


async def test_what_the_gate_withholds_is_withheld_with_the_name_in_it() -> None:
    desk = Desk()
    desk.kind = VerdictKind.TRIM
    pieces = "My dear friend [PERSON", "_1]. SECRET things of [PERSON_1]. ", "Goodbye and sleep well, [PERSON_2]. "
    async with veiled(fixed(_stream(*pieces), SSE), desk) as at, at.client() as client:
        stream = await client.chat.completions.create(model="m", messages=SAID, stream=True)
        got = "".join([one.choices[0].delta.content or "" async for one in stream])
    assert "SECRET" not in got
    assert got.startswith("My dear friend Alice.")
    assert got.rstrip().endswith("sleep well, Bob Ray.")


async def test_guidance_goes_with_the_veil_and_an_embedding_without_names() -> None:
    desk = Desk()
    desk.guidance, desk.speculates = "Be careful.", False
    async with veiled(fixed(whole("Fine.")), desk) as at:
        await at.post()
        assert "Be careful." in [message["content"] for message in at.went["messages"]]
        assert at.said[0] == "I am [PERSON_1], [EMAIL_1]"
        async with httpx.AsyncClient() as client:
            url = f"{at.home.url}/v1/embeddings"
            await client.post(url, json={"model": "e", "input": ["Alice", "Leeds"]}, headers=HEAD)
            assert at.went["input"] == ["<PERSON>", "<LOCATION>"]
            refused = await client.post(url, json={"model": "e", "input": [1, 2]}, headers=HEAD)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "unredactable"


async def test_a_tenant_that_does_not_ask_has_its_bytes_untouched() -> None:
    body = orjson.dumps({**CALL, "messages": SAID}) + b" "
    async with veiled(fixed(whole("[PERSON_1]")), how=RedactUpstream.OFF) as at, httpx.AsyncClient() as client:
        reply = await client.post(f"{at.home.url}/v1/chat/completions", content=body, headers=HEAD)
    assert at.home.seen[-1].endswith(body)
    assert reply.content == whole("[PERSON_1]")
