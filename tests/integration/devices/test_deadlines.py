"""The end of a call over real sockets: peers that drip, that take nothing, and names that nobody resolves."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import httpcore
import numpy as np
import pytest

from detectors.encoder.backend import Logits
from detectors.encoder.deadlines import MOST_CONNECTING, TimedBackend, until
from detectors.encoder.errors import DeviceFailed
from detectors.encoder.ladder import Breaker, Ladder
from detectors.encoder.remote import RemoteBackend
from tests.integration.devices.dripping import dripping

SECONDS = 0.3
ROW = tuple(np.ones((1, 3), dtype=np.int64) for _ in range(3))


class Local:
    """The CPU below."""

    def run(self, ids: object, mask: object, types: object) -> tuple[Logits, Logits]:
        return np.zeros((1, 3), dtype=np.float32), np.zeros((1, 3, 3), dtype=np.float32)


@pytest.mark.parametrize(
    ("scheme", "first", "drop"),
    [
        ("http", b"HTTP/1.1 200 OK\r\nx-words: ", b"a"),
        ("http", b"", b"H"),
        ("http", b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n", b""),
        ("http", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1;"),
        ("http", b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("https", b"\x16\x03\x03\x40\x00", b"\x02"),
    ],
    ids=["headers", "status", "nothing", "body", "informational", "tls"],
)
def test_a_server_that_drips_holds_no_call(scheme: str, first: bytes, drop: bytes) -> None:
    with dripping(first, drop) as drip:
        url = f"{scheme}://127.0.0.1:{drip.port}"
        remote = RemoteBackend(url, "ab" * 32, seconds=SECONDS, outputs=3)
        ladder = Ladder(url, remote, Local(), breaker=Breaker(failures=9))
        for calls in (1, 2):
            logits, _ = ladder.run(*ROW)
            assert not logits.any()  # the CPU's
            assert ladder.placement.failures == {"deadline": calls}
        ladder.close()
        remote.close()
        assert drip.dry == 0


def test_a_body_that_drips_to_its_end_is_too_late() -> None:
    body = b"HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n"
    with dripping(body, b"x") as drip:
        remote = RemoteBackend(f"http://127.0.0.1:{drip.port}", "ab" * 32, seconds=SECONDS, outputs=3)
        with pytest.raises(DeviceFailed) as caught:
            remote.run(*ROW)
        assert caught.value.reason == "deadline"
        remote.close()


def test_a_peer_that_takes_a_little_now_and_then_holds_no_write() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stream = TimedBackend(5).connect_tcp("127.0.0.1", listening.getsockname()[1], time.monotonic() + 5)
        stream.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        caller, _ = listening.accept()

        def sip() -> None:
            while not stop.wait(0.02):
                caller.recv(65536)

        thread = threading.Thread(target=sip)
        thread.start()
        try:
            with pytest.raises(httpcore.WriteTimeout):
                stream.write(bytes(1 << 26), time.monotonic() + SECONDS)
        finally:
            stream.close()
            stop.set()
            thread.join(10)
            caller.close()


def test_a_name_that_is_looked_up_forever_holds_no_call_and_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, resolve = threading.Event(), socket.getaddrinfo
    asked: list[str] = []

    def slow(host: str, *rest: Any, **more: Any) -> object:
        if host == "localhost":
            asked.append(host)
            assert answer.wait(30)
        return resolve(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with dripping(b"HTTP/1.1 429 No\r\ncontent-length: 0\r\n\r\n", b"") as drip:
        remote = RemoteBackend(f"http://localhost:{drip.port}", "ab" * 32, seconds=SECONDS, outputs=3)
        reasons = [_reason(partial(remote.run, *ROW)) for _ in range(5)]
        assert reasons == ["deadline"] * 5
        assert len(asked) == MOST_CONNECTING
        answer.set()
        end = time.monotonic() + 20
        while (reason := _reason(partial(remote.run, *ROW))) != "refused":
            assert reason in ("deadline", "unreachable")
            assert time.monotonic() < end
            time.sleep(0.02)
        remote.close()


def test_a_request_without_an_end_is_refused_and_one_past_it_fails() -> None:
    backend = TimedBackend(5)
    with pytest.raises(ValueError, match="moment"):
        backend.connect_tcp("127.0.0.1", 1)
    late = until(time.monotonic() - 1)
    assert late["pool"] == 0
    with pytest.raises(httpcore.ConnectTimeout):
        backend.connect_tcp("127.0.0.1", 1, late["connect"])


def _reason(call: Callable[[], object]) -> str:
    with pytest.raises(DeviceFailed) as caught:
        call()
    return caught.value.reason
