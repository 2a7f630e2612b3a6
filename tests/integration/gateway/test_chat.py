"""Chat completions over real sockets, through the official client and without."""

from __future__ import annotations

import httpx
import orjson
import pytest
from openai import AsyncOpenAI, RateLimitError

from guard.turns.contract import Delivered, VerdictKind
from policies.decision import Posture
from tests.integration.gateway.server import ASK, CALL, HEAD, KEY, SSE, Desk, chunk, fixed, running, slow, whole

_GOOD = (chunk({"role": "assistant", "content": ""}) + chunk({"content": "Hello, dear friend. Mo"})
         + chunk({"content": "re is here."}) + chunk({}, "stop") + b"data: [DONE]\n\n")  # fmt: skip
_BAD = (chunk({"role": "assistant", "content": "Hello, dear friend. "}) + chunk({"content": "SECRET is this. "})
        + chunk({}, "stop") + b"data: [DONE]\n\n")  # fmt: skip


async def _post(url: str, body: bytes, head: dict[str, str] = HEAD) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"{url}/v1/chat/completions", content=body, headers=head, timeout=20)


def _client(url: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)


async def test_whole_reply_leaves_as_it_came_and_ours_stays_here() -> None:
    desk, body = Desk(), orjson.dumps({**CALL, "unknown": [1]}) + b" "
    async with running(desk, fixed(whole("Fine."), extra="x-up: 1\r\n")) as (url, seen):
        reply = await _post(url, body, {**HEAD, "x-handrail-user": "u"})
    assert reply.content == whole("Fine.")
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
    async with running(desk, fixed(_GOOD, SSE)) as (url, _):
        reply = await _post(url, orjson.dumps({**CALL, "stream": True}))
        async with _client(url) as client:
            stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    comment = b": handrail action=allow status=full\n\n"
    assert reply.content == _GOOD.replace(b"data: [DONE]", comment + b"data: [DONE]")
    assert text == "Hello, dear friend. More is here."


@pytest.mark.parametrize("kind", [VerdictKind.COMPLETE, VerdictKind.TRIM])
@pytest.mark.parametrize("streamed", [True, False])
async def test_withheld_text_never_leaves(kind: VerdictKind, streamed: bool) -> None:
    desk = Desk()
    desk.kind = kind
    up = fixed(_BAD, SSE) if streamed else fixed(whole("Hello, dear friend. SECRET is this."))
    async with running(desk, up) as (url, _):
        reply = await _post(url, orjson.dumps({**CALL, "stream": streamed}))
    assert b"SECRET" not in reply.content
    assert b"ours" in reply.content
    assert b"[DONE]" in reply.content or not streamed


@pytest.mark.parametrize("streamed", [True, False])
async def test_completion_stands_for_a_dead_upstream(streamed: bool) -> None:
    desk = Desk()
    desk.completion = "I am here."
    async with running(desk, fixed(b"", status="500 No")) as (url, _), _client(url) as client:
        if streamed:
            stream = await client.chat.completions.create(model="m", messages=ASK, n=2, stream=True)
            chunks = [chunk async for chunk in stream]
            assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, "stop", None, "stop"]
        else:
            whole = await client.chat.completions.create(model="m", messages=ASK)
            assert whole.choices[0].message.content == "I am here."


async def test_tool_call_with_withheld_argument_is_dropped() -> None:
    desk = Desk()
    desk.kind = VerdictKind.TRIM
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":"SEC'}}
    rest = {"index": 0, "function": {"arguments": 'RET"}'}}
    body = chunk({"tool_calls": [call]}) + chunk({"tool_calls": [rest]}) + chunk({}, "tool_calls") + b"data: [DONE]\n\n"
    async with running(desk, fixed(body, SSE)) as (url, _):
        reply = await _post(url, orjson.dumps({**CALL, "stream": True}))
    assert b"SEC" not in reply.content
    assert b"tool_calls" not in reply.content
    assert b'"finish_reason":"stop"' in reply.content


async def test_upstream_error_passes_with_its_headers() -> None:
    up = fixed(b'{"error":{"message":"slow"}}', status="429 Slow", extra="retry-after: 7\r\n")
    async with running(Desk(), up) as (url, _), _client(url) as client:
        with pytest.raises(RateLimitError) as caught:
            await client.chat.completions.create(model="m", messages=ASK)
    assert caught.value.response.headers["retry-after"] == "7"


async def test_guidance_goes_up_for_this_turn() -> None:
    desk = Desk()
    desk.guidance = "be kind"
    async with running(desk, fixed(whole("Fine."))) as (url, seen):
        await _post(url, orjson.dumps(CALL))
    assert b"be kind" in seen[-1]


async def test_structured_output_is_completed_in_the_refusal() -> None:
    desk = Desk()
    call = {**CALL, "response_format": {"type": "json_object"}}
    async with running(desk, fixed(whole('{"a": "SEC\\u0052ET"}'))) as (url, _):
        message = (await _post(url, orjson.dumps(call))).json()["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (None, "ours")


async def test_held_stream_stays_alive_and_ends_at_its_bound() -> None:
    desk = Desk()
    desk.posture = Posture.WHOLE

    up = slow(chunk({"content": "A sentence that is slow. "}), pause=0.1, forever=True)
    async with running(desk, up, keepalive_seconds=0.05, hold_seconds=0.4) as (url, _):
        reply = await _post(url, orjson.dumps({**CALL, "stream": True}))
    assert b": held" in reply.content
    assert b'"finish_reason":"length"' in reply.content
    assert reply.content.endswith(b"data: [DONE]\n\n")


async def test_frames_larger_than_what_may_be_held_still_pass() -> None:
    big = b"".join(chunk({"content": "x", "role": "assistant", "id": "y" * 3000}) for _ in range(8))
    stream = big + chunk({}, "stop") + b"data: [DONE]\n\n"
    async with running(Desk(), fixed(stream, SSE), max_held_bytes=4096) as (url, _):
        reply = await _post(url, orjson.dumps({**CALL, "stream": True}))
    assert reply.content.startswith(big)
    assert b"[DONE]" in reply.content


async def test_routes() -> None:
    async with running(Desk(), fixed(b'{"data":[]}')) as (url, _), httpx.AsyncClient(headers=HEAD) as client:
        assert (await client.get(f"{url}/v1/models")).headers["x-handrail-status"] == "bypassed"
        missing = await client.get(f"{url}/v1/files")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "unknown_path")
        sidecar = await client.post(f"{url}/v1/turns", json={"messages": ASK, "reply": "SECRET is here."})
        assert sidecar.json()["reply"]["text"] == "ours"
        assert (await client.get(f"{url}/healthz")).status_code == 200
