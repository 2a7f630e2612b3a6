"""A real HTTP endpoint that speaks chat completions and behaves as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from guard.opinion.rubric import RUBRICS, Rubric

__all__ = ["Endpoint", "Seen", "answer", "completion", "raw", "refuse", "slow", "status"]

Behaviour = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]
"""Answers one request, whose body is the mapping."""


@dataclass(frozen=True)
class Seen:
    """One request that came."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def said(self) -> dict[str, str]:
        """What was asked about."""
        found: dict[str, str] = json.loads(self.body["messages"][1]["content"])
        return found


@dataclass
class Endpoint:
    """Listens on a port of its own. ``behaviours`` are used up in order; after them every question is answered well."""

    seen: list[Seen] = field(default_factory=list)
    behaviours: list[Behaviour] = field(default_factory=list)
    port: int = 0
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """As ``HANDRAIL_OPINION_URL`` has it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> Endpoint:
        """Listens, on the same port as before if there was one."""
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                endpoint.seen.append(Seen(self.path, headers, body))
                behave = endpoint.behaviours.pop(0) if endpoint.behaviours else answer()
                behave(self, body)

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that goes away is what some tests are about."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def stop(self) -> None:
        """Nobody listens any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def send(handler: BaseHTTPRequestHandler, code: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
    """A whole response."""
    handler.send_response(code)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(content)))
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


def completion(content: str | None, *, refusal: str | None = None, finish: str = "stop") -> bytes:
    """A chat completion."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return json.dumps(
        {"id": "c", "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    ).encode()


def labels(rubric: Rubric, **chosen: int | str) -> dict[str, int | str]:
    """An answer that fits: no to everything, save what is ``chosen``."""
    return {label.name: 0 if label.values[0] == 0 else "no" for label in rubric.labels} | chosen


def answer(**chosen: int | str) -> Behaviour:
    """Answers by the schema that the request has."""

    def behave(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        name = body["response_format"]["json_schema"]["name"]
        rubric = next(rubric for rubric in RUBRICS.values() if name == f"{rubric.name}_labels")
        send(handler, 200, completion(json.dumps(labels(rubric, **chosen))))

    return behave


def raw(content: bytes) -> Behaviour:
    """Answers 200 with these bytes."""
    return lambda handler, body: send(handler, 200, content)


def refuse(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """Declines, as OpenAI's endpoint says so."""
    send(handler, 200, completion(None, refusal="I cannot help with that."))


def status(code: int, content: bytes = b"{}", **headers: str) -> Behaviour:
    """Answers with a status. Underscores in a header's name are hyphens."""
    return lambda handler, body: send(handler, code, content, {k.replace("_", "-"): v for k, v in headers.items()})


def slow(seconds: float) -> Behaviour:
    """Sends a byte at a time and never ends within ``seconds``."""

    def behave(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000000")
        handler.end_headers()
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.02)
        except OSError:
            pass

    return behave
