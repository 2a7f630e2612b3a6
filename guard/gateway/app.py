"""The gateway as one ASGI app: the hot path beside FastAPI."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from guard.gateway.api import Health, MetricsPage, create_api
from guard.gateway.errors import GatewayError
from guard.gateway.exchange import Send
from guard.gateway.meters import Meters, NoMeters
from guard.gateway.proxy import Proxy, Receive, Scope, send_error
from guard.gateway.upstream import Upstream
from guard.records.contract import Records
from guard.settings import Settings
from guard.turns.contract import TurnDesk

__all__ = ["create_app"]

Hook = Callable[[], Awaitable[None]]
_log = logging.getLogger(__name__)


def create_app(
    *,
    desk: TurnDesk,
    records: Records,
    upstream: Upstream,
    settings: Settings,
    live: Health,
    ready: Health,
    metrics: MetricsPage,
    meters: Meters | None = None,
    start: Hook | None = None,
    stop: Hook | None = None,
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The ASGI app. ``start`` runs before the first request, ``stop`` after the last; then the upstream is closed."""
    proxy = Proxy(desk, records, upstream, settings, meters or NoMeters())
    api: Any = create_api(desk, records, settings, live=live, ready=ready, metrics=metrics)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send, start, stop, upstream)
            return
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        begun = False

        async def sending(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            if path == "/v1/chat/completions" and method == "POST":
                await proxy.chat(scope, receive, sending)
            elif (path == "/v1/embeddings" and method == "POST") or (
                method == "GET" and (path == "/v1/models" or path.startswith("/v1/models/"))
            ):
                await proxy.passing(scope, receive, sending)
            else:
                await api(scope, receive, sending)
        except Exception as error:  # the process goes on; the message may quote what was said, so only the type is logged
            _log.error("a request failed inside: %s", type(error).__name__)
            if not begun:
                await send_error(send, GatewayError("something failed inside; try again", reason="internal_error"))

    return app


async def _lifespan(receive: Receive, send: Send, start: Hook | None, stop: Hook | None, upstream: Upstream) -> None:
    await receive()
    if start is not None:
        try:
            await start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
            return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if stop is not None:
        await stop()
    await upstream.aclose()
    await send({"type": "lifespan.shutdown.complete"})
