"""One connection of the client to the scorer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, cast

from detectors.errors import WireError
from detectors.scorer.found import Found, encode_found
from detectors.scorer.frames import ANSWER_LIMIT, HANDSHAKE_LIMIT, MAX_PAYLOAD, Frame, FrameReader, Kind, frame
from detectors.scorer.wire import WIRE_VERSION, Answer, Outcome, Welcome, decode_answer, decode_welcome, encode_hello
from detectors.signals import VOCABULARY_VERSION

__all__ = ["Heard", "Link"]

_log = logging.getLogger(__name__)

_GRACE_SECONDS: Final = 0.05
_UNSENT_BYTES: Final = 64 * 1024 * 1024

Heard = Callable[[Kind, int, bytes, Answer | None], None]
"""Takes each message: its kind, number, payload, and, of an answer, what it says."""


class Link(asyncio.Protocol):
    """A connection after its handshake. Made by :meth:`open`.

    An answer longer than a client takes is heard as one that failed: other calls over the connection go on.

    ``heard`` counts the chunks that came. ``doubted`` is what :meth:`doubt` may come to, and is cleared by the next byte;
    ``changed`` is set when either happens, or when the connection ends.
    """

    def __init__(self, heard: Heard) -> None:
        self._take = heard
        self._reader = FrameReader(HANDSHAKE_LIMIT)
        self._transport: asyncio.Transport | None = None
        self._welcomed: asyncio.Future[Welcome] = asyncio.get_running_loop().create_future()
        self.changed = asyncio.Event()
        self.closed = False
        self.doubted = False
        self.heard = 0
        self._question: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, path: str, heard: Heard, seconds: float) -> Link:
        """Connects and shakes hands within ``seconds``.

        Raises ``OSError`` or ``TimeoutError`` where nobody answers, :class:`~detectors.errors.WireError` where what
        answers speaks something else.
        """
        link: Link | None = None
        try:
            async with asyncio.timeout(seconds):
                _, link = await asyncio.get_running_loop().create_unix_connection(lambda: cls(heard), path)
                link.send(frame(Kind.HELLO, 0, encode_hello()))
                welcome = await link._welcomed
        except BaseException:
            if link is not None:
                link.close()
            raise
        if welcome.version != WIRE_VERSION or welcome.vocabulary != VOCABULARY_VERSION:
            link.close()
            raise WireError(
                f"the scorer speaks protocol {welcome.version} with vocabulary {welcome.vocabulary}, this client "
                f"{WIRE_VERSION} with {VOCABULARY_VERSION}; start both from the same release"
            )
        return link

    @property
    def welcome(self) -> Welcome:
        """What the scorer said of itself."""
        return self._welcomed.result()

    @property
    def usable(self) -> bool:
        """Whether a call may be sent."""
        return not self.closed and not self.doubted

    @property
    def congested(self) -> bool:
        """Whether so much is unsent that the scorer plainly does not keep up."""
        return self._transport is not None and self._transport.get_write_buffer_size() > _UNSENT_BYTES

    def send(self, raw: bytes) -> None:
        """Writes; nothing happens on a connection that has ended."""
        if self._transport is not None and not self.closed:
            self._transport.write(raw)

    def doubt(self) -> None:
        """The scorer may hang: it is asked, and if it says nothing at once it is not usable until it is heard again.

        A scorer that is merely busy answers within a few milliseconds, and calls go on meanwhile.
        """
        if self._question is None and self.usable:
            self.send(frame(Kind.HEALTH, 0))
            self._question = asyncio.get_running_loop().call_later(_GRACE_SECONDS, self._conclude, self.heard)

    def _conclude(self, heard: int) -> None:
        self._question = None
        if self.heard == heard and not self.closed:
            self.doubted = True
            self.changed.set()

    def close(self) -> None:
        """Ends the connection at once."""
        self.closed = True
        self.changed.set()
        if self._question is not None:
            self._question.cancel()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # a stream's; uvloop's own class is no subclass of it

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._transport = None
        self.changed.set()
        if not self._welcomed.done():
            self._welcomed.set_exception(ConnectionResetError("the scorer closed the connection before its welcome"))
            self._welcomed.exception()  # retrieved: open() may have given up already

    def data_received(self, data: bytes) -> None:
        self.heard += 1
        if self.doubted:
            self.doubted = False
            self.changed.set()
        try:
            frames = self._reader.feed(data)
            while frames:
                for one in frames:
                    self._read(one)
                frames = self._reader.feed(b"")
        except WireError as error:
            if not self._welcomed.done():
                self._welcomed.set_exception(error)
                self._welcomed.exception()
            self.close()

    def _read(self, one: Frame) -> None:
        kind, number, payload = one.kind, one.number, one.payload
        if not self._welcomed.done():
            if kind is not Kind.WELCOME:
                raise WireError("the first message of a scorer must be a welcome; is this another program's socket?")
            self._welcomed.set_result(decode_welcome(payload))
            self._reader.limit, self._reader.cuts = ANSWER_LIMIT, MAX_PAYLOAD
        elif one.cut:
            _log.error("a message of the scorer has over %d bytes and is taken as a failure", ANSWER_LIMIT)
            self._fail(kind, number)
        elif kind is Kind.ANSWER:
            self._take(kind, number, payload, decode_answer(payload))
        elif kind in (Kind.REPORT, Kind.FOUND):
            self._take(kind, number, payload, None)
        elif kind is Kind.FAULT:
            raise WireError("the scorer did not understand this client")
        else:
            raise WireError(f"a scorer does not send {kind.name.lower()} messages here")

    def _fail(self, kind: Kind, number: int) -> None:
        if kind is Kind.ANSWER:
            self._take(kind, number, b"", Answer(Outcome.FAILED))
        elif kind is Kind.FOUND:
            self._take(kind, number, encode_found(Found(Outcome.FAILED)), None)
        elif kind is Kind.REPORT:
            self._take(kind, number, b"", None)
        else:
            raise WireError(f"a {kind.name.lower()} message of the scorer has over {ANSWER_LIMIT} bytes")
