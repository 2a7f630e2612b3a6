"""Listening sockets that the supervisor holds, so that a process may die and come back and no connection is refused."""

from __future__ import annotations

import errno
import socket
from typing import Final

from guard.errors import StartFailed

__all__ = ["address", "listen", "reachable"]

_BACKLOG: Final = 1024
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  (what is asked for is translated here)


def listen(host: str, port: int) -> socket.socket:
    """A TCP socket that listens on ``host`` and ``port`` (0: a free one). Raises :class:`StartFailed` with a sentence."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
            listening.listen(_BACKLOG)
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = "something else listens there; stop it, or give another port with --port (0 takes a free one)"
        elif error.errno == errno.EACCES:
            why = "this user may not open it; give a port above 1023 with --port"
        else:
            why = f"{error.strerror or error}; give an address of this machine with --host"
        raise StartFailed(f"the gateway cannot listen on {host} port {port}: {why}") from None
    return listening


def reachable(listening: socket.socket) -> tuple[str, int]:
    """Host and port that a client on this machine connects to."""
    host, port = listening.getsockname()[:2]
    return _ANY.get(host, host), port


def address(listening: socket.socket) -> str:
    """The same as ``http://host:port``."""
    host, port = reachable(listening)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
