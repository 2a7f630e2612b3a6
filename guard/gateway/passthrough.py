"""Surfaces that pass unscored, and say so: models and embeddings."""

from __future__ import annotations

from guard.gateway.errors import UpstreamFailed
from guard.gateway.exchange import Send
from guard.gateway.request_headers import returned
from guard.gateway.upstream import Upstream
from guard.settings import Settings

__all__ = ["pass_through"]


async def pass_through(
    send: Send, upstream: Upstream, settings: Settings, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    """Relays one call as it comes, at most ``max_response_bytes`` of it, marked ``x-handrail-status: bypassed``.
    A reply that breaks off or is too long ends broken. Raises :class:`UpstreamFailed` only before anything was sent."""
    reply = await upstream.open(method, path, headers, body)
    try:
        if not 200 <= reply.status < 300 and not 400 <= reply.status < 600:
            raise UpstreamFailed(
                "the chatbot answered with a redirect or no known status; check its address", reason="upstream_redirect"
            )
        head = [*returned(reply.headers), (b"x-handrail-status", b"bypassed"), (b"x-handrail-unscored", b"true")]
        chunks = reply.chunks()
        first = await anext(chunks, b"")
        await send({"type": "http.response.start", "status": reply.status, "headers": head})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        size = len(first)
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > settings.max_response_bytes:
                    return
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except UpstreamFailed:
            return
        await send({"type": "http.response.body", "body": b""})
    finally:
        reply.close()
