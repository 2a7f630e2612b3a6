"""Frames: the length-prefixed messages that go over the scorer's Unix socket.

A frame is ``length: u32, kind: u8, number: u32`` (little endian) and ``length`` bytes of payload. ``number`` is the asker's
own: an answer carries the number of what it answers. The first frame in each direction is the handshake (HELLO, WELCOME).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from detectors.errors import WireError
from detectors.scorer.errors import MessageTooLong

__all__ = ["ANSWER_LIMIT", "HANDSHAKE_LIMIT", "MAX_PAYLOAD", "Frame", "FrameReader", "Kind", "frame"]

MAX_PAYLOAD: Final = 24 * 1024 * 1024
"""Bytes. The longest reply that the gateway accepts (16 MiB) with the longest user's turn (4 MiB) as its context fits."""

ANSWER_LIMIT: Final = 1024 * 1024
"""Bytes. What a client takes of one message. Scores have about 1.5 KiB, a few more for each span; 116,000 entities fit."""

HANDSHAKE_LIMIT: Final = 4096
"""Bytes. Until the handshake is done a stranger is not given more room than this."""

_HEAD: Final = struct.Struct("<IBI")


class Kind(IntEnum):
    """What a frame says."""

    HELLO = 1  # client: who I am and what I speak
    WELCOME = 2  # server: what I speak and who scores
    ASK = 3  # client: score this item
    ANSWER = 4  # server: its scores, or why there are none
    CANCEL = 5  # client: nobody waits for this number any more
    HEALTH = 6  # client: how are you
    REPORT = 7  # server: this is how
    FAULT = 8  # server: your bytes make no sense; the connection ends
    FIND = 9  # client: where is something personal in this text
    FOUND = 10  # server: there, or why it was not looked for


_KINDS: Final = frozenset(int(kind) for kind in Kind)


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it was read. ``cut``: its payload is longer than the reader takes and was left out."""

    kind: Kind
    number: int
    payload: bytes
    cut: bool = False


def frame(kind: Kind, number: int, payload: bytes = b"") -> bytes:
    """The bytes of one frame. Raises :class:`MessageTooLong` where the payload is over :data:`MAX_PAYLOAD`."""
    if len(payload) > MAX_PAYLOAD:
        raise MessageTooLong(
            f"a {kind.name.lower()} message has {len(payload)} bytes, the scorer takes at most {MAX_PAYLOAD}; "
            "send a shorter text or less context"
        )
    return _HEAD.pack(len(payload), kind, number) + payload


class FrameReader:
    """Cuts a stream of bytes into frames, however it was chunked.

    Holds at most one unfinished frame of ``limit`` bytes and grows only with what has really arrived: a length that is
    merely claimed costs nothing. A longer payload, up to ``cuts`` bytes, is passed over as it arrives and its frame given
    without it, as soon as its head is there; without ``cuts`` it is an error.
    """

    __slots__ = ("_buffer", "_over", "cuts", "limit")

    def __init__(self, limit: int = MAX_PAYLOAD, *, cuts: int = 0) -> None:
        self._buffer = bytearray()
        self._over = 0  # bytes still to be passed over
        self.limit = limit
        self.cuts = cuts

    @property
    def held(self) -> int:
        """Bytes of the unfinished frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes. Raises :class:`~detectors.errors.WireError`; the reader is then of no use."""
        if self._over:
            passed = min(self._over, len(data))
            self._over -= passed
            data = data[passed:]
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        at, end = 0, len(buffer)
        while end - at >= _HEAD.size:
            length, kind, number = _HEAD.unpack_from(buffer, at)
            if kind not in _KINDS:
                raise WireError(f"kind {kind} is not one of the scorer's messages; is this a client of another program?")
            start = at + _HEAD.size
            if length > self.limit:
                if length > self.cuts:
                    raise WireError(f"a message claims {length} bytes, at most {self.limit} are taken here")
                frames.append(Frame(Kind(kind), number, b"", cut=True))
                at = min(start + length, end)
                self._over = start + length - at
                continue
            if end - start < length:
                break
            at = start + length
            frames.append(Frame(Kind(kind), number, bytes(buffer[start:at])))
            if kind == Kind.HELLO or kind == Kind.WELCOME:
                # What follows the handshake in the same chunk is read under the limit that the owner sets after it.
                break
        if at:
            del buffer[:at]
        return frames
