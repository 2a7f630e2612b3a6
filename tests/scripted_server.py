"""A real HTTP server of tests that behaves as it is told, and ways to behave."""

from __future__ import annotations

import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Self

__all__ = ["Behaviour", "Request", "ScriptedServer", "drip", "first", "hold", "raw", "status"]


@dataclass(frozen=True)
class Request:
    """One request that came. Names of ``headers`` are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[[BaseHTTPRequestHandler, Request], None]
"""Answers one request."""


class ScriptedServer(ABC):
    """Listens on a port of its own, for GET and POST. Where ``take`` raises, the connection is closed without an answer."""

    port: int = 0
    _server: ThreadingHTTPServer | None = None

    @abstractmethod
    def take(self, request: Request) -> Behaviour:
        """Notes a request and says how it is answered. Called in a thread of the request's."""

    def start(self) -> Self:
        """Listens, on the same port as before if there was one."""
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers["content-length"])))

            def do_GET(self) -> None:
                self._answer(b"")

            def _answer(self, body: bytes) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, body)
                scripted.take(request)(self, request)

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


def status(code: int, content: bytes = b"", **headers: str) -> Behaviour:
    """Always answers ``code``. Underscores in a header's name are hyphens."""

    def answer(handler: BaseHTTPRequestHandler, request: Request) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def first(number: int, then: Behaviour, otherwise: Behaviour | None = None) -> Behaviour:
    """``then`` for the first ``number`` requests, ``otherwise`` (204) after them."""
    before = count()

    def answer(handler: BaseHTTPRequestHandler, request: Request) -> None:
        (then if next(before) < number else otherwise or status(204))(handler, request)

    return answer


def raw(content: bytes) -> Behaviour:
    """Sends ``content`` as it is and hangs up."""

    def answer(handler: BaseHTTPRequestHandler, request: Request) -> None:
        handler.wfile.write(content)
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    return answer


def hold(released: threading.Event, seconds: float = 30.0) -> Behaviour:
    """Answers nothing until ``released``."""

    def answer(handler: BaseHTTPRequestHandler, request: Request) -> None:
        released.wait(seconds)
        status(204)(handler, request)

    return answer


def drip(head: bytes, piece: bytes, pause: float) -> Behaviour:
    """Sends ``head`` and then ``piece`` after ``piece``, ``pause`` seconds apart, for as long as somebody listens."""

    def answer(handler: BaseHTTPRequestHandler, request: Request) -> None:
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
