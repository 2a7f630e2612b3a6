"""HTTP itself: versions, heads, pipelines, and what is no HTTP."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from tests.integration.gateway.server import (
    ASK,
    CALL,
    DONE,
    KEY,
    SSE,
    Desk,
    chunk,
    fixed,
    house,
    request,
    silent,
    slow,
    whole,
)  # fmt: skip

_BODY = orjson.dumps(CALL)
_STREAM = orjson.dumps({**CALL, "stream": True})
_GOOD = chunk({"content": "Hello, dear friend. "}) + chunk({}, "stop") + DONE


@pytest.mark.parametrize("streamed", [True, False])
async def test_http_1_0_gets_no_chunks(streamed: bool) -> None:
    up = fixed(_GOOD, SSE) if streamed else fixed(whole("Fine."))
    async with house(Desk(), up) as home:
        head, _, body = (await home.raw(request(_STREAM if streamed else _BODY, version="1.0"))).partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head.lower()
        assert b"connection: close" in head.lower()
        assert body.replace(b": handrail action=allow status=full\n\n", b"") == (_GOOD if streamed else whole("Fine."))


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with house(Desk(), fixed(whole("Fine."))) as home:
        bad = request(b"{")
        got = await home.raw(request(_BODY) + bad + request(_BODY, "connection: close\r\n"))
    assert [part[:4] for part in got.split(b"HTTP/1.1")[1:]] == [b" 200", b" 400", b" 200"]


async def test_hang_up_reaches_every_request_of_a_pipeline() -> None:
    desk = Desk()
    async with house(desk, silent, upstream_first_byte_seconds=30.0, upstream_idle_seconds=30.0) as home:
        _, writer = await asyncio.open_connection("127.0.0.1", home.port)
        writer.write(request(_BODY))
        await home.until(lambda: len(home.seen) == 1)
        writer.write(b"GET /v1/mo")  # the next one is not whole, so that the connection is still read
        await asyncio.sleep(0.05)
        writer.transport.abort()
        await home.until(lambda: len(home.aborted) == 1)
        await home.until(lambda: len(desk.closed) == 1)


async def test_expect_continue() -> None:
    async with house(Desk(), fixed(whole("Fine."))) as home:
        reader, writer = await asyncio.open_connection("127.0.0.1", home.port)
        head, body = request(_BODY, "expect: 100-continue\r\nconnection: close\r\n").split(b"\r\n\r\n", 1)
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        # What is refused anyhow is not asked for.
        refused = await home.raw(head.replace(KEY.encode(), b"") + b"\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 401")
        large = head.replace(b"content-length: %d" % len(_BODY), b"content-length: 99999999")
        assert (await home.raw(large + b"\r\n\r\n")).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("flood", [
    b"x-a: " + b"y" * 5_000_000, b"".join(b"x-%d: y\r\n" % at for at in range(5000)), b"x" * 5_000_000,
    b"".join(b"x-%d: %s\r\n" % (at, b"y" * 1000) for at in range(100)),
])  # fmt: skip
@pytest.mark.parametrize("ends", [True, False])
async def test_header_floods_are_refused(flood: bytes, ends: bool) -> None:
    async with house(Desk(), fixed(whole("Fine."))) as home:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n" + flood + (b"\r\n\r\n" if ends else b"")
        try:
            got = await home.raw(head)
            assert got.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400")) or got == b""
            assert not got or set(orjson.loads(got.split(b"\r\n\r\n", 1)[1])["error"]) == {
                "message",
                "type",
                "param",
                "code",
            }
        except ConnectionError:
            pass  # refused while it was still sending
        assert (await home.raw(request(_BODY, "connection: close\r\n"))).startswith(b"HTTP/1.1 200")


async def test_long_address_is_refused() -> None:
    async with house(Desk(), fixed(whole("Fine."))) as home:
        got = await home.raw(b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize("data", [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"HELLO\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    request(_BODY).replace(b"content-length: ", b"content-length: -"),
    request(_BODY).replace(b"content-length", b"transfer-encoding: chunked\r\ncontent-length"),
    request(_BODY).split(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    b"CONNECT example.org:443 HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET http://example.org/v1/files HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
])  # fmt: skip
async def test_what_is_no_http_is_told_so(data: bytes) -> None:
    async with house(Desk(), fixed(whole("Fine."))) as home:
        got = await home.raw(data)
        assert got.split(b" ")[1][:1] == b"4"
        assert set(orjson.loads(got.split(b"\r\n\r\n", 1)[1])["error"]) == {"message", "type", "param", "code"}
        assert home.seen == []
        assert (await home.raw(request(_BODY, "connection: close\r\n"))).startswith(b"HTTP/1.1 200")


async def test_upgrade_is_not_taken() -> None:
    async with house(Desk(), fixed(whole("Fine."))) as home:
        ask = "connection: upgrade, close\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: x\r\n"
        assert b" 101 " not in await home.raw(request(_BODY, ask), seconds=1.5)


async def test_bytes_after_a_request_do_not_stand_inside_its_answer() -> None:
    up = slow(chunk({"content": "Hello, dear friend. "}), chunk({}, "stop") + DONE, pause=0.1)
    async with house(Desk(), up) as home:
        reader, writer = await asyncio.open_connection("127.0.0.1", home.port)
        writer.write(request(_STREAM))
        await reader.readuntil(b"friend. ")
        writer.write(b"\x00garbage\r\n\r\n")
        assert b"HTTP/1.1" not in await reader.read()
        writer.close()
        assert home.desk.requests[0].messages[0].text == ASK[0]["content"]
