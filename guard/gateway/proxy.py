"""The hot path: raw ASGI from the first byte to the turn's close."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any
from urllib.parse import quote

from guard.gateway.body import ClientGone, first_part, other_parts, read_object
from guard.gateway.errors import (
    BadRequest,
    GatewayError,
    NotFound,
    RedactionFailed,
    TooLarge,
    TooSlow,
    Unauthenticated,
    UpstreamFailed,
)
from guard.gateway.exchange import Exchange, Send
from guard.gateway.meters import Meters
from guard.gateway.openai_chat import read_call
from guard.gateway.passthrough import pass_through
from guard.gateway.request_headers import Headers, forwarded, tenant_key
from guard.gateway.upstream import Upstream
from guard.gateway.veil import Veil
from guard.records.contract import Records
from guard.records.terms import RedactUpstream
from guard.settings import Settings
from guard.turns.contract import Identity, TurnDesk

__all__ = ["Proxy", "Receive", "Scope", "identify", "send_error"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_EMBEDDINGS = "/v1/embeddings"


class Proxy:
    """Answers the proxied routes."""

    def __init__(
        self,
        desk: TurnDesk,
        records: Records,
        upstream: Upstream,
        settings: Settings,
        meters: Meters,
        veil: Veil | None = None,
    ) -> None:
        self._desk, self._records, self._upstream = desk, records, upstream
        self._settings, self._meters, self._veil = settings, meters, veil
        secret = settings.upstream_key
        self._key = secret.get_secret_value() if secret is not None else None

    async def chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``POST /v1/chat/completions``."""
        arrived = perf_counter()
        exchange: Exchange | None = None
        try:
            headers = dict(scope["headers"])
            identity, raw = await self._admit(headers, receive)
            body, raw = read_object(raw, self._settings.max_json_depth)
            call = read_call(body, raw, headers, identity, self._settings)
            self._meters.stage("read", perf_counter() - arrived)
            upward = forwarded(scope["headers"], self._key)
            veil = self._veil_of(identity)
            turn = self._desk.begin(call.turn)
            try:
                exchange = Exchange(call, turn, self._upstream, upward, self._settings, self._meters, veil)
                await _until_gone(exchange.run(send), receive)
            finally:
                turn.close(exchange.delivered) if exchange is not None else None
                self._meters.stage("turn", perf_counter() - arrived)
        except ClientGone:
            return
        except GatewayError as error:
            self._count(error)
            extra = exchange.handrail_headers() if exchange is not None else []
            if exchange is None or not exchange.started:
                await send_error(send, error, extra)

    async def passing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A surface that passes unscored."""
        started = False

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            if not _plain(scope["path"]):
                raise NotFound("there is no such path; /openapi.json lists those that there are", reason="unknown_path")
            headers = dict(scope["headers"])
            identity, raw = await self._admit(headers, receive)
            body, raw = read_object(raw, self._settings.max_json_depth) if raw else ({}, raw)
            veil = self._veil_of(identity)
            if veil is not None and raw and scope["path"] == _EMBEDDINGS:
                raw = await veil.embeddings(identity, body)
            path = quote(scope["path"].removeprefix("/v1"), safe="/:@")
            query = scope.get("query_string", b"")
            if query:
                path += "?" + query.decode("latin-1")
            upward = forwarded(scope["headers"], self._key)
            relay = pass_through(sending, self._upstream, self._settings, scope["method"], path, upward, raw)
            await _until_gone(relay, receive)
        except ClientGone:
            return
        except GatewayError as error:
            self._count(error)
            if not started:
                await send_error(send, error)

    def _veil_of(self, identity: Identity) -> Veil | None:
        """What this tenant's calls go upstream behind. Raises :class:`RedactionFailed` where there should be one and none
        is there."""
        if identity.redact_upstream is RedactUpstream.OFF:
            return None
        if self._veil is None:
            raise RedactionFailed("this gateway cannot redact; nothing was sent", reason="redaction_unavailable")
        return self._veil

    async def _admit(self, headers: Headers, receive: Receive) -> tuple[Identity, bytes]:
        """Whose request it is, and its body. The body is taken at once, before anything is waited for: a server may throw
        away what a client sent that hangs up right after it, and what a person disclosed must be heard all the same."""
        if tenant_key(headers) is None:
            raise _no_key()
        if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
            raise BadRequest("the body must not be compressed; send it without content-encoding", reason="content_encoding")
        limit = self._settings.max_body_bytes
        part, more = await first_part(receive, headers.get(b"content-length"), limit)
        if not more:
            return await identify(self._records, headers), part
        rest = asyncio.ensure_future(other_parts(receive, part, limit))
        try:
            identity = await identify(self._records, headers)
            return identity, await rest
        finally:
            rest.cancel()
            await asyncio.gather(rest, return_exceptions=True)

    def _count(self, error: GatewayError) -> None:
        if isinstance(error, UpstreamFailed):
            self._meters.upstream_failure(error.reason)
        elif isinstance(error, BadRequest | NotFound | TooLarge | TooSlow | Unauthenticated):
            self._meters.bad_request(error.reason)


async def _until_gone(work: Any, receive: Receive) -> None:
    """Runs ``work`` until it ends or the client goes away; then it is cancelled and :class:`ClientGone` is raised."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("needs a task")
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    watcher = asyncio.get_running_loop().create_task(watch())
    try:
        await work
    except asyncio.CancelledError:
        if not gone or task.uncancel() > 0:
            raise
        raise ClientGone from None
    finally:
        watcher.cancel()


async def identify(records: Records, headers: Headers) -> Identity:
    """The tenant whose key the request carries. Raises :class:`Unauthenticated`."""
    key = tenant_key(headers)
    if key is None:
        raise _no_key()
    identity = await records.authenticate(key)
    if identity is None:
        raise Unauthenticated("this key is unknown or revoked", reason="invalid_api_key")
    return identity


def _no_key() -> Unauthenticated:
    return Unauthenticated("send the tenant's key as authorization: Bearer hr_…", reason="missing_api_key")


def _plain(path: str) -> bool:
    """Whether no part of a path leads elsewhere once the upstream resolves it."""
    parts = path.split("/")[1:]
    return all(part.strip(".") and "\\" not in part and part.isprintable() for part in parts)


async def send_error(send: Send, error: GatewayError, extra: list[tuple[bytes, bytes]] | None = None) -> None:
    """Answers with an error in the protocol's shape."""
    body = error.body()
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *(extra or [])]
    await send({"type": "http.response.start", "status": error.status, "headers": head})
    await send({"type": "http.response.body", "body": body})
