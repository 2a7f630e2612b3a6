"""Memory stays flat: the gateway in a process of its own, under large requests and streams that are left midway."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
import orjson

from tests.integration.gateway.server import CALL, HEAD, request

_SERVE = """
import asyncio
from tests.integration.gateway.server import Desk, chunk, fixed, house, slow, whole

async def main():
    tale = slow(chunk({"content": "A sentence of a long tale. " * 20}), pause=0, forever=True)
    short = fixed(whole("Fine. " * 1000))

    async def answer(head, body, writer):
        await (tale if b'"stream":true' in body else short)(head, body, writer)

    async with house(Desk(), answer) as home:
        home.desk.requests = home.desk.passages = home.desk.closed = home.seen = Nothing()
        print(home.port, flush=True)
        await asyncio.sleep(600)

class Nothing(list):
    def append(self, item):
        pass

asyncio.run(main())
"""
_BOUND = 48 * 1024 * 1024


async def _large(client: httpx.AsyncClient, url: str) -> None:
    body = orjson.dumps({**CALL, "messages": [{"role": "user", "content": "word " * 200_000}]})
    assert (await client.post(f"{url}/v1/chat/completions", content=body, headers=HEAD)).status_code == 200


async def _aborted(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(orjson.dumps({**CALL, "stream": True})))
    await reader.readuntil(b"long tale")
    writer.transport.abort()


async def test_memory_is_flat() -> None:
    process = await asyncio.to_thread(subprocess.Popen, [sys.executable, "-c", _SERVE], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(await asyncio.to_thread(process.stdout.readline))

        def resident() -> int:
            return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        async with httpx.AsyncClient(timeout=30) as client:
            for round_ in range(5):
                for _ in range(10):
                    await asyncio.gather(*(_large(client, f"http://127.0.0.1:{port}") for _ in range(4)))
                for _ in range(5):
                    await asyncio.gather(*(_aborted(port) for _ in range(8)))
                if round_ == 0:
                    before = resident()
        assert resident() - before < _BOUND
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
