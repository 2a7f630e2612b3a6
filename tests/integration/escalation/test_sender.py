"""One attempt: certificates, names that change their mind, and addresses that do not answer."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from guard.escalation.schedule import Answer
from guard.escalation.signing import body, headers, secret_key
from guard.escalation.webhook import Limits, Sender
from tests import scripted_server as behave
from tests.integration.escalation.certificate import certify
from tests.integration.escalation.house import new_secret
from tests.integration.escalation.mailbox import badly
from tests.integration.escalation.receiver import Receiver

_LIMITS = Limits(connect_seconds=0.5, total_seconds=1.5)
_CONTENT = body("case.opened", datetime(2026, 11, 24, tzinfo=UTC), {"severity": 4})


class _Resolver:
    """Answers with the next of ``answers`` each time, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def lone() -> Iterator[Receiver]:
    receiver = Receiver(new_secret()).start()
    yield receiver
    receiver.stop()


def _send(url: str, secret: str, resolve: _Resolver, *, tls: ssl.SSLContext | None = None, private: bool = True) -> Answer:
    async def once() -> Answer:
        signed = headers("msg_1", datetime.now(UTC), _CONTENT, secret_key(secret))
        async with Sender(allow_private=private, limits=_LIMITS, resolve=resolve, tls=tls) as sender:
            return await sender.send(url, _CONTENT, signed)

    return asyncio.run(once())


def test_a_name_is_asked_once_and_its_answer_is_where_it_goes(lone: Receiver) -> None:
    resolve = _Resolver(["127.0.0.1"], ["127.0.0.2"])
    path = f"/{uuid4()}"
    answer = _send(f"http://hooks.example.org:{lone.port}{path}?a=%20b", lone.secret, resolve)
    assert answer.status == 204
    assert resolve.asked == 1
    (seen,) = lone.at(f"{path}?a=%20b")
    assert seen.headers["host"] == f"hooks.example.org:{lone.port}"


def test_a_name_that_turns_private_between_attempts_is_refused_then(lone: Receiver) -> None:
    resolve = _Resolver(["203.0.113.9"], ["127.0.0.1"])  # a documentation address: not public either, nothing is sent
    for _ in range(2):
        assert (
            _send(f"https://hooks.example.org:{lone.port}/h", lone.secret, resolve, private=False).error == "address_private"
        )
    assert not lone.seen


def test_the_next_address_is_tried_when_one_does_not_answer(lone: Receiver) -> None:
    answer = _send(f"http://hooks.example.org:{lone.port}/h", lone.secret, _Resolver(["::1", "127.0.0.1"]))
    assert answer.status == 204


def test_a_name_that_does_not_resolve() -> None:
    class Nowhere(_Resolver):
        def __call__(self, host: str, port: int) -> Sequence[str]:
            raise OSError

    assert _send("https://nowhere.example.org/h", new_secret(), Nowhere([])).error == "name_not_found"


def test_a_port_where_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        assert _send(f"http://127.0.0.1:{port}/h", new_secret(), _Resolver([])).error == "connect_failed"


def test_somebody_who_accepts_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert _send(f"http://127.0.0.1:{port}/h", new_secret(), _Resolver([])).error == "timeout"


def test_an_environment_with_a_proxy_changes_nothing(lone: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert _send(lone.url("/h"), lone.secret, _Resolver([])).status == 204


def test_a_retry_after_of_the_receiver_is_read(lone: Receiver) -> None:
    lone.on("/h", behave.status(503, retry_after="17"))
    answer = _send(lone.url("/h"), lone.secret, _Resolver([]))
    assert (answer.status, answer.retry_after) == (503, 17.0)


class _Writer:
    """Reads a request, answers ``head`` and then ``piece`` for as long as somebody listens; ``written`` counts."""

    def __init__(self, head: bytes, piece: bytes, pause: float = 0.0) -> None:
        self.head, self.piece, self.pause = head, piece, pause
        self.written = 0

    def __call__(self, connection: socket.socket) -> None:
        connection.settimeout(3)
        connection.recv(65536)
        connection.sendall(self.head)
        while self.piece:
            connection.sendall(self.piece)
            self.written += len(self.piece)
            time.sleep(self.pause)


_GZIP = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1000000\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "piece", "pause", "status", "error"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n", b"x" * 65536, 0.0, 200, None),
        (b"HTTP/1.1 500 No\r\ncontent-length: 1073741824\r\n\r\n", b"x" * 65536, 0.0, 500, None),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"zz not a chunk", 0.0, 200, None),
        (_GZIP, gzip.compress(bytes(10**6)), 0.0, 200, None),
        (_GZIP, b"no gzip at all", 0.0, 200, None),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.2, 200, None),  # a slow body of a success
        (b"HTTP/1.1 200 OK\r\n", b"x-filler: " + b"y" * 8000 + b"\r\n", 0.0, None, "protocol_error"),
        (b"HTTP/1.1 200 OK\r\n", b"x", 0.2, None, "timeout"),  # a head that never ends
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01, None, "timeout"),
        (b"HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n", b"", 0.0, 999, None),
        (b"HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n", b"", 0.0, 301, "redirect_301"),
        (b"\x16\x03\x01\x02\x00", b"", 0.0, None, "protocol_error"),  # TLS where none was asked for
        (b"", b"", 0.0, None, "protocol_error"),
    ],
)  # fmt: skip
def test_whatever_a_receiver_answers_costs_little_time_and_little_memory(
    head: bytes, piece: bytes, pause: float, status: int | None, error: str | None
) -> None:
    writer = _Writer(head, piece, pause)
    began = time.monotonic()
    with badly(writer) as port:
        answer = _send(f"http://127.0.0.1:{port}/h", new_secret(), _Resolver([]))
    assert (answer.status, answer.error) == (status, error)
    assert time.monotonic() - began < _LIMITS.total_seconds + 3
    assert writer.written < 16 * 2**20  # what the sockets' buffers took before it was left


def _read_request(connection: ssl.SSLSocket) -> None:
    """All of it: a connection that is closed with something unread is reset, and takes the answer with it."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = read.partition(b"\r\n\r\n")
    left = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0) - len(
        body
    )
    while left > 0 and (more := connection.recv(left)):
        left -= len(more)


@contextmanager
def _tls_server(folder: Path, name: str) -> Iterator[tuple[int, Path]]:
    """A server with a certificate for ``name`` that answers 204 to everything; its port and the certificate's file."""
    context, chain = certify(folder, name)
    listening = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    connection.settimeout(2)
                    _read_request(connection)
                    connection.sendall(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
            except OSError:
                plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1], chain
    finally:
        stopped.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(3)


@pytest.mark.parametrize(("certified", "trusted", "error"), [
    ("hooks.example.org", True, None),
    ("other.example.org", True, "tls_failed"),
    ("hooks.example.org", False, "tls_failed"),
])  # fmt: skip
def test_the_certificate_is_that_of_the_webhooks_host(
    tmp_path: Path, certified: str, trusted: bool, error: str | None
) -> None:
    with _tls_server(tmp_path, certified) as (port, chain):
        tls = ssl.create_default_context(cafile=str(chain) if trusted else None)
        answer = _send(f"https://hooks.example.org:{port}/h", new_secret(), _Resolver(["127.0.0.1"]), tls=tls)
    assert answer.error == error
    assert answer.status == (204 if error is None else None)
