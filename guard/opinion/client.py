"""One question to the endpoint, within hard bounds of time and size. What comes back is labels of the rubric or a code: the
model's own words never do."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import httpx
import orjson

from guard.escalation.schedule import retry_after_seconds
from guard.opinion.endpoint import Endpoint
from guard.opinion.rubric import Labels, Rubric, parse

__all__ = ["LONGEST", "Client", "Outcome", "Reading", "quotation"]

LONGEST: Final = 8_000
"""Characters of one text that are sent; of a longer one its beginning and its end."""

_BODY_BYTES: Final = 256 * 1024
_CONTENT: Final = 16 * 1024  # characters of an answer: the schema's are a few hundred
_CONNECT_SECONDS: Final = 5.0
_CUT: Final = "\n[...]\n"
_AWAY: Final = frozenset({401, 403, 404, 408, 429})  # and 5xx: not about this question, so it is asked again later


class Outcome(StrEnum):
    """What came of one question."""

    ANSWERED = "answered"
    REFUSED = "refused"  # the model declined, or its provider's filter did
    FAILED = "failed"  # an answer came that cannot be used, or the question cannot be put
    AWAY = "away"  # no answer, or none about this question


@dataclass(frozen=True, slots=True)
class Reading:
    """``labels`` with ANSWERED; ``reason``: a code otherwise. ``retry_after``: seconds that the endpoint asks to wait."""

    outcome: Outcome
    labels: Labels | None = None
    reason: str | None = None
    retry_after: float | None = None
    seconds: float = 0.0


def quotation(text: str) -> tuple[str, bool]:
    """``text`` as it is sent, and whether it was cut. What is no valid Unicode is replaced."""
    plain = text.encode("utf-8", "replace").decode()
    if len(plain) <= LONGEST:
        return plain, False
    half = (LONGEST - len(_CUT)) // 2
    return plain[:half] + _CUT + plain[-half:], True


class Client:
    """Asks over one connection pool. An async context manager; one question at a time.

    No redirect is followed and no proxy variable is read: the text goes to the address that was set and nowhere else.
    """

    def __init__(self, endpoint: Endpoint, *, tls: ssl.SSLContext | None = None) -> None:
        self._endpoint = endpoint
        self._plain = False  # the endpoint takes no temperature
        headers = {"accept-encoding": "identity", "user-agent": "handrail"}
        if endpoint.key is not None:
            headers["authorization"] = f"Bearer {endpoint.key}"
        self._client = httpx.AsyncClient(
            verify=tls if tls is not None else ssl.create_default_context(),
            headers=headers,
            timeout=httpx.Timeout(endpoint.seconds, connect=min(_CONNECT_SECONDS, endpoint.seconds)),
            limits=httpx.Limits(max_connections=1),
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(self, rubric: Rubric, said: Mapping[str, str]) -> Reading:
        """What the endpoint makes of ``said`` (``person``, and ``reply`` for a reply). Never raises for anything that an
        endpoint or a network can do. An answer that is not of the schema is asked for once more."""
        began = time.monotonic()
        reading = Reading(Outcome.AWAY, reason="timeout")
        try:
            async with asyncio.timeout(self._endpoint.seconds):
                reading = await self._ask(rubric, said)
        except TimeoutError:
            pass
        return replace(reading, seconds=time.monotonic() - began)

    async def _ask(self, rubric: Rubric, said: Mapping[str, str]) -> Reading:
        reading = await self._once(rubric, said)
        if reading.reason == "status_400" and not self._plain:
            # Some models take no temperature but their own.
            self._plain = True
            return await self._once(rubric, said)
        if reading.reason in ("bad_json", "off_schema"):
            return await self._once(rubric, said)
        return reading

    async def _once(self, rubric: Rubric, said: Mapping[str, str]) -> Reading:
        body: dict[str, Any] = {
            "model": self._endpoint.model,
            "messages": [
                {"role": "system", "content": rubric.instructions},
                {"role": "user", "content": orjson.dumps(dict(said)).decode()},
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": f"{rubric.name}_labels", "strict": True, "schema": rubric.schema},
            },
        }
        if not self._plain:
            body["temperature"] = 0
        try:
            return await self._post(rubric, orjson.dumps(body))
        except httpx.ConnectError as error:
            tls = isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in str(error)
            return Reading(Outcome.AWAY, reason="tls_failed" if tls else "connect_failed")
        except httpx.TimeoutException:
            return Reading(Outcome.AWAY, reason="timeout")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
            return Reading(Outcome.AWAY, reason="protocol_error")

    async def _post(self, rubric: Rubric, content: bytes) -> Reading:
        url = f"{self._endpoint.url}/chat/completions"
        headers = {"content-type": "application/json"}
        async with self._client.stream("POST", url, content=content, headers=headers) as response:
            status = response.status_code
            if status != 200:
                away = status in _AWAY or status >= 500 or 300 <= status < 400
                wait = retry_after_seconds(response.headers.get("retry-after"), datetime.now(UTC))
                return Reading(Outcome.AWAY if away else Outcome.FAILED, reason=f"status_{status}", retry_after=wait)
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > _BODY_BYTES:
                    return Reading(Outcome.FAILED, reason="too_large")
        return _read(rubric, bytes(body))


def _read(rubric: Rubric, body: bytes) -> Reading:
    """What a whole chat completion says."""
    try:
        choice = orjson.loads(body)["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        refusal, content = message.get("refusal"), message.get("content")
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, AttributeError):
        return Reading(Outcome.FAILED, reason="bad_completion")
    if refusal or finish == "content_filter":
        return Reading(Outcome.REFUSED, reason="content_filter" if finish == "content_filter" else "declined")
    if finish == "length":
        return Reading(Outcome.FAILED, reason="cut_off")
    if not isinstance(content, str):
        return Reading(Outcome.FAILED, reason="bad_completion")
    if len(content) > _CONTENT:
        return Reading(Outcome.FAILED, reason="too_large")
    labels = parse(rubric, content)
    if labels is not None:
        return Reading(Outcome.ANSWERED, labels)
    return Reading(Outcome.FAILED, reason="off_schema" if _is_json(content) else "bad_json")


def _is_json(content: str) -> bool:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True
