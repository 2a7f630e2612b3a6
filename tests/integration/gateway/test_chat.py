"""Chat completions over real sockets, through the official client and without."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import httpx
import orjson
import pytest
from openai import APIStatusError, AsyncOpenAI, RateLimitError

from guard.turns.contract import Delivered, VerdictKind
from policies.decision import Posture
from tests.integration.gateway.server import KEY, Desk, fixed, running

_ASK: Any = [{"role": "user", "content": "hi"}]
_CALL = {"model": "m", "messages": _ASK}
_HEAD = {"authorization": f"Bearer {KEY}"}


def _chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish, "odd": 1}
    body = {"id": "up", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + orjson.dumps(body) + b"\n\n"


def _whole(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return orjson.dumps({"id": "up", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}) + b" "


_GOOD = (_chunk({"role": "assistant", "content": ""}) + _chunk({"content": "Hello, dear friend. Mo"})
         + _chunk({"content": "re is here."}) + _chunk({}, "stop") + b"data: [DONE]\n\n")  # fmt: skip
_BAD = (_chunk({"role": "assistant", "content": "Hello, dear friend. "}) + _chunk({"content": "SECRET is this. "})
        + _chunk({}, "stop") + b"data: [DONE]\n\n")  # fmt: skip


async def _post(url: str, body: bytes, head: dict[str, str] = _HEAD) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"{url}/v1/chat/completions", content=body, headers=head, timeout=20)


def _client(url: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)


async def test_whole_reply_leaves_as_it_came_and_ours_stays_here() -> None:
    desk, body = Desk(), orjson.dumps({**_CALL, "unknown": [1]}) + b" "
    async with running(desk, fixed(_whole("Fine."), extra="x-up: 1\r\n")) as (url, seen):
        reply = await _post(url, body, {**_HEAD, "x-handrail-user": "u"})
    assert reply.content == _whole("Fine.")
    assert reply.headers["x-up"] == "1"
    assert reply.headers["x-handrail-action"] == "allow"
    assert seen[0].endswith(body)
    assert b"x-handrail" not in seen[0].lower()
    assert KEY.encode() not in seen[0]
    assert desk.requests[0].person == "u"
    assert desk.closed == [Delivered.WHOLE]


@pytest.mark.parametrize("posture", list(Posture))
async def test_stream_is_the_upstreams_own(posture: Posture) -> None:
    desk = Desk()
    desk.posture = posture
    async with running(desk, fixed(_GOOD, "text/event-stream")) as (url, _):
        reply = await _post(url, orjson.dumps({**_CALL, "stream": True}))
        async with _client(url) as client:
            stream = await client.chat.completions.create(model="m", messages=_ASK, stream=True)
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    comment = b": handrail action=allow status=full\n\n"
    assert reply.content == _GOOD.replace(b"data: [DONE]", comment + b"data: [DONE]")
    assert text == "Hello, dear friend. More is here."


@pytest.mark.parametrize("kind", [VerdictKind.COMPLETE, VerdictKind.TRIM])
@pytest.mark.parametrize("streamed", [True, False])
async def test_withheld_text_never_leaves(kind: VerdictKind, streamed: bool) -> None:
    desk = Desk()
    desk.kind = kind
    up = fixed(_BAD, "text/event-stream") if streamed else fixed(_whole("Hello, dear friend. SECRET is this."))
    async with running(desk, up) as (url, _):
        reply = await _post(url, orjson.dumps({**_CALL, "stream": streamed}))
    assert b"SECRET" not in reply.content
    assert b"ours" in reply.content
    assert b"[DONE]" in reply.content or not streamed


@pytest.mark.parametrize("streamed", [True, False])
async def test_completion_stands_for_a_dead_upstream(streamed: bool) -> None:
    desk = Desk()
    desk.completion = "I am here."
    async with running(desk, fixed(b"", status="500 No")) as (url, _), _client(url) as client:
        if streamed:
            stream = await client.chat.completions.create(model="m", messages=_ASK, n=2, stream=True)
            chunks = [chunk async for chunk in stream]
            assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, "stop", None, "stop"]
        else:
            whole = await client.chat.completions.create(model="m", messages=_ASK)
            assert whole.choices[0].message.content == "I am here."


async def test_tool_call_with_withheld_argument_is_dropped() -> None:
    desk = Desk()
    desk.kind = VerdictKind.TRIM
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":"SEC'}}
    rest = {"index": 0, "function": {"arguments": 'RET"}'}}
    body = _chunk({"tool_calls": [call]}) + _chunk({"tool_calls": [rest]}) + _chunk({}, "tool_calls") + b"data: [DONE]\n\n"
    async with running(desk, fixed(body, "text/event-stream")) as (url, _):
        reply = await _post(url, orjson.dumps({**_CALL, "stream": True}))
    assert b"SEC" not in reply.content
    assert b"tool_calls" not in reply.content
    assert b'"finish_reason":"stop"' in reply.content


async def test_upstream_error_passes_with_its_headers() -> None:
    up = fixed(b'{"error":{"message":"slow"}}', status="429 Slow", extra="retry-after: 7\r\n")
    async with running(Desk(), up) as (url, _), _client(url) as client:
        with pytest.raises(RateLimitError) as caught:
            await client.chat.completions.create(model="m", messages=_ASK)
    assert caught.value.response.headers["retry-after"] == "7"


async def test_guidance_goes_up_for_this_turn() -> None:
    desk = Desk()
    desk.guidance = "be kind"
    async with running(desk, fixed(_whole("Fine."))) as (url, seen):
        await _post(url, orjson.dumps(_CALL))
    assert b"be kind" in seen[-1]


@pytest.mark.parametrize(("body", "status"), [
    (b"{", 400), (b"[]", 400), (b'{"model":"m","model":"n","messages":[]}', 400), (b'{"a":NaN}', 400),
    (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400), (b'{"a":"\\ud800"}', 400), (b'{"a":"\xff"}', 400),
    (orjson.dumps({**_CALL, "n": 200}), 400), (orjson.dumps({**_CALL, "stream": "yes"}), 400),
    (orjson.dumps({**_CALL, "messages": "x"}), 400), (b" " * 5_000_000, 413),
    (orjson.dumps({**_CALL, "messages": [{"role": "user", "content": "word " * 50_000}]}), 200),
])  # fmt: skip
async def test_bad_input_is_a_clear_error(body: bytes, status: int) -> None:
    async with running(Desk(), fixed(_whole("Fine."))) as (url, _):
        reply = await _post(url, body)
        assert reply.status_code == status
        assert status == 200 or set(reply.json()["error"]) == {"message", "type", "param", "code"}
        assert (await _post(url, orjson.dumps(_CALL))).status_code == 200
        assert (await _post(url, orjson.dumps(_CALL), {"authorization": "Bearer hr_no"})).status_code == 401


_SSE = "text/event-stream"


@pytest.mark.parametrize(("answer", "streamed", "status"), [
    (fixed(b"<html>", "text/html"), True, 502), (fixed(b"<html>", "text/html"), False, 502),
    (fixed(gzip.compress(b"0" * 40_000_000), extra="content-encoding: gzip\r\n"), False, 502),
    (fixed(_chunk({"content": "Good day to you. \u00fc"})[:-20], _SSE), True, 200),
    (fixed(b"data: " + b"x" * 3_000_000, _SSE), True, 200),
])  # fmt: skip
async def test_lying_upstream(answer: Any, streamed: bool, status: int) -> None:
    desk = Desk()
    async with running(desk, answer) as (url, _), httpx.AsyncClient() as client:
        call = orjson.dumps({**_CALL, "stream": streamed})
        request = client.build_request("POST", f"{url}/v1/chat/completions", content=call, headers=_HEAD)
        reply = await client.send(request, stream=True)
        got = b""
        try:
            async for part in reply.aiter_raw():
                got += part
            assert status != 200  # a broken stream must not look whole
        except httpx.RemoteProtocolError:
            assert status == 200
        assert reply.status_code == status
        assert b'"error"' in got
        assert b"[DONE]" not in got
        assert desk.closed[0] is not Delivered.WHOLE


async def _silent(_: bytes, __: bytes, ___: asyncio.StreamWriter) -> None:
    await asyncio.sleep(2)


async def test_upstream_that_never_answers() -> None:
    async with running(Desk(), _silent) as (url, _), _client(url) as client:
        with pytest.raises(APIStatusError) as caught:
            await client.chat.completions.create(model="m", messages=_ASK)
    assert caught.value.status_code == 504


@pytest.mark.parametrize("pause", [0.001, 0.1])
async def test_hang_up_closes_every_turn_that_was_begun(pause: float) -> None:
    desk = Desk()
    async with running(desk, _silent) as (url, _):
        body = orjson.dumps(_CALL)
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {len(body)}"
        writer.write(head.encode() + b"\r\n\r\n" + body)
        await writer.drain()
        await asyncio.sleep(pause)
        writer.close()
        await asyncio.sleep(0.2)  # well before the upstream's own time is over
        assert desk.closed == [Delivered.NONE] * len(desk.requests)
        assert pause < 0.1 or desk.requests


async def test_structured_output_is_completed_in_the_refusal() -> None:
    desk = Desk()
    call = {**_CALL, "response_format": {"type": "json_object"}}
    async with running(desk, fixed(_whole('{"a": "SEC\\u0052ET"}'))) as (url, _):
        message = (await _post(url, orjson.dumps(call))).json()["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (None, "ours")


async def test_held_stream_stays_alive_and_ends_at_its_bound() -> None:
    desk = Desk()
    desk.posture = Posture.WHOLE

    async def slow(_: bytes, __: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for _turn in range(20):
            writer.write(_chunk({"content": "A sentence that is slow. "}))
            await writer.drain()
            await asyncio.sleep(0.1)

    async with running(desk, slow, keepalive_seconds=0.05, hold_seconds=0.4) as (url, _):
        reply = await _post(url, orjson.dumps({**_CALL, "stream": True}))
    assert b": held" in reply.content
    assert b'"finish_reason":"length"' in reply.content
    assert reply.content.endswith(b"data: [DONE]\n\n")


async def test_frames_larger_than_what_may_be_held_still_pass() -> None:
    big = b"".join(_chunk({"content": "x", "role": "assistant", "id": "y" * 3000}) for _ in range(8))
    stream = big + _chunk({}, "stop") + b"data: [DONE]\n\n"
    async with running(Desk(), fixed(stream, _SSE), max_held_bytes=4096) as (url, _):
        reply = await _post(url, orjson.dumps({**_CALL, "stream": True}))
    assert reply.content.startswith(big)
    assert b"[DONE]" in reply.content


async def test_routes() -> None:
    async with running(Desk(), fixed(b'{"data":[]}')) as (url, _), httpx.AsyncClient(headers=_HEAD) as client:
        assert (await client.get(f"{url}/v1/models")).headers["x-handrail-status"] == "bypassed"
        missing = await client.get(f"{url}/v1/files")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "unknown_path")
        sidecar = await client.post(f"{url}/v1/turns", json={"messages": _ASK, "reply": "SECRET is here."})
        assert sidecar.json()["reply"] == {"action": "complete", "text": "ours"}
        assert (await client.get(f"{url}/healthz")).status_code == 200
