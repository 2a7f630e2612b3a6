"""Clients that go away, and clients that read slowly."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from guard.turns.contract import Delivered
from tests.integration.gateway.server import CALL, DONE, Desk, chunk, fixed, house, request, silent, slow, whole

_BODY = orjson.dumps(CALL)
_STREAM = orjson.dumps({**CALL, "stream": True})
_PART = chunk({"content": "One more sentence of this. "})
_LONG = {"upstream_first_byte_seconds": 20.0, "upstream_idle_seconds": 20.0}


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.05])
@pytest.mark.parametrize("speculates", [True, False])
async def test_hang_up_before_the_answer(pause: float, speculates: bool) -> None:
    desk = Desk()
    desk.speculates, desk.wait = speculates, 0.02
    async with house(desk, silent, **_LONG) as home:
        _, writer = await asyncio.open_connection("127.0.0.1", home.port)
        writer.write(request(_BODY))
        await writer.drain()
        await asyncio.sleep(pause)
        writer.close()
        await home.until(lambda: len(desk.requests) == 1)  # a disclosure is heard, however fast the person leaves
        await home.until(lambda: desk.closed == [Delivered.NONE])
        await home.until(lambda: len(home.aborted) == len(home.seen))
        await asyncio.sleep(0.05)
        assert desk.closed == [Delivered.NONE]


async def test_hang_up_while_the_key_is_looked_up() -> None:
    desk = Desk()
    async with house(desk, silent, **_LONG) as home:
        home.records.wait = 0.1
        for body in (_BODY, orjson.dumps({**CALL, "messages": [{"role": "user", "content": "word " * 40_000}]})):
            _, writer = await asyncio.open_connection("127.0.0.1", home.port)
            writer.write(request(body))
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.close()
        await home.until(lambda: desk.closed == [Delivered.NONE] * 2)
        assert len(desk.requests) == 2


async def test_hang_up_in_a_stream() -> None:
    desk = Desk()
    async with house(desk, slow(_PART, pause=0.01, forever=True)) as home:
        reader, writer = await asyncio.open_connection("127.0.0.1", home.port)
        writer.write(request(_STREAM))
        await reader.readuntil(b"sentence of this")
        writer.close()
        await home.until(lambda: len(home.aborted) == 1)
        await home.until(lambda: desk.closed == [Delivered.PART])


async def test_hang_up_between_the_head_and_the_first_text() -> None:
    desk = Desk()
    async with house(desk, slow(chunk({"role": "assistant", "content": ""}), pause=5), **_LONG) as home:
        reader, writer = await asyncio.open_connection("127.0.0.1", home.port)
        writer.write(request(_STREAM))
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        await home.until(lambda: len(home.aborted) == 1)
        await home.until(lambda: len(desk.closed) == 1)
        assert desk.closed[0] is not Delivered.WHOLE


async def test_hang_up_in_the_middle_of_the_request_begins_no_turn() -> None:
    desk = Desk()
    async with house(desk, fixed(whole("Fine."))) as home:
        _, writer = await asyncio.open_connection("127.0.0.1", home.port)
        writer.write(request(_BODY)[:-5])
        await asyncio.sleep(0.05)
        writer.close()
        await asyncio.sleep(0.05)
        assert desk.requests == []
        assert (await home.raw(request(_BODY, "connection: close\r\n"))).startswith(b"HTTP/1.1 200")


async def test_completion_in_place_of_a_reply_ends_the_call() -> None:
    desk = Desk()
    desk.completion, desk.wait = "I am here.", 0.1
    async with house(desk, silent, **_LONG) as home:
        assert b"I am here." in await home.raw(request(_STREAM, "connection: close\r\n"))
        await home.until(lambda: len(home.aborted) == len(home.seen) == 1)
        assert desk.closed == [Delivered.WHOLE]


async def test_completion_within_a_stream_ends_the_call() -> None:
    desk = Desk()
    up = slow(_PART, chunk({"content": "SECRET is this one. "}), _PART, pause=0.01, forever=True)
    async with house(desk, up) as home:
        got = await home.raw(request(_STREAM, "connection: close\r\n"))
        assert b"ours" in got
        assert DONE in got
        assert b"SECRET" not in got
        await home.until(lambda: len(home.aborted) == 1)
        assert desk.closed == [Delivered.WHOLE]


async def test_slow_reader_holds_the_chatbot_back() -> None:
    desk = Desk()
    big = chunk({"content": "A sentence of a long tale. " * 2000})
    sent = 0

    async def up(_: bytes, __: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        while True:
            writer.write(big)
            await writer.drain()
            sent += 1

    async with house(desk, up, max_response_bytes=1 << 30, **_LONG) as home:
        reader, writer = await asyncio.open_connection("127.0.0.1", home.port, limit=1024)
        writer.write(request(_STREAM))
        async with asyncio.timeout(20):
            await reader.readuntil(b"data:")  # some of the reply has come; from here on nobody reads
        last = -1
        async with asyncio.timeout(20):
            while last != sent or not sent:
                last = sent
                await asyncio.sleep(0.4)
        assert sent * len(big) < 60_000_000  # it stands still: what sockets and one gate hold, and no more
        writer.transport.abort()
        await home.until(lambda: len(home.aborted) == 1)
        await home.until(lambda: desk.closed == [Delivered.PART])


@pytest.mark.parametrize("streamed", [True, False])
async def test_desk_that_fails_ends_one_request_only(streamed: bool) -> None:
    desk = Desk()
    desk.fails = True
    up = slow(_PART, pause=0.01, forever=True) if streamed else fixed(whole("One more sentence of this."))
    async with house(desk, up) as home:
        got = await home.raw(request(_STREAM if streamed else _BODY, "connection: close\r\n"))
        assert b"internal_error" in got
        assert b"[DONE]" not in got
        assert got.startswith(b"HTTP/1.1 200" if streamed else b"HTTP/1.1 500")
        assert not streamed or not got.endswith(b"0\r\n\r\n")
        await home.until(lambda: desk.closed == [Delivered.NONE])
        await home.until(lambda: not streamed or len(home.aborted) == 1)
        desk.fails = False
        assert streamed or b"HTTP/1.1 200" in await home.raw(request(_BODY, "connection: close\r\n"))
