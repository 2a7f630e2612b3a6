"""A real HTTP endpoint that speaks chat completions and behaves as it is told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from guard.opinion.rubric import RUBRICS, Rubric
from tests import scripted_server
from tests.scripted_server import Behaviour, Request, ScriptedServer

__all__ = ["Endpoint", "Seen", "answer", "completion", "labels", "raw", "refuse", "slow", "status"]


@dataclass(frozen=True)
class Seen:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def said(self) -> dict[str, str]:
        """What was asked about."""
        found: dict[str, str] = json.loads(self.body["messages"][1]["content"])
        return found


@dataclass
class Endpoint(ScriptedServer):
    """``behaviours`` are used up in order; after them every question is answered well."""

    seen: list[Seen] = field(default_factory=list)
    behaviours: list[Behaviour] = field(default_factory=list)

    @property
    def url(self) -> str:
        """As ``HANDRAIL_OPINION_URL`` has it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def take(self, request: Request) -> Behaviour:
        """Questions are POSTs; nothing else is answered."""
        if request.method != "POST":
            return status(501)
        self.seen.append(Seen(request.path, request.headers, json.loads(request.body)))
        return self.behaviours.pop(0) if self.behaviours else answer()


def completion(content: str | None, *, refusal: str | None = None, finish: str = "stop") -> bytes:
    """A chat completion."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return json.dumps(
        {"id": "c", "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    ).encode()


def labels(rubric: Rubric, **chosen: int | str) -> dict[str, int | str]:
    """An answer that fits: no to everything, save what is ``chosen``."""
    return {label.name: 0 if label.values[0] == 0 else "no" for label in rubric.labels} | chosen


def status(code: int, content: bytes = b"{}", **headers: str) -> Behaviour:
    """Answers with a status and JSON. Underscores in a header's name are hyphens."""
    return scripted_server.status(code, content, content_type="application/json", **headers)


def answer(**chosen: int | str) -> Behaviour:
    """Answers by the schema that the request has."""

    def behave(handler: BaseHTTPRequestHandler, request: Request) -> None:
        name = json.loads(request.body)["response_format"]["json_schema"]["name"]
        rubric = next(rubric for rubric in RUBRICS.values() if name == f"{rubric.name}_labels")
        raw(completion(json.dumps(labels(rubric, **chosen))))(handler, request)

    return behave


def raw(content: bytes) -> Behaviour:
    """Answers 200 with these bytes."""
    return status(200, content)


def refuse() -> Behaviour:
    """Declines, as OpenAI's endpoint says so."""
    return raw(completion(None, refusal="I cannot help with that."))


def slow() -> Behaviour:
    """Sends a byte at a time and never ends."""
    return scripted_server.drip(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", b" ", 0.02)
