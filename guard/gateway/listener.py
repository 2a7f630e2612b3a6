"""HTTP at the edge: uvicorn's protocol on httptools, with bounded heads, errors in the protocol's shape, HTTP/1.0 replies
that its clients can read, and hang-ups that reach every request of a connection."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from guard.gateway.errors import BadRequest, GatewayError, HeadTooLarge, TooSlow

__all__ = ["Listener"]

_HEAD_BYTES: Final = 64 * 1024
_HEADERS: Final = 200
_HEAD_SECONDS: Final = 20.0


class Listener(HttpToolsProtocol):
    """For ``uvicorn.Config(http=Listener)``. A request's head has at most 64 KiB in 200 headers and arrives within 20 s."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._size = self._parsed = 0  # bytes of the head, as they came and as they were read
        self._open = True  # the head of the next request is not complete
        self._begun = False  # some of it is there
        self._late: asyncio.TimerHandle | None = None
        self._refusal: GatewayError | None = None
        self._running: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected."""
        super().connection_made(transport)
        self._late = self.loop.call_later(_HEAD_SECONDS, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: every request that was not answered hears of it, the one under way too."""
        self._in_time()
        for cycle in (self._running, *(waiting for waiting, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of the client's."""
        was_open = self._open
        super().data_received(data)
        if not self._open or self.transport.is_closing():
            return
        self._size += len(data) if was_open else 0
        if self._size > _HEAD_BYTES:
            self._refuse(_head_too_large())
        elif self._late is None and self._begun:
            self._late = self.loop.call_later(_HEAD_SECONDS, self._too_late)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._open, self._begun, self._size, self._parsed = True, True, 0, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the address. Raises :class:`HeadTooLarge`, which the parser turns into its own error."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. Raises as :meth:`on_url`."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head of a request is whole."""
        self._open, self._begun, self._size = False, False, 0
        self._in_time()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, or more of it than is taken."""
        refusal, self._refusal = self._refusal, None
        self._refuse(refusal or BadRequest("this is no HTTP/1.1 request; send one", reason="bad_http"))

    def _count(self, size: int) -> None:
        self._parsed += size
        if self._parsed > _HEAD_BYTES or len(self.headers) >= _HEADERS:
            self._refusal = _head_too_large()
            raise self._refusal

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        if cycle.scope["http_version"] == "1.0":
            cycle.__class__ = _CloseDelimited
        super()._start_asgi_task(cycle, app)

    def _too_late(self) -> None:
        self._late = None
        if self.transport.is_closing():
            return
        if self._begun:
            self._refuse(TooSlow("the request did not arrive in time; send it again", reason="head_too_slow"))
        else:
            self.transport.close()

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self, error: GatewayError) -> None:
        self._in_time()
        if self.transport.is_closing():
            return
        running = self._running
        if running is None or running.response_complete or not running.response_started:  # else inside another answer
            body = error.body()
            head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            self.transport.write(STATUS_LINE[error.status] + head + body)
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
        self.transport.close()


class _CloseDelimited(RequestResponseCycle):
    """A reply to HTTP/1.0: without chunks, ended by the connection's end where its length is not known."""

    _plain = False

    async def send(self, message: Any) -> None:
        """See ASGI."""
        if message["type"] == "http.response.start":
            self._plain = all(name.lower() != b"content-length" for name, _ in message.get("headers", []))
            if self._plain:
                self.chunked_encoding = False
            await super().send(message)
            return
        if not self._plain:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected or self.response_complete:
            return
        self.transport.write(message.get("body", b""))
        if not message.get("more_body", False):
            self.response_complete = True
            self.message_event.set()
            self.transport.close()
            self.on_response()


def _head_too_large() -> HeadTooLarge:
    return HeadTooLarge(
        f"the request's head has more than {_HEAD_BYTES} bytes or {_HEADERS} headers; send less", reason="head_too_large"
    )
