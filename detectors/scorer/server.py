"""The scorer's server: connections on one side, batches on the other."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Final, cast

import orjson

from detectors.errors import WireError
from detectors.scorer.batches import Batches, Bounds
from detectors.scorer.found import Found, decode_find, encode_found
from detectors.scorer.frames import HANDSHAKE_LIMIT, MAX_PAYLOAD, Frame, FrameReader, Kind, frame
from detectors.scorer.searches import Redacts, Searches
from detectors.scorer.tiers import Stack
from detectors.scorer.wire import WIRE_VERSION, Answer, decode_ask, decode_hello, encode_answer, encode_welcome
from detectors.signals import VOCABULARY_VERSION

__all__ = ["Server"]

_log = logging.getLogger(__name__)

_HANDSHAKE_SECONDS: Final = 5.0
_UNREAD_BYTES: Final = 64 * 1024 * 1024  # answers that a client may leave unread before it is let go
_CREDENTIALS: Final = struct.Struct("3i")


class Server:
    """Serves a stack of tiers on a listening Unix socket that it is given.

    ``start`` and ``drain`` belong to one event loop. Whatever bytes a connection sends, only that connection suffers.
    """

    def __init__(self, stack: Stack, bounds: Bounds | None = None, *, redactor: Callable[[], Redacts] | None = None) -> None:
        """``redactor``: loads what searches for personal data, at the first need; without it no search is answered."""
        self._stack = stack
        self._redactor = redactor
        self._bounds = bounds or Bounds()
        self._connections: set[_Connection] = set()
        self._listener: asyncio.Server | None = None
        self._batches: Batches | None = None
        self._searches: Searches | None = None
        self._since = time.monotonic()
        self._faults = 0
        self._draining = False

    @property
    def batches(self) -> Batches:
        """The queue; there from ``start`` on."""
        if self._batches is None:
            raise RuntimeError("the server has not been started")
        return self._batches

    @property
    def searches(self) -> Searches:
        """The searches for personal data; there from ``start`` on."""
        if self._searches is None:
            raise RuntimeError("the server has not been started")
        return self._searches

    async def start(self, listening: socket.socket) -> None:
        """Accepts connections on ``listening``, which is bound already."""
        loop = asyncio.get_running_loop()
        self._batches = Batches(self._stack, self._bounds)
        self._searches = Searches(self._redactor)
        self._listener = await loop.create_unix_server(self._connect, sock=listening, backlog=128)

    async def drain(self, seconds: float) -> None:
        """Accepts nobody new, answers what was asked within ``seconds``, refuses the rest, and closes every connection."""
        self._draining = True
        if self._listener is not None:
            self._listener.close()
        self.searches.close()
        await self.batches.drain(seconds)
        for connection in list(self._connections):
            connection.close()
        await asyncio.sleep(0)  # lets the last answers be written

    def health(self) -> dict[str, Any]:
        """What a health message is answered with; no part of it comes from a text."""
        batches = self.batches
        counts = batches.counts
        placements = self._stack.placements()
        return {
            "model": self._stack.model,
            "revision": self._stack.revision,
            "wire": WIRE_VERSION,
            "vocabulary": VOCABULARY_VERSION,
            "pid": os.getpid(),
            "seconds": round(time.monotonic() - self._since, 3),
            "draining": self._draining,
            "tiers": {
                name: {"answers": not self._stack.ailing[name], "failures": failures, "device": placements.get(name)}
                for name, failures in self._stack.failures.items()
            },
            "connections": len(self._connections),
            "queued": batches.queued,
            "running": batches.running,
            "faults": self._faults,
            "searches": {
                "waiting": self.searches.waiting,
                "done": self.searches.done,
                "failed": self.searches.failed,
            },
            "counts": {name: getattr(counts, name) for name in counts.__slots__},
            "memo": {
                "entries": len(batches.memo),
                "bytes": batches.memo.size,
                "hits": batches.memo.hits,
                "misses": batches.memo.misses,
            },
        }

    def _connect(self) -> asyncio.Protocol:
        return _Connection(self)

    def joined(self, connection: _Connection) -> bool:
        """Whether a new connection may stay."""
        if self._draining or len(self._connections) >= self._bounds.connections:
            return False
        self._connections.add(connection)
        return True

    def left(self, connection: _Connection) -> None:
        """A connection has ended."""
        self._connections.discard(connection)
        self.batches.forget(connection)
        self.searches.forget(connection)

    def faulted(self) -> None:
        """A connection sent what is no message."""
        self._faults += 1

    def welcome(self) -> bytes:
        """The handshake's payload."""
        return encode_welcome(self._stack.model, self._stack.revision)


