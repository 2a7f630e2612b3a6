"""Server-sent events, read incrementally, with the raw bytes of every event kept (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from guard.gateway.errors import UpstreamFailed

__all__ = ["Decoder", "Event", "comment", "data_event"]

_BLANK: Final = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_CLOSED: Final = re.compile(rb"(?:\A|\r\n|\n|\r)(?:\r\n|\n|\r)\Z")
_LINE: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"
_COMMENTS: Final = frozenset({b"", b"ping", b"keep-alive", b"keepalive", b"heartbeat", b"OPENROUTER PROCESSING"})
_HARMLESS: Final = {
    b"event": re.compile(rb"[a-z][a-z_.]{0,39}"),
    b"id": re.compile(rb"[0-9a-f-]{0,64}"),
    b"retry": re.compile(rb"[0-9]{1,9}"),
}


class Event(NamedTuple):
    """One event. ``data`` is ``None`` where it has none (comments, blank lines); several lines are joined by a newline.
    ``safe``: what of it may leave once its data may: ``raw``, unless lines beside the data could carry text. Comments that
    are no plain sign of life, names, ids and fields that no protocol has are dropped, and so is a byte order mark."""

    raw: bytes
    data: bytes | None
    safe: bytes


class Decoder:
    """Cuts a byte stream into events under any chunking, in linear time. ``b"".join(raw)`` equals what came in."""

    def __init__(self, max_event: int) -> None:
        self._max = max_event
        self._buffer = bytearray()
        self._scan = 0
        self._after_return = False
        self._first = True

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that ``chunk`` ended. Raises :class:`UpstreamFailed` for one longer than the bound."""
        buffer = self._buffer
        at = self._scan
        if self._after_return and not buffer and chunk[:1] == b"\n":
            at = 1  # the second half of a line end whose first half closed the event before
        if chunk:
            self._after_return = False
        buffer += chunk
        events: list[Event] = []
        start = 0
        while (match := _BLANK.search(buffer, at)) is not None:
            end = match.end()
            self._bound(end - start)
            events.append(self._event(bytes(buffer[start:end])))
            start = at = end
        if start:
            self._after_return = start == len(buffer) and buffer[-1:] == b"\r"
            del buffer[:start]
            at = 0
        self._bound(len(buffer))
        self._scan = max(at, len(buffer) - 2) if len(buffer) > 2 else at
        return events

    def finish(self) -> bytes:
        """What came after the last whole event: nothing, unless the stream was cut or ends carelessly."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._scan = 0
        return rest

    def parse(self, raw: bytes) -> Event:
        """One event from its raw bytes, whether or not a blank line closes it."""
        return self._event(raw)

    def _bound(self, size: int) -> None:
        if size > self._max:
            raise UpstreamFailed(f"the chatbot sent an event of more than {self._max} bytes", reason="event_too_long")

    def _event(self, raw: bytes) -> Event:
        first, self._first = self._first, False
        if raw.startswith(b"data: ") and raw.find(b"\n") == len(raw) - 2 and b"\r" not in raw:
            return Event(raw, raw[6:-2], raw)
        text = raw.removeprefix(_BOM) if first else raw
        lines = _LINE.split(text)
        parts, kept = [], []
        for line in lines:
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                parts.append(value)
                kept.append(line)
            elif not name:
                if value in _COMMENTS:
                    kept.append(line)
            elif (shape := _HARMLESS.get(name)) is not None and shape.fullmatch(value):
                kept.append(line)
        safe = text
        if len(kept) != len(lines):
            kept = [line for line in kept if line]
            safe = b"\n".join(kept) + b"\n\n" if kept else b""
        elif not _CLOSED.search(text):
            safe = text + b"\n\n"
        return Event(raw, b"\n".join(parts) if parts else None, safe)


def data_event(data: bytes) -> bytes:
    """An event of one line of data."""
    return b"data: " + data + b"\n\n"


def comment(text: str) -> bytes:
    """A comment: kept alive by it, no client sees it."""
    return b": " + text.encode() + b"\n\n"
