"""A chatbot for acceptance tests: OpenAI-compatible, its manner chosen by the model's name, counting what it meets."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

REPLIES = {
    "warm": "That sounds like a lot to carry. I'm glad you told me. What would help you most tonight?",
    "plain": "Here is what I found. The library opens at nine. Tell me if you need more.",
    "abrupt": "I'm sorry, but I can't help with that.",
    "clingy": "Please don't go yet. You don't need them, you have me. Nobody understands you like I do.",
}


@dataclass
class Counters:
    """What the chatbot has met."""

    started: int = 0
    finished: int = 0
    aborted: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)


class Chatbot:
    """``MANNER`` or ``MANNER-slow`` (a word every 0.1 s, with a pause of 0.5 s before the first). ``echo`` says what the
    last user message said, cut in the middle of words."""

    def __init__(self) -> None:
        self.counters = Counters()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        request = json.loads(body)
        self.counters.started += 1
        self.counters.bodies.append(request)
        gone = asyncio.ensure_future(receive())
        work = asyncio.ensure_future(self._answer(request, send))
        done, _ = await asyncio.wait({gone, work}, return_when=asyncio.FIRST_COMPLETED)
        if work in done:
            gone.cancel()
            work.result()
            self.counters.finished += 1
        else:
            work.cancel()
            self.counters.aborted += 1

    async def _answer(self, request: dict[str, Any], send: Any) -> None:
        manner, _, pace = request["model"].partition("-")
        text = REPLIES.get(manner, REPLIES["plain"])
        if manner == "echo":
            text = next(message["content"] for message in reversed(request["messages"]) if message["role"] == "user")
        pause = 0.1 if pace == "slow" else 0.0
        head = {"id": "chatcmpl-test", "created": 1_700_000_000, "model": request["model"]}
        stream = bool(request.get("stream"))
        await asyncio.sleep(pause * 5)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/event-stream" if stream else b"application/json")],
            }
        )
        if not stream:
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            whole = {**head, "object": "chat.completion", "choices": [choice]}
            await send({"type": "http.response.body", "body": json.dumps(whole).encode()})
            return

        async def event(delta: dict[str, Any], finish: str | None = None) -> None:
            chunk = {
                **head,
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            }
            data = f"data: {json.dumps(chunk)}\n\n".encode()
            await send({"type": "http.response.body", "body": data, "more_body": True})

        await event({"role": "assistant", "content": ""})
        for word in re.findall(r".{1,5}" if manner == "echo" else r"\S+\s*", text, re.S):
            await asyncio.sleep(pause)
            await event({"content": word})
        await event({}, "stop")
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


@contextmanager
def serve(chatbot: Chatbot) -> Iterator[str]:
    """The chatbot on a free port of the loopback; yields its base URL, which ends in /v1."""
    server = uvicorn.Server(uvicorn.Config(chatbot, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        thread.join(5)
