"""What a chatbot may do wrongly: the client is told so in the protocol's shape, and nothing looks whole that is not."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import Any

import httpx
import orjson
import pytest
from openai import APIError, AsyncOpenAI

from guard.turns.contract import Delivered
from policies.decision import Posture
from tests.integration.gateway.server import (
    ASK,
    CALL,
    DONE,
    HEAD,
    KEY,
    SSE,
    Answer,
    Desk,
    chunk,
    fixed,
    house,
    silent,
    slow,
    whole,
)  # fmt: skip

_FIRST = chunk({"role": "assistant", "content": "Good day to you."})
_END = chunk({}, "stop") + DONE


async def _get(url: str, streamed: bool) -> tuple[int, bytes, bool]:
    """Status, body, and whether the body came to its end."""
    got = b""
    async with (
        httpx.AsyncClient(headers=HEAD, timeout=20) as client,
        client.stream("POST", f"{url}/v1/chat/completions", json={**CALL, "stream": streamed}) as reply,
    ):
        try:
            async for part in reply.aiter_raw():
                got += part
        except httpx.RemoteProtocolError:
            return reply.status_code, got, False
        return reply.status_code, got, True


def _bytes(*parts: bytes, pause: float = 0.0) -> Answer:
    """Answers with these bytes, whatever they are."""

    async def answer(_: bytes, __: bytes, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


_OK = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\nconnection: close\r\n"
_HTML = fixed(b"<html>nothing here</html>", "text/html")
_FAULTS: list[tuple[Answer, str, int, int]] = [
    # the chatbot, why, the status of a whole reply, the status of a streamed one (0: not tried)
    (_HTML, "upstream_not_json", 502, 0),
    (_HTML, "upstream_content_type", 0, 502),
    (fixed(b""), "upstream_not_json", 502, 0),
    (fixed(b"", SSE), "upstream_cut", 0, 502),
    (fixed(b"[]"), "upstream_shape", 502, 0),
    (fixed(b'{"id":"x"}'), "upstream_shape", 502, 0),
    (fixed(b'{"choices":{}}'), "upstream_shape", 502, 0),
    (fixed(b'{"choices":["x"]}'), "upstream_shape", 502, 0),
    (fixed(whole("x")[:-9]), "upstream_not_json", 502, 0),
    (fixed(b'{"a":' + b"[" * 20_000), "upstream_not_json", 502, 0),
    (fixed(b"data: {\n\n" + _END, SSE), "upstream_not_json", 0, 502),
    (fixed(b"data: [1]\n\n" + _END, SSE), "upstream_shape", 0, 502),
    (fixed(b"", status="302 Found", extra="location: http://127.0.0.1:9/\r\n"), "upstream_redirect", 502, 502),
    (fixed(b"", status="304 Not Modified"), "upstream_redirect", 502, 502),
    (fixed(b"x", status="799 Odd"), "upstream_redirect", 502, 502),
    (fixed(gzip.compress(b"0" * 40_000_000), extra="content-encoding: gzip\r\n"), "upstream_too_large", 502, 0),
    (fixed(b"x" * 17_000_000), "upstream_too_large", 502, 0),
    (fixed(gzip.compress(b"data: " + b"0" * 40_000_000), SSE, extra="content-encoding: gzip\r\n"), "event_too_long", 0, 502),
    (fixed(gzip.compress(whole("x"))[:-12], extra="content-encoding: gzip\r\n"), "upstream_cut", 502, 0),
    (fixed(whole("x"), extra="content-encoding: br\r\n"), "upstream_encoding", 502, 0),
    (fixed(whole("x"), extra="content-encoding: gzip\r\n"), "upstream_cut", 502, 0),
    (fixed(b"data: " + b"x" * 3_000_000, SSE), "event_too_long", 0, 502),
    (_bytes(_OK % SSE.encode() + b"content-length: 999\r\n\r\n"), "upstream_cut", 0, 502),
    (_bytes(b"not http at all\r\n\r\n"), "upstream_unreachable", 502, 502),
    (_bytes(b"HTTP/1.1 200 OK\r\n" + b"x-a: " + b"y" * 200_000), "upstream_unreachable", 502, 502),
    (_bytes(b"HTTP/1.1 200 OK\r\ncontent-le"), "upstream_unreachable", 502, 502),
    (_bytes(), "upstream_unreachable", 502, 502),
    (_bytes(b"HTTP/1.1 200 OK\r\nx-a: ", *[b"y"] * 40, pause=0.1), "upstream_timeout", 504, 504),
    (silent, "upstream_timeout", 504, 504),
    (slow(b" ", pause=2, kind="application/json"), "upstream_stalled", 504, 0),
    (slow(b"", pause=2), "upstream_stalled", 0, 504),
    (slow(b": ping\n\n", pause=2), "upstream_stalled", 0, 200),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "reason", "status", "streamed_status"), _FAULTS)
async def test_fault_before_anything_left(answer: Answer, reason: str, status: int, streamed_status: int) -> None:
    desk = Desk()
    async with house(desk, answer) as home:
        for streamed, expected in ((False, status), (True, streamed_status)):
            if not expected:
                continue
            got, body, ended = await _get(home.url, streamed)
            assert got == expected
            if got != 200:
                error = orjson.loads(body)["error"]
                assert (error["code"], ended) == (reason, True)
                assert error["type"] in ("upstream_error", "upstream_timeout")
            assert b"[DONE]" not in body
        assert set(home.meters.failed) == {reason}
        assert all(delivered is not Delivered.WHOLE for delivered in desk.closed)
        assert len(desk.closed) == len(desk.requests)


async def test_unreachable() -> None:
    desk = Desk()
    async with house(desk, silent) as home, httpx.AsyncClient(headers=HEAD) as client:
        home.bot.close()
        for streamed in (True, False):
            reply = await client.post(f"{home.url}/v1/chat/completions", json={**CALL, "stream": streamed})
            assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_unreachable")
        assert home.meters.failed == ["upstream_unreachable"] * 2
        assert desk.closed == [Delivered.NONE] * 2


_CHUNKED = b"transfer-encoding: chunked\r\n\r\n270f\r\n"
_SHORT = b"content-length: 9999\r\n\r\n"
_DEFLATE = b"content-encoding: deflate\r\n\r\n"
_BROKEN: list[tuple[str, Answer, str]] = [
    ("in a character", fixed(_FIRST + chunk({"content": "Hello ü"}).split(b"\xbc")[0], SSE), "upstream_not_json"),
    ("in an event", fixed(_FIRST + _END[:30], SSE), "upstream_not_json"),
    ("after the first event", fixed(_FIRST, SSE), "upstream_cut"),
    ("short of its length", _bytes(_OK % SSE.encode() + _SHORT + _FIRST), "upstream_cut"),
    ("in a chunk", _bytes(_OK % SSE.encode() + _CHUNKED + _FIRST), "upstream_cut"),
    ("stalls", slow(_FIRST, pause=3), "upstream_stalled"),
    ("endless line", fixed(_FIRST + b"data: " + b"x" * 2_000_000, SSE), "event_too_long"),
    ("no json", fixed(_FIRST + b"data: <html>\n\n" + _END, SSE), "upstream_not_json"),
    ("bad deflate", _bytes(_OK % SSE.encode() + _DEFLATE + zlib.compress(_FIRST * 3)[:-8] + b"z" * 5), "upstream_cut"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "reason"), _BROKEN)
async def test_fault_in_the_middle(name: str, answer: Answer, reason: str) -> None:
    desk = Desk()
    async with house(desk, answer) as home:
        status, body, ended = await _get(home.url, True)
        assert (status, ended) == (200, False), name
        assert b"Good day" in body
        assert b"[DONE]" not in body
        assert home.meters.failed[0].startswith(reason)
        events = [orjson.loads(part[6:]) for part in body.split(b"\n\n") if part.startswith(b"data: ")]
        assert events[-1]["error"]["code"] == home.meters.failed[0]
        assert desk.closed == [Delivered.PART]
        async with AsyncOpenAI(base_url=f"{home.url}/v1", api_key=KEY, max_retries=0) as client:
            with pytest.raises(APIError):
                async for _ in await client.chat.completions.create(model="m", messages=ASK, stream=True):
                    pass


async def test_half_a_tool_call_is_not_delivered() -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "send", "arguments": '{"to": "a'}}
    async with house(Desk(), fixed(_FIRST + chunk({"tool_calls": [call]}), SSE)) as home:
        _, body, ended = await _get(home.url, True)
    assert not ended
    assert b"Good day" in body
    assert b"send" not in body


async def test_error_event_of_the_chatbot_is_told_once() -> None:
    own = b'data: {"error":{"message":"the model is out of memory","code":"oom"}}\n\n'
    for events in (_FIRST + own + DONE, own):
        async with house(Desk(), fixed(events, SSE)) as home:
            status, body, ended = await _get(home.url, True)
            assert (status, ended, body) == (200, False, events.removesuffix(DONE))
            async with AsyncOpenAI(base_url=f"{home.url}/v1", api_key=KEY, max_retries=0) as client:
                with pytest.raises(APIError, match="out of memory"):
                    async for _ in await client.chat.completions.create(model="m", messages=ASK, stream=True):
                        pass


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_compression_that_was_not_asked_for_is_undone(coding: str) -> None:
    pack: Any = gzip.compress if coding == "gzip" else zlib.compress
    long = whole("A long and even reply. " * 4000)
    async with house(Desk(), fixed(pack(long), extra=f"content-encoding: {coding}\r\n")) as home:
        assert (await _get(home.url, False))[1] == long
        assert b"accept-encoding: identity" in home.seen[0].lower()
    async with house(Desk(), fixed(pack(_FIRST + _END), SSE, extra=f"content-encoding: {coding}\r\n")) as home:
        body = (await _get(home.url, True))[1]
    assert body.replace(b": handrail action=allow status=full\n\n", b"") == _FIRST + _END


async def test_careless_ends_are_taken() -> None:
    for events in (
        _FIRST + chunk({}, "stop"),
        _FIRST + chunk({}, "stop") + b"data: [DONE]",
        _FIRST + chunk({}, "stop")[:-2],
    ):
        async with house(Desk(), fixed(events, SSE)) as home:
            status, body, ended = await _get(home.url, True)
            assert (status, ended) == (200, True)
            assert home.desk.closed == [Delivered.WHOLE]
            parts = [part for part in body.split(b"\n\n") if part.startswith(b"data: {")]
            assert [orjson.loads(part[6:])["choices"][0]["finish_reason"] for part in parts] == [None, "stop"]


async def test_slow_drip_is_relayed_and_ends_at_the_total() -> None:
    drip = slow(*[bytes([byte]) for byte in _FIRST], pause=0.002)
    async with house(Desk(), drip) as home:
        assert b"Good day" in (await _get(home.url, True))[1]
    endless = slow(_FIRST, pause=0.1, forever=True)
    async with house(Desk(), endless, upstream_total_seconds=0.6) as home:
        status, body, ended = await _get(home.url, True)
        assert (status, ended) == (200, False)
        assert b"upstream_stalled" in body
        assert home.desk.closed == [Delivered.PART]


async def test_endless_reply_ends_at_its_bound() -> None:
    endless = slow(chunk({"content": "A sentence of an endless tale. " * 100}) * 20, pause=0, forever=True)
    async with house(Desk(), endless, max_response_bytes=300_000) as home:
        _, body, ended = await _get(home.url, True)
        assert not ended
        assert b"upstream_too_large" in body
        await home.until(lambda: len(home.aborted) == 1)


_FILTERED = fixed(b'{"error":{"code":"content_filter","message":"filtered"}}', status="400 Bad Request")


@pytest.mark.parametrize("answer", [fixed(b"{}", status="503 Service Unavailable"), _FILTERED, _HTML, _bytes(), silent])
@pytest.mark.parametrize("streamed", [False, True])
async def test_nobody_in_distress_is_left_with_the_chatbot_s_failure(answer: Answer, streamed: bool) -> None:
    desk = Desk()
    desk.rescue = "I'm still here with you."
    async with house(desk, answer) as home:
        got, body, ended = await _get(home.url, streamed)
        assert (got, ended) == (200, True)
        assert b"I'm still here with you." in body
        assert (b"[DONE]" in body) is streamed
        assert len(home.meters.failed) == 1
    assert desk.closed == [Delivered.WHOLE]


_OPENED = chunk({"role": "assistant", "content": ""})
_THINKS = chunk({"role": "assistant", "reasoning_content": "I think about it. "})
_CALLS = chunk({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}]})
_OWN_ERROR = b'data: {"error":{"message":"the model is out of memory","code":"oom"}}\n\n'
_SILENCES = {
    "an error at once": fixed(_OWN_ERROR, SSE),
    "an error behind the head": slow(_OPENED, _OWN_ERROR),
    "a comment": fixed(b": ping\n\n", SSE),
    "an opening": fixed(_OPENED, SSE),
    "a blank": fixed(chunk({"role": "assistant", "content": " \n"}), SSE),
    "a thought": slow(_THINKS),
    "half a tool call": slow(_OPENED, _CALLS),
    "silence": slow(b"", pause=5),
    "no choice": fixed(DONE, SSE),
    "no choice but a frame": fixed(b'data: {"id":"up","choices":[]}\n\n' + DONE, SSE),
}  # fmt: skip


@pytest.mark.parametrize("name", _SILENCES)
async def test_a_stream_that_fails_before_it_said_anything_says_words_of_ours(name: str) -> None:
    desk = Desk()
    desk.rescue = "I'm still here with you."
    async with house(desk, _SILENCES[name], keepalive_seconds=0.1) as home:
        async with AsyncOpenAI(base_url=f"{home.url}/v1", api_key=KEY, max_retries=0) as client:
            asked: Any = {"model": "m", "messages": ASK, "stream": True, "stream_options": {"include_usage": True}}
            chunks = [part async for part in await client.chat.completions.create(**asked)]
        assert len(home.meters.failed) == 1
        got, body, ended = await _get(home.url, True)
    said = [choice for part in chunks for choice in part.choices]
    assert "".join(choice.delta.content or "" for choice in said).strip() == "I'm still here with you."
    assert [choice.finish_reason for choice in said][-1] == "stop"
    assert chunks[-1].usage is not None
    assert (got, ended, body.endswith(DONE), b"error" in body) == (200, True, True, False)
    assert body.count(b'"role"') == 1
    assert b"tool_calls" not in body
    assert desk.closed == [Delivered.WHOLE] * 2


async def test_a_structured_reply_that_breaks_off_is_rescued_in_its_refusal() -> None:
    desk = Desk()
    desk.rescue = "I'm still here with you."
    half = fixed(chunk({"role": "assistant", "content": '{"a'}), SSE)
    async with house(desk, half) as home, httpx.AsyncClient(headers=HEAD) as client:
        call = {**CALL, "stream": True, "response_format": {"type": "json_object"}}
        body = (await client.post(f"{home.url}/v1/chat/completions", json=call)).content
    assert b'"refusal":"I\'m still here with you."' in body
    assert b"content" not in body.replace(b'"content":null', b"")
    assert body.endswith(DONE)


async def test_a_stream_that_has_spoken_ends_as_it_broke() -> None:
    desk = Desk()
    desk.rescue = "I'm still here with you."
    async with house(desk, fixed(_FIRST, SSE)) as home:
        _, body, ended = await _get(home.url, True)
    assert not ended
    assert b"still here" not in body


@pytest.mark.parametrize("name", ["an opening", "an error behind the head"])
async def test_a_rescue_that_fails_leaves_nobody_waiting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_: Any) -> str | None:
        raise RuntimeError("the desk fails")

    monkeypatch.setattr("tests.integration.gateway.server._Turn.rescue", fails)
    desk = Desk()
    async with house(desk, _SILENCES[name]) as home:
        _, body, ended = await _get(home.url, True)
    assert b"internal_error" in body
    assert (ended, b"[DONE]" in body) == (False, False)


@pytest.mark.parametrize("rescue", [None, "I'm still here with you."])
async def test_a_whole_reply_without_a_choice_is_a_failure(rescue: str | None) -> None:
    desk = Desk()
    desk.rescue = rescue
    async with house(desk, fixed(b'{"id":"x","choices":[]}')) as home:
        status, body, _ = await _get(home.url, False)
        assert home.meters.failed == ["upstream_shape"]
    assert status == (502 if rescue is None else 200)
    assert (b"still here" in body) is (rescue is not None)


@pytest.mark.parametrize("rescue", [None, "I'm still here with you."])
async def test_a_reply_held_in_silence_ends_in_words(rescue: str | None) -> None:
    desk = Desk()
    desk.rescue, desk.posture = rescue, Posture.WHOLE
    thinking = slow(_OPENED, chunk({"reasoning_content": "I think. "}), pause=0.05, forever=True)
    async with house(desk, thinking, hold_seconds=0.3) as home:
        status, body, ended = await _get(home.url, True)
    assert (status, ended, body.endswith(DONE)) == (200, True, True)
    assert (b'"finish_reason":"length"' in body) is (rescue is None)
    assert (b"still here" in body) is (rescue is not None)
