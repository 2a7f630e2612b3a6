"""A scripted desk, records of one tenant, a chatbot that misbehaves on demand, and the gateway on a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID, uuid4

import uvicorn

from guard.gateway.app import create_app
from guard.gateway.upstream import AiohttpUpstream
from guard.records.contract import Records
from guard.settings import Settings
from guard.turns.contract import (
    Attempt,
    Delivered,
    Ending,
    Identity,
    Opening,
    Passage,
    Reply,
    Status,
    TurnRequest,
    Verdict,
    VerdictKind,
)  # fmt: skip
from policies.decision import Action, Posture

KEY = "hr_test"
Answer = Callable[[bytes, bytes, asyncio.StreamWriter], Awaitable[None]]


class Desk:
    """Withholds passages with SECRET in them; says ``completion`` where one is set."""

    def __init__(self) -> None:
        self.completion: str | None = None
        self.guidance: str | None = None
        self.append: str | None = None
        self.kind = VerdictKind.COMPLETE
        self.posture = Posture.SENTENCE
        self.requests: list[TurnRequest] = []
        self.closed: list[Delivered] = []

    def begin(self, request: TurnRequest) -> _Turn:
        self.requests.append(request)
        return _Turn(self)


class _Turn:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._id = uuid4()

    async def speculate(self) -> bool:
        return True

    async def opening(self) -> Opening:
        desk = self._desk
        action = Action.COMPLETE if desk.completion else Action.ALLOW
        return Opening(
            Attempt(self._id, 1), action, Status.FULL, "hash", desk.posture, desk.guidance, desk.completion
        )  # fmt: skip

    async def judge(self, passage: Passage) -> Verdict:
        return Verdict(self._desk.kind, "ours") if "SECRET" in passage.text else Verdict(VerdictKind.RELEASE)

    async def end(self, reply: Reply) -> Ending:
        return Ending(Action.ALLOW, Status.FULL, append=self._desk.append)

    async def settle(self) -> None:
        return

    def close(self, delivered: Delivered) -> None:
        self._desk.closed.append(delivered)


class OneTenant:
    async def authenticate(self, key: str) -> Identity | None:
        return Identity(UUID(int=1), "t") if key == KEY else None

    async def turn(self, tenant_id: UUID, turn_id: UUID) -> dict[str, Any] | None:
        return {"id": str(turn_id)} if turn_id.int != 7 else None


@asynccontextmanager
async def running(desk: Desk, answer: Answer, **changed: Any) -> AsyncIterator[tuple[str, list[bytes]]]:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            size = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            body = await reader.readexactly(size)
            seen.append(head + body)
            await answer(head, body, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    bot = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = bot.sockets[0].getsockname()[1]
    settings = Settings(upstream_first_byte_seconds=0.5, upstream_idle_seconds=0.5, **changed)
    upstream = AiohttpUpstream(f"http://127.0.0.1:{port}/v1", settings)
    app = create_app(
        desk=desk,
        records=cast(Records, OneTenant()),
        upstream=upstream,
        settings=settings,
        live=lambda: (200, {"status": "ok"}),
        ready=lambda: (200, {"status": "full"}),
        metrics=lambda: (b"", "text/plain"),
    )
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(cast(Any, app), log_level="critical", lifespan="on"))
    task = asyncio.create_task(server.serve([listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", seen
    finally:
        server.should_exit = True
        await task
        listening.close()
        bot.close()
        await bot.wait_closed()


def fixed(body: bytes, kind: str = "application/json", status: str = "200 OK", extra: str = "") -> Answer:
    """Answers with these bytes and closes."""

    async def answer(_: bytes, __: bytes, writer: asyncio.StreamWriter) -> None:
        head = (
            f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{extra}connection: close\r\n\r\n"
        )
        writer.write(head.encode() + body)

    return answer