class _Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader = FrameReader(HANDSHAKE_LIMIT)
        self._transport: asyncio.Transport | None = None
        self._greeted = False
        self._patience: asyncio.TimerHandle | None = None
        self._out: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # a stream's; uvloop's own class is no subclass of it
        if not _same_user(transport.get_extra_info("socket")) or not self._server.joined(self):
            self._transport.abort()
            return
        self._patience = self._loop.call_later(_HANDSHAKE_SECONDS, self.close)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._transport = None
        self._out.clear()
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._reader.feed(data)
            while frames:
                for one in frames:
                    self._read(one)
                frames = self._reader.feed(b"")
        except WireError as error:
            self._server.faulted()
            self._send(frame(Kind.FAULT, 0, str(error).encode("utf-8", "replace")[:HANDSHAKE_LIMIT]))
            self.close()

    def answer(self, number: int, answer: Answer) -> None:
        """Writes an outcome; those of one turn of the loop leave together."""
        self._send(frame(Kind.ANSWER, number, encode_answer(answer)))

    def found(self, number: int, found: Found) -> None:
        """Writes the outcome of a search."""
        self._send(frame(Kind.FOUND, number, encode_found(found)))

    def close(self) -> None:
        """Writes what is left and closes."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _read(self, one: Frame) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if not self._greeted:
            self._greet(one)
        elif one.kind is Kind.ASK:
            seconds, item = decode_ask(one.payload)
            self._server.batches.ask(self, one.number, item, seconds)
        elif one.kind is Kind.CANCEL:
            self._server.batches.cancel(self, one.number)
            self._server.searches.cancel(self, one.number)
        elif one.kind is Kind.FIND:
            seconds, text = decode_find(one.payload)
            self._server.searches.ask(self, one.number, text, seconds)
        elif one.kind is Kind.HEALTH:
            self._send(frame(Kind.REPORT, one.number, orjson.dumps(self._server.health())))
        else:
            raise WireError(f"a client does not send {one.kind.name.lower()} messages here")

    def _greet(self, one: Frame) -> None:
        if one.kind is not Kind.HELLO:
            raise WireError("the first message must be a hello")
        version, words = decode_hello(one.payload)
        # The welcome goes out in any case: a client of another version learns from it what this one speaks.
        self._send(frame(Kind.WELCOME, one.number, self._server.welcome()))
        if version != WIRE_VERSION or words != VOCABULARY_VERSION:
            raise WireError(
                f"the client speaks protocol {version} with vocabulary {words}, this scorer {WIRE_VERSION} with "
                f"{VOCABULARY_VERSION}; start both from the same release"
            )
        self._greeted = True
        self._reader.limit = MAX_PAYLOAD
        if self._patience is not None:
            self._patience.cancel()

    def _send(self, raw: bytes) -> None:
        if self._transport is None:
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(raw)

    def _flush(self) -> None:
        if self._transport is None or not self._out:
            return
        self._transport.write(b"".join(self._out))
        self._out.clear()
        if self._transport.get_write_buffer_size() > _UNREAD_BYTES:
            _log.warning("a client left over %d bytes of answers unread and is let go", _UNREAD_BYTES)
            self._transport.abort()


def _same_user(peer: Any) -> bool:
    """Whether the peer runs as this process's user or as root: the socket's mode says so too, this says it twice."""
    option: Callable[..., Any] | None = getattr(peer, "getsockopt", None)
    if option is None or not hasattr(socket, "SO_PEERCRED"):
        return True
    _, uid, _ = _CREDENTIALS.unpack(option(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return uid in (os.geteuid(), 0)
