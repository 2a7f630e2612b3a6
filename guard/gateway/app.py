"""The gateway as one ASGI app: the hot path beside FastAPI."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from types import MappingProxyType
from typing import Any, Final

from detectors.pii.entity import EntityFinder
from guard.errors import RecordsUnavailable
from guard.gateway.api import Health, MetricsPage, create_api
from guard.gateway.console import Console, is_review
from guard.gateway.errors import GatewayError, Unavailable, WrongMethod
from guard.gateway.exchange import Send
from guard.gateway.meters import Meters, NoMeters
from guard.gateway.proxy import Proxy, Receive, Scope, send_error
from guard.gateway.upstream import Upstream
from guard.gateway.veil import Veil
from guard.records.contract import Records
from guard.settings import Settings
from guard.turns.contract import TurnDesk

__all__ = ["create_app"]

Life = Callable[[], AbstractAsyncContextManager[None]]
_CLIENT_GONE: Final = 499  # nothing was answered, as nginx counts it
_PROXIED: Final = MappingProxyType(
    {"/v1/chat/completions": "POST", "/v1/embeddings": "POST", "/v1/models": "GET", "/v1/models/{id}": "GET"}
)
"""Routes whose calls go on to the chatbot, and the method that each takes."""

_ROUTES: Final = frozenset({*_PROXIED, "/v1/turns", "/healthz", "/readyz", "/metrics"})
_REVIEW: Final = "/review"
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
    life: Life | None = None,
    console: Console | None = None,
    veil: Veil | None = None,
    finder: EntityFinder | None = None,
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The ASGI app. ``life`` is entered before the first request and left after the last; then the upstream is closed.
    ``console``: where ``/review`` goes on to; without one there is no such path. ``veil``: what tenants' calls go upstream
    behind that ask for it. ``finder``: what takes out what is personal before a note is stored."""
    meters = meters or NoMeters()
    proxy = Proxy(desk, records, upstream, settings, meters, veil)
    api: Any = create_api(desk, records, settings, meters, live=live, ready=ready, metrics=metrics, finder=finder)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send, life or nullcontext, upstream, console)
            return
        if scope["type"] != "http":
            return
        route, method = _route(scope["path"]), scope["method"]
        status = 0

        async def sending(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            takes = _PROXIED.get(route)
            if route == _REVIEW and console is not None:
                await console.forward(scope, receive, sending)
            elif takes is None:
                await api(scope, receive, sending)
            elif method != takes:
                meters.bad_request("wrong_method")
                await send_error(sending, WrongMethod(takes), [(b"allow", takes.encode())])
            elif route == "/v1/chat/completions":
                await proxy.chat(scope, receive, sending)
            else:
                await proxy.passing(scope, receive, sending)
        except RecordsUnavailable:
            if not status:
                await send_error(
                    sending, Unavailable("the records cannot be read now; try again", reason="records_unavailable")
                )
        except Exception as error:  # the process goes on; the message may quote what was said, so only the type is logged
            _log.error("a request failed inside: %s", type(error))
            if not status:
                await send_error(sending, GatewayError("something failed inside; try again", reason="internal_error"))
        meters.request(route, status or _CLIENT_GONE)

    return app


def _route(path: str) -> str:
    """The route's pattern: a path that was asked for may say anything."""
    if path in _ROUTES:
        return path
    if path.startswith("/v1/turns/") and path.endswith("/feedback"):
        return "/v1/turns/{id}/feedback"
    for prefix, pattern in (("/v1/models/", "/v1/models/{id}"), ("/v1/turns/", "/v1/turns/{id}")):
        if path.startswith(prefix):
            return pattern
    return _REVIEW if is_review(path) else "other"


async def _lifespan(receive: Receive, send: Send, life: Life, upstream: Upstream, console: Console | None) -> None:
    await receive()
    try:
        async with life():
            await send({"type": "lifespan.startup.complete"})
            await receive()
    except Exception as error:
        _log.critical("the gateway could not start or end: %s", type(error))
        await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
        return
    finally:
        await upstream.aclose()
        if console is not None:
            await console.aclose()
    await send({"type": "lifespan.shutdown.complete"})
