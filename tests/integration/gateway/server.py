"""A scripted desk, records of one tenant, a chatbot that misbehaves on demand, and the gateway on a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID, uuid4

import orjson
import uvicorn

from guard.gateway.app import create_app
from guard.gateway.listener import Listener
from guard.gateway.meters import NoMeters
from guard.gateway.upstream import AiohttpUpstream
from guard.records.contract import Records
from guard.records.terms import RedactUpstream
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
HEAD = {"authorization": f"Bearer {KEY}"}
ASK: Any = [{"role": "user", "content": "hi"}]
CALL: dict[str, Any] = {"model": "m", "messages": ASK}
SSE = "text/event-stream"
DONE = b"data: [DONE]\n\n"
Answer = Callable[[bytes, bytes, asyncio.StreamWriter], Awaitable[None]]


class Desk:
    """Withholds passages with SECRET in them; holds from passages with PAUSE in them; says ``completion`` where one is
    set. ``only``: the choices that it looks at, ``None`` for all."""

    def __init__(self) -> None:
        self.completion: str | None = None
        self.guidance: str | None = None
        self.append: str | None = None
        self.rescue: str | None = None
        self.instead: str | None = None
        self.kind = VerdictKind.COMPLETE
        self.posture = Posture.SENTENCE
        self.only: set[int] | None = None
        self.speculates = True
        self.wait = 0.0
        self.fails = False
        self.requests: list[TurnRequest] = []
        self.passages: list[Passage] = []
        self.closed: list[Delivered] = []

    def begin(self, request: TurnRequest) -> _Turn:
        self.requests.append(request)
        return _Turn(self)


class _Turn:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._id = uuid4()

    async def speculate(self) -> bool:
        return self._desk.speculates

    async def opening(self) -> Opening:
        desk = self._desk
        await asyncio.sleep(desk.wait)
        action = Action.COMPLETE if desk.completion else Action.ALLOW
        return Opening(
            Attempt(self._id, 1), action, Status.FULL, "hash", desk.posture, desk.guidance, desk.completion
        )  # fmt: skip

    async def judge(self, passage: Passage) -> Verdict:
        desk = self._desk
        desk.passages.append(passage)
        if desk.fails:
            raise RuntimeError("the desk fails")
        if desk.only is not None and passage.choice not in desk.only:
            return Verdict(VerdictKind.RELEASE)
        if "PAUSE" in passage.text:
            return Verdict(VerdictKind.HOLD)
        return Verdict(desk.kind, "ours") if "SECRET" in passage.text else Verdict(VerdictKind.RELEASE)

    async def end(self, reply: Reply) -> Ending:
        desk = self._desk
        if desk.only is not None and reply.choice not in desk.only:
            return Ending(Action.ALLOW, Status.FULL)
        return Ending(Action.ALLOW, Status.FULL, complete=desk.instead, append=desk.append)

    async def rescue(self) -> str | None:
        return self._desk.rescue

    async def settle(self) -> None:
        return

    def close(self, delivered: Delivered) -> None:
        self._desk.closed.append(delivered)


class OneTenant:
    """Knows one key. ``wait``: how long it looks for it. ``redact``: what goes upstream for it."""

    def __init__(self) -> None:
        self.wait = 0.0
        self.redact = RedactUpstream.OFF
        self.store_text = False

    async def authenticate(self, key: str) -> Identity | None:
        if self.wait:
            await asyncio.sleep(self.wait)
        identity = Identity(UUID(int=1), "t", store_text=self.store_text, redact_upstream=self.redact)
        return identity if key == KEY else None

    async def turn(self, tenant_id: UUID, turn_id: UUID) -> dict[str, Any] | None:
        return {"id": str(turn_id)} if turn_id.int != 7 else None


class Counting(NoMeters):
    """Remembers what was counted."""

    def __init__(self) -> None:
        self.bad: list[str] = []
        self.failed: list[str] = []

    def bad_request(self, reason: str) -> None:
        self.bad.append(reason)

    def upstream_failure(self, reason: str) -> None:
        self.failed.append(reason)


@dataclass
class House:
    """A running gateway. ``direct``: the chatbot's own address. ``seen``: the requests that reached the chatbot.
    ``aborted``: as many as it saw hang up before its answer was out."""

    url: str
    direct: str
    desk: Desk
    records: OneTenant
    bot: asyncio.Server
    meters: Counting = field(default_factory=Counting)
    seen: list[bytes] = field(default_factory=list)
    aborted: list[float] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    async def raw(self, data: bytes, *, seconds: float = 5) -> bytes:
        """What the gateway answers to these bytes until it hangs up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        try:
            async with asyncio.timeout(seconds):
                return await reader.read()
        finally:
            writer.close()

    async def until(self, met: Callable[[], bool], *, seconds: float = 20) -> None:
        """Waits for a condition."""
        async with asyncio.timeout(seconds):
            while not met():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def house(desk: Desk, answer: Answer, *, veil: Any = None, **changed: Any) -> AsyncIterator[House]:
    """The gateway before a chatbot that answers with ``answer``."""
    loop = asyncio.get_running_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        watch: asyncio.Task[None] | None = None
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            size = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            body = await reader.readexactly(size)
            home.seen.append(head + body)
            answering = loop.create_task(_answered(answer, head, body, writer))
            watch = loop.create_task(_gone(reader))
            await asyncio.wait({answering, watch}, return_when=asyncio.FIRST_COMPLETED)
            gone = not answering.done()
            answering.cancel()
            [error] = await asyncio.gather(answering, return_exceptions=True)
            if gone or isinstance(error, ConnectionError):
                home.aborted.append(loop.time())
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            if watch is not None:
                watch.cancel()
            writer.close()

    bot = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = bot.sockets[0].getsockname()[1]
    settings = Settings(**{"upstream_first_byte_seconds": 0.5, "upstream_idle_seconds": 0.5, **changed})
    upstream = AiohttpUpstream(f"http://127.0.0.1:{port}/v1", settings)
    listening = socket.create_server(("127.0.0.1", 0))
    records = OneTenant()
    home = House(f"http://127.0.0.1:{listening.getsockname()[1]}", f"http://127.0.0.1:{port}", desk, records, bot)
    app = create_app(
        desk=desk,
        records=cast(Records, records),
        upstream=upstream,
        settings=settings,
        live=lambda: (200, {"status": "ok"}),
        ready=lambda: (200, {"status": "full"}),
        metrics=lambda: (b"", "text/plain"),
        meters=cast(Any, home.meters),
        veil=veil,
    )
    config = uvicorn.Config(cast(Any, app), log_level="critical", lifespan="on", http=Listener, ws="none")
    # As uvicorn.Server.serve does, without its pauses.
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    try:
        yield home
    finally:
        for listener in server.servers:
            listener.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        for task in list(server.server_state.tasks):
            task.cancel()
        await asyncio.gather(*server.server_state.tasks, return_exceptions=True)
        await server.lifespan.shutdown()
        listening.close()
        bot.close()
        await bot.wait_closed()


