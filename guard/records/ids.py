"""UUIDv7 (RFC 9562): ids in the order of their making, made here so that PostgreSQL 15 to 17 will do."""

from __future__ import annotations

import os
import threading
import time
from typing import Final
from uuid import UUID

__all__ = ["IdMaker", "new_id"]

_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_COUNTER_BITS: Final = 42  # below the millisecond: a random start, then one more each time
_COUNTER_TOP: Final = 1 << _COUNTER_BITS
_RANDOM_BITS: Final = 32


class IdMaker:
    """Makes UUIDv7 that only ever rise within this process, also when the clock is set back. Safe across threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_ms = 0
        self._counter = 0

    def __call__(self) -> UUID:
        now = time.time_ns() // 1_000_000
        noise = int.from_bytes(os.urandom(10), "big")
        with self._lock:
            if now > self._last_ms:
                self._last_ms = now
                self._counter = noise >> _RANDOM_BITS & (_COUNTER_TOP // 2 - 1)  # leaves half of the range to count in
            else:
                self._counter += 1
                if self._counter >= _COUNTER_TOP:
                    self._last_ms, self._counter = self._last_ms + 1, 0
            ms, counter = self._last_ms, self._counter
        # 48 bits of time, version, 12 bits of counter, variant, 30 bits of counter, 32 random bits
        high, low = counter >> 30, counter & ((1 << 30) - 1)
        random = noise & ((1 << _RANDOM_BITS) - 1)
        return UUID(int=ms << 80 | _VERSION | high << 64 | _VARIANT | low << 32 | random)


new_id: Final = IdMaker()
"""The process' maker. 32 fresh random bits a call keep forked processes apart."""
