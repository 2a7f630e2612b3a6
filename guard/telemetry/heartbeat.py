"""A sign of life in the database, every few seconds."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

import psycopg
from psycopg import AsyncConnection

from guard.telemetry.queries import query

__all__ = ["beat"]

_log = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 5.0


class Source(Protocol):
    """Where connections come from. A psycopg pool is one."""

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection[Any]]:
        """A connection; what was done on it is committed at its end."""
        ...


async def beat(source: Source, process: str, *, seconds: float = _EVERY_SECONDS) -> None:
    """Says that this process, of the kind ``process``, lives, until it is cancelled. Goes on through every outage."""
    about = {"process": process, "host": socket.gethostname(), "pid": os.getpid()}
    while True:
        try:
            async with source.connection() as connection:
                await connection.execute(query("heartbeat"), about)
        except (psycopg.Error, OSError) as error:
            _log.debug("a sign of life could not be written", extra={"error": type(error)})
        await asyncio.sleep(seconds)