@asynccontextmanager
async def running(desk: Desk, answer: Answer, **changed: Any) -> AsyncIterator[tuple[str, list[bytes]]]:
    """The gateway's address and what reached the chatbot."""
    async with house(desk, answer, **changed) as home:
        yield home.url, home.seen


async def _answered(answer: Answer, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
    await answer(head, body, writer)
    await writer.drain()


async def _gone(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(1024):
            pass
    except ConnectionError:
        pass


def request(body: bytes, extra: str = "", version: str = "1.1") -> bytes:
    """A chat call as bytes."""
    head = f"POST /v1/chat/completions HTTP/{version}\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n{extra}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def fixed(body: bytes, kind: str = "application/json", status: str = "200 OK", extra: str = "") -> Answer:
    """Answers with these bytes and closes."""

    async def answer(_: bytes, __: bytes, writer: asyncio.StreamWriter) -> None:
        head = (
            f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{extra}connection: close\r\n\r\n"
        )
        writer.write(head.encode("latin-1") + body)

    return answer


def slow(*parts: bytes, pause: float = 0.05, kind: str = SSE, forever: bool = False) -> Answer:
    """Answers with these parts, a pause after each; ``forever``: the last one again and again."""

    async def answer(_: bytes, __: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode())
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        while forever:
            writer.write(parts[-1])
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


def chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    """One frame of a streamed reply."""
    choice = {"index": index, "delta": delta, "finish_reason": finish, "odd": 1}
    body = {"id": "up", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}
    return b"data: " + orjson.dumps(body) + b"\n\n"


def whole(text: str | None, **message: Any) -> bytes:
    """A whole reply."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
    return orjson.dumps({"id": "up", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}) + b" "


async def silent(_: bytes, __: bytes, ___: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.sleep(30)
