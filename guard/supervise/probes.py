"""Asks a process that was started whether it is ready."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

__all__ = ["accepts", "answers", "readyz"]

_SECONDS: Final = 2.0
_MOST: Final = 64 * 1024


async def accepts(path: Path) -> bool:
    """Whether something listens on the Unix socket ``path``."""
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_unix_connection(path)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def readyz(host: str, port: int) -> bool:
    """Whether the gateway there answers ``/readyz`` with 200."""
    status, _ = await get(host, port, "/readyz")
    return status == 200


async def answers(host: str, port: int) -> bool:
    """Whether the gateway there answers ``/healthz``, with whatever status."""
    status, _ = await get(host, port, "/healthz")
    return status != 0


async def get(host: str, port: int, path: str) -> tuple[int, bytes]:
    """Status and body of a plain GET; status 0 where nothing answers."""
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                name = f"[{host}]" if ":" in host else host
                writer.write(f"GET {path} HTTP/1.1\r\nhost: {name}:{port}\r\nconnection: close\r\n\r\n".encode("ascii"))
                raw = await reader.read(_MOST)
                while not reader.at_eof() and len(raw) < _MOST:
                    raw += await reader.read(_MOST)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return 0, b""
    head, _, body = raw.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0), body
