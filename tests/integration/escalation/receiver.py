"""A real HTTP receiver that verifies each request with the reference library and behaves as it is told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

__all__ = ["Receiver", "Seen"]


@dataclass(frozen=True)
class Seen:
    """One request that came: where, with which id, and what the reference library read from it."""

    path: str
    id: str
    message: dict[str, Any]
    headers: dict[str, str]
    body: bytes
    at: float


Behaviour = Callable[[BaseHTTPRequestHandler, int], None]
"""Answers a request; the number is how many came to this path before."""


@dataclass
class Receiver:
    """Listens on a port of its own. Without a behaviour a path answers 204."""

    secret: str
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    unverified: list[str] = field(default_factory=list)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> Receiver:
        """Listens, on the same port as before if there was one."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                receiver._take(self)

            def do_GET(self) -> None:
                receiver.unverified.append(self.path)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
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

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def on(self, path: str, behaviour: Behaviour) -> str:
        """Sets how ``path`` answers; returns its address."""
        self.behaviours[path] = behaviour
        return self.url(path)

    def at(self, path: str) -> list[Seen]:
        """What came to ``path``."""
        return [request for request in list(self.seen) if request.path == path]

    def wait(self, path: str, count: int, seconds: float = 120.0) -> list[Seen]:
        """What came to ``path`` once ``count`` requests are there."""
        deadline = time.monotonic() + seconds
        while len(self.at(path)) < count:
            assert time.monotonic() < deadline, f"{len(self.at(path))} of {count} requests came to {path} in {seconds} s"
            time.sleep(0.005)
        return self.at(path)

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        try:
            message = Webhook(self.secret).verify(body, headers)
        except Exception:
            self.unverified.append(handler.path)
            raise
        before = len(self.at(handler.path))
        self.seen.append(Seen(handler.path, headers["webhook-id"], message, headers, body, time.time()))
        self.behaviours.get(handler.path, status(204))(handler, before)


def status(code: int, **headers: str) -> Behaviour:
    """Always answers ``code``."""

    def answer(handler: BaseHTTPRequestHandler, before: int) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


def first(count: int, then: Behaviour, otherwise: Behaviour | None = None) -> Behaviour:
    """``then`` for the first ``count`` requests, ``otherwise`` (204) after them."""

    def answer(handler: BaseHTTPRequestHandler, before: int) -> None:
        (then if before < count else otherwise or status(204))(handler, before)

    return answer


def raw(content: bytes) -> Behaviour:
    """Sends ``content`` as it is and hangs up."""

    def answer(handler: BaseHTTPRequestHandler, before: int) -> None:
        handler.wfile.write(content)
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    return answer


def hold(released: threading.Event, seconds: float = 30.0) -> Behaviour:
    """Answers nothing until ``released``."""

    def answer(handler: BaseHTTPRequestHandler, before: int) -> None:
        released.wait(seconds)
        status(204)(handler, before)

    return answer


def drip(head: bytes, piece: bytes, pause: float) -> Behaviour:
    """Sends ``head`` and then ``piece`` after ``piece`` for as long as somebody listens."""

    def answer(handler: BaseHTTPRequestHandler, before: int) -> None:
        handler.close_connection = True
        try:
            handler.wfile.write(head)
            while True:
                handler.wfile.write(piece)
                handler.wfile.flush()
                time.sleep(pause)
        except OSError:
            return

    return answer
