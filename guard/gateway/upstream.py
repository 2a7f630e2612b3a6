"""The chatbot behind the gateway: the seam, and aiohttp behind it (why: docs/decisions/0005)."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Protocol

import aiohttp
from yarl import URL

from guard.gateway.errors import UpstreamFailed, UpstreamTimeout
from guard.settings import Settings

__all__ = ["AiohttpUpstream", "Upstream", "UpstreamReply"]

_PIECE: Final = 64 * 1024
_KEEP_SECONDS: Final = 4  # below the 5 s of common servers, so that no call meets a connection that is just being closed


class UpstreamReply(Protocol):
    """An answer whose head was read. ``headers``: lower-case names, in the upstream's order."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]: ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The decoded body as it arrives. Raises :class:`UpstreamFailed` where it breaks off or stalls."""
        ...

    def close(self) -> None:
        """Ends the call; the connection is dropped unless the body was read to its end. May be called again."""
        ...


class Upstream(Protocol):
    """Calls the chatbot."""

    async def open(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> UpstreamReply:
        """The answer's head. ``path`` is relative to the base URL. Raises :class:`UpstreamFailed`."""
        ...

    async def aclose(self) -> None:
        """Closes every connection."""
        ...


class AiohttpUpstream:
    """Implements :class:`Upstream`. Needs a running event loop for its first call."""

    def __init__(self, base_url: str, settings: Settings) -> None:
        self._base = base_url.rstrip("/")
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def open(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> UpstreamReply:
        """See :class:`Upstream`."""
        session = self._session or self._connect()
        url = URL(f"{self._base}{path}", encoded=True)
        try:
            async with asyncio.timeout(self._settings.upstream_first_byte_seconds):
                reply = await session.request(method, url, headers=headers, data=body or None, allow_redirects=False)
        except TimeoutError:
            raise UpstreamTimeout("the chatbot did not answer in time", reason="upstream_timeout") from None
        except (aiohttp.ClientError, ValueError, OSError):
            raise UpstreamFailed("the chatbot cannot be reached or broke off", reason="upstream_unreachable") from None
        return _Reply(reply)

    async def aclose(self) -> None:
        """See :class:`Upstream`."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _connect(self) -> aiohttp.ClientSession:
        settings = self._settings
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=settings.upstream_connections, keepalive_timeout=_KEEP_SECONDS),
            timeout=aiohttp.ClientTimeout(
                total=settings.upstream_total_seconds,
                sock_connect=settings.upstream_connect_seconds,
                sock_read=max(settings.upstream_idle_seconds, settings.upstream_first_byte_seconds),
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept"),
        )
        return self._session


class _Reply:
    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self._reply = reply
        self.status = reply.status
        self.headers = tuple((name.lower(), value) for name, value in reply.raw_headers)

    async def chunks(self) -> AsyncIterator[bytes]:
        coding = self._reply.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", "", "gzip", "x-gzip", "deflate"):
            raise UpstreamFailed("the chatbot used a content encoding it was not asked for", reason="upstream_encoding")
        inflate = zlib.decompressobj(47) if coding not in ("identity", "") else None
        try:
            async for chunk in self._reply.content.iter_any():
                if inflate is None:
                    yield chunk
                    continue
                # In small pieces: whoever reads stops at the bound, long before a bomb has opened.
                rest = chunk
                while not inflate.eof:
                    piece = inflate.decompress(rest, _PIECE)
                    rest = inflate.unconsumed_tail
                    if piece:
                        yield piece
                    if not rest and len(piece) < _PIECE:
                        break
            if inflate is not None and not inflate.eof:
                raise UpstreamFailed("the chatbot's compressed reply broke off", reason="upstream_cut")
        except TimeoutError:
            raise UpstreamTimeout("the chatbot stopped in the middle of its reply", reason="upstream_stalled") from None
        except (aiohttp.ClientError, OSError, zlib.error):
            raise UpstreamFailed("the chatbot broke off in the middle of its reply", reason="upstream_cut") from None

    def close(self) -> None:
        if not self._reply.closed:
            self._reply.close()
