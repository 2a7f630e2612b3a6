"""Connections on which a call ends at a moment, whatever the peer sends.

A timeout of ``httpcore`` is one operation's of a socket: who sends a byte now and then holds a call for as long as it likes.
Here a ``timeout`` is the moment of :func:`time.monotonic` by which the call has ended, and each operation gets what is left.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Final

import httpcore

__all__ = ["MOST_CONNECTING", "TimedBackend", "until"]

MOST_CONNECTING: Final = 4
"""Attempts to connect under way at once, with those for which nobody waits any more."""


def until(end: float) -> dict[str, float]:
    """The timeouts of a request over a :class:`TimedBackend` that ends at ``end``. The pool's own is in seconds."""
    return {"connect": end, "read": end, "write": end, "pool": max(end - time.monotonic(), 0.0)}


class TimedBackend(httpcore.NetworkBackend):
    """Opens TCP connections, and TLS on them, in at most ``seconds`` each and never beyond the end of the call.

    Nothing bounds how long a name is looked up, and each address of a host has a timeout of its own: a thread connects, and
    who waited for it goes on without it. It ends with the attempt; while :data:`MOST_CONNECTING` of them have not,
    connecting fails at once.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._system = httpcore.SyncBackend()
        self._room = threading.BoundedSemaphore(MOST_CONNECTING)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connects by the moment ``timeout``. Raises ``httpcore.ConnectTimeout`` and ``httpcore.ConnectError``."""
        seconds = min(_left(timeout, httpcore.ConnectTimeout), self._seconds)
        if not self._room.acquire(blocking=False):
            raise httpcore.ConnectTimeout("earlier attempts to connect have not ended")
        made: Future[httpcore.NetworkStream] = Future()

        def connect() -> None:
            try:
                stream = self._system.connect_tcp(host, port, seconds, local_address, socket_options or ())
            except Exception as error:
                with suppress(InvalidStateError):
                    made.set_exception(error)
            else:
                try:
                    made.set_result(stream)
                except InvalidStateError:
                    stream.close()
            finally:
                self._room.release()

        try:
            threading.Thread(target=connect, name="connecting", daemon=True).start()
        except RuntimeError:
            self._room.release()
            raise httpcore.ConnectError("no thread can be started") from None
        try:
            stream = made.result(seconds)
        except TimeoutError:
            if made.cancel():
                raise httpcore.ConnectTimeout("connecting takes too long") from None
            stream = made.result()  # it came at the last moment
        return _TimedStream(stream, self._seconds)


class _TimedStream(httpcore.NetworkStream):
    """One connection."""

    def __init__(self, stream: httpcore.NetworkStream, tls_seconds: float) -> None:
        self._stream = stream
        self._tls_seconds = tls_seconds

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # The stream's own write gives each part that leaves all of the time anew.
        socket = self._stream.get_extra_info("socket")
        rest = memoryview(buffer)
        while rest:
            left = _left(timeout, httpcore.WriteTimeout)
            try:
                socket.settimeout(left)
                rest = rest[socket.send(rest) :]
            except TimeoutError:
                raise httpcore.WriteTimeout("the peer does not take what is sent") from None
            except OSError as error:
                raise httpcore.WriteError(type(error).__name__) from None

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            seconds = min(_left(timeout, httpcore.ConnectTimeout), self._tls_seconds)
        except httpcore.ConnectTimeout:
            self.close()
            raise
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._tls_seconds)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(end: float | None, late: type[httpcore.TimeoutException]) -> float:
    """Seconds left, above 0."""
    if end is None:
        raise ValueError("a request needs the moment of its end: give it the timeouts of until()")
    left = end - time.monotonic()
    if left <= 0:
        raise late("the time of the call is over")
    return left
