"""The demo chatbot: an OpenAI-compatible server that answers from a script, so that every action of a policy can be seen.

It is deterministic: the same messages get the same words, whole or streamed. It knows no person and calls nobody.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from guard.demo.script import MANNERS, Script, load, manner_of

__all__ = ["application", "run"]

_TOKEN_SECONDS: Final = 0.02
_THINK_SECONDS: Final = 0.15
_MAX_CHOICES: Final = 16
_MODELS: Final = ("demo", *(f"demo-{manner}" for manner in MANNERS))


def application(*, token_seconds: float = _TOKEN_SECONDS, think_seconds: float = _THINK_SECONDS) -> Starlette:
    """The server. ``think_seconds`` pass before the first token, ``token_seconds`` between two."""
    chatbot = _Chatbot(load(), token_seconds, think_seconds)
    return Starlette(
        routes=[
            Route("/v1/chat/completions", chatbot.complete, methods=["POST"]),
            Route("/v1/models", chatbot.models, methods=["GET"]),
        ],
        exception_handlers={404: _refused, 405: _refused},
    )


def run(listening: socket.socket) -> None:
    """Serves on a listening socket until SIGTERM."""
    import uvicorn

    config = uvicorn.Config(
        application(),
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
    )
    uvicorn.Server(config).run(sockets=[listening])


class _Chatbot:
    def __init__(self, script: Script, token_seconds: float, think_seconds: float) -> None:
        self._script = script
        self._token_seconds = token_seconds
        self._think_seconds = think_seconds

    async def models(self, request: Request) -> Response:
        """The list of models: one a manner."""
        rows = [{"id": name, "object": "model", "created": 0, "owned_by": "handrail-demo"} for name in _MODELS]
        return _json({"object": "list", "data": rows})

    async def complete(self, request: Request) -> Response:
        """A chat completion, whole or streamed."""
        try:
            asked = orjson.loads(await request.body())
            model, messages = asked["model"], [(turn["role"], _text(turn.get("content"))) for turn in asked["messages"]]
            choices = int(asked.get("n") or 1)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            return _error(
                400, "the body must be a chat completion request with a model and messages", "invalid_request_error"
            )
        manner = manner_of(model) if isinstance(model, str) else None
        if manner is None:
            return _error(404, f"the demo chatbot has these models: {', '.join(_MODELS)}", "model_not_found")
        if not 1 <= choices <= _MAX_CHOICES:
            return _error(400, f"n must be between 1 and {_MAX_CHOICES}", "invalid_request_error")
        last = next((text for role, text in reversed(messages) if role == "user"), "")
        guided = any(role in ("system", "developer") for role, _ in messages)
        words = self._script.answer(manner, last, guided=guided)
        digest = hashlib.sha256(orjson.dumps([model, messages])).hexdigest()[:24]
        head = {"id": f"chatcmpl-{digest}", "created": int(time.time()), "model": model}
        usage = _usage(messages, words, choices)
        if asked.get("stream"):
            options = asked.get("stream_options")
            told = usage if isinstance(options, dict) and options.get("include_usage") else None
            return StreamingResponse(
                self._stream(head, words, choices, told),
                media_type="text/event-stream",
                headers={"cache-control": "no-store"},
            )
        await asyncio.sleep(self._think_seconds)
        said = [
            {"index": index, "message": {"role": "assistant", "content": words}, "logprobs": None, "finish_reason": "stop"}
            for index in range(choices)
        ]
        return _json({**head, "object": "chat.completion", "choices": said, "usage": usage})

    async def _stream(
        self, head: Mapping[str, Any], words: str, choices: int, usage: Mapping[str, int] | None
    ) -> AsyncIterator[bytes]:
        base = {**head, "object": "chat.completion.chunk"}

        def frame(delta: Mapping[str, str], finish: str | None = None) -> bytes:
            rows = [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish} for index in range(choices)]
            return b"".join(b"data: " + orjson.dumps({**base, "choices": [row]}) + b"\n\n" for row in rows)

        await asyncio.sleep(self._think_seconds)
        yield frame({"role": "assistant", "content": ""})
        for token in re.findall(r"\s*\S+", words):
            await asyncio.sleep(self._token_seconds)
            yield frame({"content": token})
        yield frame({}, "stop")
        if usage is not None:
            yield b"data: " + orjson.dumps({**base, "choices": [], "usage": usage}) + b"\n\n"
        yield b"data: [DONE]\n\n"


async def _refused(_: Request, error: Exception) -> Response:
    """Another path or method, as OpenAI's clients read it."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (404, None)
    words = "the demo chatbot answers POST /v1/chat/completions and GET /v1/models"
    answer = _error(status, words, "unknown_url" if status == 404 else "method_not_allowed")
    answer.headers.update(headers or {})
    return answer


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
    return ""


def _usage(messages: list[tuple[str, str]], words: str, choices: int) -> dict[str, int]:
    """Words stand in for tokens: the demo has no tokenizer."""
    read, said = sum(len(text.split()) for _, text in messages), len(words.split()) * choices
    return {"prompt_tokens": read, "completion_tokens": said, "total_tokens": read + said}


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _error(status: int, message: str, code: str) -> Response:
    kind = "invalid_request_error"
    return _json({"error": {"message": message, "type": kind, "param": None, "code": code}}, status)
