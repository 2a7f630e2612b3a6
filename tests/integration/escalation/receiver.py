"""A receiver that verifies each request with the reference library and behaves as it is told."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

from tests.scripted_server import Behaviour, Request, ScriptedServer, status

__all__ = ["Receiver", "Seen"]


@dataclass(frozen=True)
class Seen:
    """One request that came: where, with which id, and what the reference library read from it."""

    path: str
    id: str
    message: dict[str, Any]
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Receiver(ScriptedServer):
    """Without a behaviour a path answers 204."""

    secret: str
    seen: list[Seen] = field(default_factory=list)
    unverified: list[str] = field(default_factory=list)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def on(self, path: str, behaviour: Behaviour) -> str:
        """Sets how ``path`` answers; returns its address."""
        self.behaviours[path] = behaviour
        return self.url(path)

    def at(self, path: str) -> list[Seen]:
        """What came to ``path``."""
        return [request for request in list(self.seen) if request.path == path]

    def wait(self, path: str, count: int, seconds: float = 120.0) -> list[Seen]:
        """What came to ``path`` once ``count`` requests are there."""
        deadline = time.monotonic() + seconds
        while len(self.at(path)) < count:
            assert time.monotonic() < deadline, f"{len(self.at(path))} of {count} requests came to {path} in {seconds} s"
            time.sleep(0.005)
        return self.at(path)

    def take(self, request: Request) -> Behaviour:
        """A delivery is a POST that verifies: anything else is noted as ``unverified``."""
        path = request.path
        if request.method == "GET":
            self.unverified.append(path)
            return status(200)
        try:
            message = Webhook(self.secret).verify(request.body, request.headers)
        except Exception:
            self.unverified.append(path)
            raise
        self.seen.append(Seen(path, request.headers["webhook-id"], message, request.headers, request.body, time.time()))
        return self.behaviours.get(path, status(204))
