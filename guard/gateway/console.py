"""The way to the console: `/review` on the gateway's port goes on to the console's socket, whole and bounded.

Nothing of the console is imported here, and nothing that a tenant's program is known by goes there: a person is known by the
console's own cookie.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import aiohttp
from yarl import URL

from guard.gateway.body import ClientGone, read_body
from guard.gateway.errors import TooLarge, TooSlow
from guard.gateway.exchange import Send
from guard.gateway.proxy import Receive, Scope

__all__ = ["Console", "is_review"]

_log = logging.getLogger(__name__)

_FORM_BYTES: Final = 256 * 1024
_PAGE_BYTES: Final = 16 * 1024 * 1024
_SECONDS: Final = 20.0
_CONNECT_SECONDS: Final = 2.0
_CONNECTIONS: Final = 64
_KEEP_SECONDS: Final = 10  # below the console's own
_DROPPED: Final = frozenset(
    # Hop by hop (RFC 9110, 7.6.1), who spoke for whom before this gateway, and tenants' keys.
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade"
    b" content-length accept-encoding expect forwarded via x-real-ip true-client-ip cf-connecting-ip"
    b" authorization x-api-key".split()
)
_STYLE: Final = (
    "body{font:1.05rem/1.6 system-ui,sans-serif;max-width:34rem;margin:18vh auto 0;padding:0 1.25rem}"
    ":root{color-scheme:light dark}"
)
_PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{title} · Handrail</title><style>{style}</style></head><body><main><h1>{title}</h1><p>{words}</p></main></body>"
    "</html>"
)


class Console:
    """Forwards to the console that listens at ``socket``. Needs a running event loop for its first call."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)
        self._session: aiohttp.ClientSession | None = None

    async def forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request under ``/review`` with what the console answers, or with a page that says why it cannot."""
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), None)
        try:
            body = await read_body(receive, declared, _FORM_BYTES)
        except ClientGone:
            return
        except TooLarge:
            words = f"At most {_FORM_BYTES // 1024} KiB are taken. Nothing was changed. Go back and shorten it."
            await _page(send, scope, 413, "This is too long", words)
            return
        except TooSlow:
            await _page(send, scope, 408, "The form did not arrive in time", "Nothing was changed. Send it again.")
            return
        try:
            status, headers, answer = await self._ask(scope, body)
        except TimeoutError:
            words = "Whether the last step was done cannot be said. Go back, reload the page and look before you repeat it."
            await _page(send, scope, 504, "The console did not answer in time", words)
            return
        except (aiohttp.ClientError, OSError, ValueError) as error:
            _log.warning("the console cannot be reached: %s", type(error).__name__)
            words = (
                "Cases are safe, and people are still told of them by the other channels. "
                "Reload this page in a few seconds; if it stays away, tell whoever runs this Handrail."
            )
            await _page(send, scope, 503, "The console is away", words)
            return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer})

    async def answers(self) -> bool:
        """Whether something listens at the socket."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, writer = await asyncio.open_unix_connection(self._socket)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    async def aclose(self) -> None:
        """Closes every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, scope: Scope, body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        session = self._session or self._connect()
        target = scope.get("raw_path") or scope["path"].encode()
        query = scope.get("query_string") or b""
        url = URL(f"http://console{target.decode('latin-1')}{'?' if query else ''}{query.decode('latin-1')}", encoded=True)
        headers = _upward(scope)
        async with session.request(scope["method"], url, headers=headers, data=body or None, allow_redirects=False) as reply:
            parts, size = [], 0
            async for part in reply.content.iter_any():
                size += len(part)
                if size > _PAGE_BYTES:
                    raise aiohttp.ClientPayloadError("the page is too long")
                parts.append(part)
            answer = b"".join(parts)
            return reply.status, _downward(reply.raw_headers, len(answer), scope["method"]), answer

    def _connect(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(self._socket, limit=_CONNECTIONS, keepalive_timeout=_KEEP_SECONDS),
            timeout=aiohttp.ClientTimeout(total=_SECONDS, sock_connect=_CONNECT_SECONDS),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        return self._session


def is_review(path: str) -> bool:
    """Whether this path is the console's."""
    return path == "/review" or path.startswith("/review/")


def _upward(scope: Scope) -> list[tuple[str, str]]:
    pairs: list[tuple[bytes, bytes]] = scope["headers"]
    named = _named(pairs)
    kept = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in pairs
        if name not in _DROPPED and name not in named and not name.startswith((b"x-forwarded-", b"x-handrail-"))
    ]
    client = scope.get("client")
    # Not what the request says of itself: what this listener knows, and proxies that it was told to trust.
    return [
        *kept,
        ("x-forwarded-for", client[0] if client else "unknown"),
        ("x-forwarded-proto", scope.get("scheme", "http")),
    ]


def _downward(headers: Iterable[tuple[bytes, bytes]], size: int, method: str) -> list[tuple[bytes, bytes]]:
    pairs = [(name.lower(), value) for name, value in headers]
    named = _named(pairs)
    kept = [(name, value) for name, value in pairs if name not in _DROPPED and name not in named]
    if method == "HEAD":
        return kept + [(name, value) for name, value in pairs if name == b"content-length"]
    return [*kept, (b"content-length", b"%d" % size)]


def _named(pairs: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """What the headers themselves say is for the next hop alone."""
    return frozenset(name.strip().lower() for key, value in pairs if key == b"connection" for name in value.split(b","))


async def _page(send: Send, scope: Scope, status: int, title: str, words: str) -> None:
    """A page of the gateway's own, in the console's manner."""
    body = _PAGE.format(title=title, words=words, style=_STYLE).encode()
    digest = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"content-security-policy", policy.encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
    ]
    if status == 503:
        headers.append((b"retry-after", b"5"))
    more: dict[str, Any] = {"body": b"" if scope["method"] == "HEAD" else body}
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", **more})
