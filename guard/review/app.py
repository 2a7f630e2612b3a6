"""The console as one ASGI application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request

from guard.records.keys import Keys
from guard.review import account, case, feedback, login, queue, shell
from guard.review.failures import answer_errors, error_page
from guard.review.headers import App, Guarded
from guard.review.pages import NAV, templates
from guard.review.passwords import Passwords
from guard.settings import Settings
from guard.telemetry.heartbeat import beat

__all__ = ["create_app"]

_log = logging.getLogger(__name__)

Pool = AsyncConnectionPool[AsyncConnection[Any]]


def create_app(
    *,
    pool: Pool,
    settings: Settings,
    keys: Keys,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    passwords: Passwords | None = None,
) -> App:
    """The application. ``pool`` is opened with it and, like ``passwords``, closed after its last request.

    Its pages find ``pool``, ``settings``, ``keys`` (they open stored text and secrets) and ``clock`` (the time, UTC) in
    ``request.app.state``.
    """

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await pool.open(wait=False)
        alive = asyncio.create_task(beat(pool, "console"))
        try:
            yield
        finally:
            alive.cancel()
            app.state.passwords.close()
            await pool.close(timeout=2.0)

    app = FastAPI(title="Handrail", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life, redirect_slashes=False)
    app.state.pool, app.state.settings, app.state.keys, app.state.clock = pool, settings, keys, clock
    app.state.templates, app.state.passwords = templates(), passwords or Passwords()
    routers = [queue.router, case.router, feedback.router, login.router, account.router, shell.router]
    for router in routers:
        app.include_router(router)
    app.mount("/review/static", shell.files())
    paths = {getattr(route, "path", "") for router in routers for route in router.routes}
    app.state.places = frozenset(paths & {entry.href for entry in NAV})
    answer_errors(app)
    return Guarded(app, _refuse(app))


def _refuse(app: FastAPI) -> App:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        request = Request({**scope, "app": app}, receive)
        if request.headers.get("origin") == f"https://{request.headers.get('host')}":
            _log.warning(
                "a form of an https page was refused: as far as the gateway knows it came by http; let the proxy send "
                "X-Forwarded-Proto, and name it in HANDRAIL_TRUSTED_PROXIES"
            )
        await error_page(request, 403, "")(scope, receive, send)

    return answer
