"""What a client may send wrongly: each gets a clear error, is counted, and the next request is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from tests.integration.gateway.server import ASK, CALL, HEAD, KEY, Desk, House, fixed, house, request, whole


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house(Desk(), fixed(whole("Fine."))) as running:
        yield running


async def _post(home: House, body: bytes, head: dict[str, str] = HEAD) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"{home.url}/v1/chat/completions", content=body, headers=head, timeout=20)


def _call(**changed: Any) -> bytes:
    return orjson.dumps({**CALL, **changed})


def _user(content: Any) -> bytes:
    return _call(messages=[{"role": "user", "content": content}])


_WRONG: dict[str, list[Any]] = {
    "temperature": ["hot", True, [1]], "top_p": ["1"], "presence_penalty": [{}], "frequency_penalty": ["x"],
    "max_tokens": [1.5, "9", True], "max_completion_tokens": ["9"], "seed": [0.5], "top_logprobs": ["2"],
    "n": [0, 17, 200, 1.5, "2", True, 1e300], "stream": ["yes", 1], "logprobs": [3], "store": ["no"],
    "parallel_tool_calls": [0], "model": [None, "", 3, []], "user": [5, {}, "u" * 513], "safety_identifier": [[]],
    "service_tier": [1], "reasoning_effort": [2], "tools": [{}, ["f"]], "modalities": ["text"], "logit_bias": [[]],
    "metadata": ["x", {"a": 1}, {"session_id": 4}], "response_format": ["json", {"type": 3}, {"json_schema": "x"}],
    "stream_options": [True, {"include_usage": "yes"}], "stop": [3, {}], "tool_choice": [1], "function_call": [[]],
    "conversation": [3, {"id": 4}], "previous_response_id": [7], "audio": ["loud"], "prediction": [1],
    "messages": [None, "x", [], {}, [1], [{}], [{"role": "boss", "content": "x"}], [{"role": "user"}],
                 [{"role": "user", "content": 3}], [{"role": "user", "content": ["x"]}],
                 [{"role": "user", "content": [{"type": "text"}]}], [{"role": "user", "content": [{"text": "x"}]}],
                 [{"role": "user", "content": "x", "name": 3}], [{"role": "assistant", "tool_calls": {}}],
                 [{"role": "tool", "content": "x", "tool_call_id": 1}], ASK * 2001],
}  # fmt: skip


async def test_wrong_types_name_the_parameter(home: House) -> None:
    tried = 0
    async with httpx.AsyncClient(headers=HEAD) as client:
        for name, values in _WRONG.items():
            for value in values:
                reply = await client.post(f"{home.url}/v1/chat/completions", content=_call(**{name: value}))
                error = reply.json()["error"]
                assert (reply.status_code, error["type"], error["code"]) == (
                    400, "invalid_request_error", "invalid_value"
                ), (name, value)  # fmt: skip
                assert error["param"].startswith(name)
                assert error["message"].startswith(error["param"])
                tried += 1
    assert home.meters.bad == ["invalid_value"] * tried
    assert home.seen == []
    assert home.desk.requests == []
    assert (await _post(home, _call())).status_code == 200


_BODIES = [
    (b"", "bad_json"), (b"{", "bad_json"), (b"[]", "bad_json"), (b"nul", "bad_json"), (b'"x"', "bad_json"),
    (b'{"model":"m","model":"n","messages":[]}', "duplicate_key"), (b'{"a":{"b":1,"\\u0062":2}}', "duplicate_key"),
    (b'{"a":NaN}', "bad_json"), (b'{"a":Infinity}', "bad_json"), (b'{"a":-Infinity}', "bad_json"),
    (b'{"a":1e999}', "bad_json"), (b'{"a":' + b"9" * 5000 + b"}", "bad_json"),
    (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "bad_json"), (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "too_deep"),
    (b'{"a":' * 10_000, "bad_json"),
    (b'{"a":"\xff"}', "bad_json"), (b'{"a":"\xed\xa0\x80"}', "bad_json"), (b'{"a":"\x00"}', "bad_json"),
    ("﻿{}".encode(), "bad_json"), ('{"a":1}'.encode("utf-16"), "bad_json"), (b'{"a":1} {"a":2}', "bad_json"),
    (b"{'a':1}", "bad_json"), (b"a=1&b=2", "bad_json"),
]  # fmt: skip


@pytest.mark.parametrize("route", ["chat/completions", "embeddings"])
async def test_bodies_that_are_no_json_object(home: House, route: str) -> None:
    async with httpx.AsyncClient(headers=HEAD) as client:
        for body, code in _BODIES:
            if route == "embeddings" and not body:
                continue
            reply = await client.post(f"{home.url}/v1/{route}", content=body)
            error = reply.json()["error"]
            assert (reply.status_code, error["code"]) == (400, code), body[:40]
            assert set(error) == {"message", "type", "param", "code"}
    assert home.seen == []
    assert len(home.meters.bad) == len(_BODIES) - (route == "embeddings")


async def test_text_that_was_cut_inside_an_emoji_is_answered(home: House) -> None:
    call = b'{"model":"m","messages":[{"role":"user","content":"so tired \\ud83d"},{"role":"user","content":"hello"}]}'
    assert (await _post(home, call)).status_code == 200
    assert home.desk.requests[0].messages[0].text == "so tired \ufffd"
    assert home.seen[0].endswith(call.replace(b"\\ud83d", b"\\ufffd"))
    async with httpx.AsyncClient(headers=HEAD) as client:
        reply = await client.post(f"{home.url}/v1/embeddings", content=b'{"model":"m","input":"x \\ud83d"}')
    assert reply.status_code == 200
    assert home.seen[1].endswith(b'{"model":"m","input":"x \\ufffd"}')


async def test_error_quotes_nothing(home: House) -> None:
    for body in (b'{"model": "m", "messages": [{"role": "user", "content": "private words', _user({"private": "words"})):
        assert b"private" not in (await _post(home, body)).content


@pytest.mark.parametrize(("head", "code"), [
    ({}, "missing_api_key"), ({"authorization": ""}, "missing_api_key"), ({"authorization": "Bearer"}, "missing_api_key"),
    ({"authorization": "Basic aGk="}, "missing_api_key"), ({"authorization": "Bearer hr_revoked"}, "invalid_api_key"),
    ({"x-api-key": "hr_other"}, "invalid_api_key"), ({"authorization": f"Bearer {KEY} x"}, "invalid_api_key"),
])  # fmt: skip
async def test_keys(home: House, head: dict[str, str], code: str) -> None:
    for path in ("chat/completions", "embeddings"):
        async with httpx.AsyncClient() as client:
            reply = await client.post(f"{home.url}/v1/{path}", content=_call(), headers=head)
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, code)
        assert reply.json()["error"]["type"] == "authentication_error"
    assert home.meters.bad == [code] * 2
    assert home.seen == []
    assert (await _post(home, _call(), {"x-api-key": KEY})).status_code == 200


async def test_large_bodies(home: House) -> None:
    five = _user("word " * 1_000_000)
    assert (await _post(home, five)).status_code == 413

    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(five), 50_000):
            yield five[at : at + 50_000]

    async with httpx.AsyncClient(headers=HEAD) as client:
        try:
            reply = await client.post(f"{home.url}/v1/chat/completions", content=parts())
            assert reply.json()["error"]["code"] == "body_too_large"
        except httpx.HTTPError:
            pass  # it was still sending when it was refused
    assert home.meters.bad == ["body_too_large"] * 2
    lying = request(b"x").replace(b"content-length: 1", b"content-length: 99999999999999999999999999999")
    assert b"413" in await home.raw(lying) or b"400" in await home.raw(lying)
    assert home.seen == []
    assert (await _post(home, _user("word " * 50_000))).status_code == 200
    assert (await _post(home, _call(messages=ASK * 2000))).status_code == 200


async def test_compressed_body_is_refused(home: House) -> None:
    reply = await _post(home, _call(), {**HEAD, "content-encoding": "gzip"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "content_encoding")


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/v1/chat/completions"), ("DELETE", "/v1/chat/completions"), ("POST", "/v1/chat/completions/"),
    ("POST", "/v1/completions"), ("POST", "/v1/files"), ("GET", "/"), ("GET", "/v1"), ("POST", "/chat/completions"),
    ("POST", "/v1/models"), ("DELETE", "/v1/models/m"), ("GET", "/v1/embeddings"), ("POST", "/v1//chat/completions"),
    ("GET", "/v1/models/%2e%2e/files"), ("GET", "/v1/models/x%2f..%2f..%2ffiles"), ("GET", "/v1/models/"),
    ("GET", "/v1/models/x//y"), ("GET", "/v1/models/..%5cfiles"), ("GET", "/v1/models/x%0d%0ay"), ("OPTIONS", "/v1/models"),
])  # fmt: skip
async def test_what_is_not_listed_is_not_found(home: House, method: str, path: str) -> None:
    line = f"{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n\r\n"
    head, _, body = (await home.raw(line.encode())).partition(b"\r\n\r\n")
    assert b" 404 " in head.splitlines()[0] or b" 405 " in head.splitlines()[0]
    assert orjson.loads(body)["error"]["type"] == "invalid_request_error"
    assert home.seen == []


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("GET", "/v1/chat/completions", "POST"), ("POST", "/v1/models", "GET"), ("PUT", "/v1/turns", "POST"),
     ("DELETE", "/healthz", "GET")],
)  # fmt: skip
async def test_a_path_that_is_asked_in_another_way_says_which_it_takes(
    home: House, method: str, path: str, allow: str
) -> None:
    async with httpx.AsyncClient(headers=HEAD) as client:
        reply = await client.request(method, f"{home.url}{path}")
    assert (reply.status_code, reply.headers["allow"]) == (405, allow)
    assert reply.json()["error"]["code"] == "wrong_method"


async def test_model_names_may_have_slashes(home: House) -> None:
    async with httpx.AsyncClient(headers=HEAD) as client:
        assert (await client.get(f"{home.url}/v1/models/org/a%20b.c:d?x=1")).status_code == 200
    assert home.seen[0].startswith(b"GET /v1/models/org/a%20b.c:d?x=1 HTTP/1.1\r\n")


async def test_slow_key_look_up_does_not_lose_the_body(home: House) -> None:
    home.records.wait = 0.1
    body = _user("word " * 100_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", home.port)
    data = request(body, "connection: close\r\n")
    for at in range(0, len(data), 60_000):
        writer.write(data[at : at + 60_000])
        await writer.drain()
        await asyncio.sleep(0.005)
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
