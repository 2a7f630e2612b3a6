"""One attempt to hand a signed message to a receiver, within hard bounds of time and size."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx

from guard.escalation.addresses import Destination, Resolve, destination, system_resolve
from guard.escalation.errors import AddressRefused
from guard.escalation.schedule import Answer, retry_after_seconds

__all__ = ["Limits", "Sender"]

_NOT_WRITTEN: Final = (httpx.ConnectError, httpx.ConnectTimeout)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one attempt: seconds, and bytes of the answer's body, which is read and thrown away."""

    connect_seconds: float = 3.0
    total_seconds: float = 15.0
    body_bytes: int = 16 * 1024
    body_seconds: float = 1.0


class Sender:
    """Sends attempts over one client. An async context manager; many attempts may run at once.

    No redirect is followed, no proxy variable is read, certificates are verified against the webhook's own host.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        limits: Limits | None = None,
        resolve: Resolve = system_resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._limits = limits or Limits()
        self._resolve = resolve
        self._client = httpx.AsyncClient(
            verify=tls if tls is not None else ssl.create_default_context(),
            timeout=httpx.Timeout(self._limits.total_seconds, connect=self._limits.connect_seconds),
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=8),
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Sender:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, url: str, content: bytes, signed: Mapping[str, str]) -> Answer:
        """What came back of one attempt. Never raises for anything that a receiver or a network can do."""
        try:
            async with asyncio.timeout(self._limits.total_seconds):
                # In a thread: the look-up must hold up no other attempt.
                place = await asyncio.to_thread(destination, url, allow_private=self._allow_private, resolve=self._resolve)
                return await self._post(place, content, signed)
        except AddressRefused as error:
            return Answer(error=error.code, final=error.code != "address_private")
        except TimeoutError:
            return Answer(error="timeout")
        except OSError:
            return Answer(error="name_not_found")

    async def _post(self, place: Destination, content: bytes, signed: Mapping[str, str]) -> Answer:
        error = "connect_failed"
        for address in place.addresses:
            try:
                return await self._exchange(place, address, content, signed)
            except _NOT_WRITTEN as failure:
                # Nothing was sent yet: the next address may answer.
                error = "tls_failed" if isinstance(failure.__cause__, ssl.SSLError) or _of_tls(failure) else "connect_failed"
            except httpx.TimeoutException:
                return Answer(error="timeout")
            except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
                return Answer(error="protocol_error")
        return Answer(error=error)

    async def _exchange(self, place: Destination, address: str, content: bytes, signed: Mapping[str, str]) -> Answer:
        request = self._client.build_request(
            "POST",
            place.url(address),
            content=content,
            headers={**signed, "host": place.authority, "accept-encoding": "identity"},
            extensions={"sni_hostname": place.host},
        )
        response = await self._client.send(request, stream=True)
        try:
            # The status is the answer. The body is read a little way, so that an honest receiver can finish writing.
            seen = 0
            with suppress(httpx.HTTPError, TimeoutError):
                async with asyncio.timeout(self._limits.body_seconds):
                    async for piece in response.aiter_raw():
                        seen += len(piece)
                        if seen >= self._limits.body_bytes:
                            break
            return Answer(
                status=response.status_code,
                error=f"redirect_{response.status_code}" if 300 <= response.status_code < 400 else None,
                retry_after=retry_after_seconds(response.headers.get("retry-after"), datetime.now(UTC)),
            )
        finally:
            await response.aclose()


def _of_tls(failure: BaseException) -> bool:
    seen: BaseException | None = failure
    for _ in range(6):
        if seen is None:
            return False
        if isinstance(seen, ssl.SSLError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
