"""The console process: `handrail console`. On a Unix socket alone; people come to it through the gateway's port."""

from __future__ import annotations

import logging
import os
import signal
import socket
import stat
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, cast

import psycopg
import uvicorn
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool

from guard.errors import HandrailError, SettingsInvalid, StartFailed
from guard.records.installation import compare
from guard.records.keys import Keys
from guard.review.app import Pool, create_app
from guard.review.errors import ConsoleRunning
from guard.settings import Settings

__all__ = ["connections", "listen", "run"]

_log = logging.getLogger(__name__)

Admit = Callable[[AsyncConnection[Any]], Awaitable[None]]

_CONNECTIONS: Final = 8
_WAITING: Final = 64  # requests that may wait for a connection at one moment
_SECONDS: Final = 5.0  # for a statement, a lock, a connection
_BACKLOG: Final = 128
_IDLE_SECONDS: Final = 30  # above the gateway's, which so never meets a connection that is just being closed
_DRAIN_SECONDS: Final = 3


def run(settings: Settings, path: Path) -> None:
    """Serves on the Unix socket ``path`` until SIGTERM or SIGINT; requests under way end within 3 s.

    Raises :class:`~guard.errors.SettingsInvalid` without a database, :class:`~guard.errors.StartFailed` where it cannot
    listen, :class:`~guard.review.errors.ConsoleRunning` where another one does, and
    :class:`~guard.records.errors.KeyUnusable`. A database that is away stops nothing: pages say so until it is back. One
    that then turns out to have been written with another master key stays away.
    """
    if settings.database_url is None:
        raise SettingsInvalid("there is no database: set HANDRAIL_DATABASE_URL, or run `handrail up` for all of it")
    keys = Keys.load(settings.home)
    pool = connections(settings.database_url, admit=partial(compare, keys=keys, home=settings.home))
    app = create_app(pool=pool, settings=settings, keys=keys)
    with listen(path) as listening:
        config = uvicorn.Config(
            cast(Any, app),
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            backlog=_BACKLOG,
            limit_concurrency=256,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
            # Only the gateway can reach the socket, and it says of every request whose it is.
            proxy_headers=True,
            forwarded_allow_ips="*",
        )
        _log.info("the console serves")
        # The server sends itself again, at its end, the signal that ended it: this is what hears it then.
        signal.signal(signal.SIGTERM, _end)
        try:
            uvicorn.Server(config).run(sockets=[listening])
        finally:
            path.unlink(missing_ok=True)


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def listen(path: Path) -> socket.socket:
    """A socket that listens at ``path``, mode 0600. What a console that was killed left there is replaced."""
    if path.exists() or path.is_symlink():
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise StartFailed(f"{path} is no socket; remove it or give another path with --socket")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink(missing_ok=True)
            else:
                raise ConsoleRunning(f"another console listens on {path}; stop that one first")
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise StartFailed(
            f"the console cannot listen on {path}: {error.strerror or error}; give a path with --socket"
        ) from None
    finally:
        os.umask(before)
    listening.setblocking(False)
    return listening


def connections(url: str, *, size: int = _CONNECTIONS, seconds: float = _SECONDS, admit: Admit | None = None) -> Pool:
    """The console's own connections, not open yet: at most ``size``, autocommit, UTC, each wait bounded by ``seconds``.

    ``admit`` is asked of the database until it has let it in: while it raises a :class:`~guard.errors.HandrailError` there
    are no connections, as if the database were away."""
    milliseconds = round(seconds * 1000)
    options = " ".join(
        [
            str(conninfo_to_dict(url).get("options") or ""),
            f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}",
            f"-c idle_in_transaction_session_timeout={4 * milliseconds} -c timezone=UTC -c jit=off",
        ]
    ).strip()
    kwargs: dict[str, Any] = {
        "autocommit": True,
        "application_name": "handrail console",
        "connect_timeout": max(1, round(seconds)),
        "options": options,
        "tcp_user_timeout": milliseconds,
    }
    return AsyncConnectionPool(
        url,
        connection_class=AsyncConnection[Any],
        kwargs=kwargs,
        min_size=1,
        max_size=size,
        open=False,
        name="handrail-console",
        timeout=seconds,
        max_waiting=_WAITING,
        reconnect_timeout=2.0,
        configure=None if admit is None else _Door(admit),
        check=AsyncConnectionPool.check_connection,
    )


class _Door:
    """Asks ``admit`` with each new connection, until one was let in."""

    def __init__(self, admit: Admit) -> None:
        self._admit: Admit | None = admit
        self._told = False

    async def __call__(self, connection: AsyncConnection[Any]) -> None:
        if self._admit is None:
            return
        try:
            await self._admit(connection)
        except psycopg.ProgrammingError:  # not migrated yet, so nothing to be compared with
            return
        except BaseException as error:
            await connection.close()
            if isinstance(error, HandrailError) and not self._told:
                _log.exception("PostgreSQL answers and is not used")
                self._told = True
            raise
        self._admit = None
