"""A server that answers with some bytes and then one more now and then, and never ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

__all__ = ["Drip", "dripping"]

_EVERY_SECONDS = 0.05
_MOST_DROPS = 600  # half a minute: far beyond what any test gives a call


@dataclass
class Drip:
    """``port``: where it listens. ``dry``: how many callers waited to the last byte that it gives."""

    port: int
    dry: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def serve(self, caller: socket.socket, first: bytes, drop: bytes) -> None:
        """Until the caller hangs up."""
        with caller, suppress(OSError):
            caller.sendall(first)
            for _ in range(_MOST_DROPS):
                if self.stop.wait(_EVERY_SECONDS):
                    return
                caller.sendall(drop)
            self.dry += 1


@contextmanager
def dripping(first: bytes, drop: bytes) -> Iterator[Drip]:
    """One caller after the other gets ``first`` and then ``drop`` over and over, whatever it sends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        drip = Drip(listening.getsockname()[1])

        def accept() -> None:
            while not drip.stop.is_set():
                try:
                    caller, _ = listening.accept()
                except TimeoutError:
                    continue
                caller.settimeout(10)
                drip.serve(caller, first, drop)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield drip
        finally:
            drip.stop.set()
            thread.join(20)
