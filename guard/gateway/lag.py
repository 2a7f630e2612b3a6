"""How much longer a client waits than the chatbot alone would have made it wait."""

from __future__ import annotations

import time
from collections.abc import Callable

from guard.gateway.meters import Meters

__all__ = ["Lag"]


class Lag:
    """Of one exchange, from its making on. Counts once each, to the reply's first bytes and to its last; nothing where the
    chatbot was not asked or did not answer."""

    __slots__ = ("_asked", "_began", "_clock", "_first", "_last", "_meters", "_sent")

    def __init__(self, meters: Meters, clock: Callable[[], float] = time.monotonic) -> None:
        self._meters, self._clock = meters, clock
        self._began = clock()
        self._asked: float | None = None
        self._first: float | None = None
        self._last: float | None = None
        self._sent = False

    def asked(self) -> None:
        """The call upstream begins. A call that is made again starts anew: what the first one took was for nothing."""
        self._asked, self._first, self._last = self._clock(), None, None

    def heard(self) -> None:
        """Bytes came from upstream; the newest are the last so far."""
        self._last = self._clock()
        if self._first is None:
            self._first = self._last

    def sent(self) -> None:
        """Bytes of the reply leave."""
        if not self._sent:
            self._sent = True
            self._count("first", self._first)

    def ended(self) -> None:
        """The last bytes of the reply have left."""
        self._count("last", self._last)

    def _count(self, until: str, heard: float | None) -> None:
        if self._asked is not None and heard is not None:
            self._meters.added(until, max(0.0, (self._clock() - self._began) - (heard - self._asked)))
