"""Strict, bounded JSON."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import orjson

from guard.gateway.errors import BadRequest, TooLarge, TooSlow

__all__ = ["ClientGone", "first_part", "other_parts", "parse_object", "read_body", "read_object"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_BODY_SECONDS: Final = 60.0
_HIGH: Final = rb"u[dD][89abAB][0-9a-fA-F]{2}"
_LOW: Final = rb"u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE: Final = re.compile(rb"\\(?:(%s\\%s)|(%s|%s)|.)" % (_HIGH, _LOW, _HIGH, _LOW), re.S)
_REPLACEMENT: Final = rb"\ufffd"


class ClientGone(Exception):
    """The client hung up before its request was whole."""


async def read_body(receive: Receive, declared: bytes | None, limit: int) -> bytes:
    """The request's body, at most ``limit`` bytes. Raises :class:`TooLarge` as soon as it is known to be longer,
    :class:`TooSlow` where it does not come, :class:`ClientGone`."""
    part, more = await first_part(receive, declared, limit)
    return await other_parts(receive, part, limit) if more else part


async def first_part(receive: Receive, declared: bytes | None, limit: int) -> tuple[bytes, bool]:
    """What of the body is there, and whether there is more."""
    if declared is not None and declared.isdigit() and int(declared[:20]) > limit:
        raise _too_large(limit)
    return await _part(receive, limit, limit)


async def other_parts(receive: Receive, first: bytes, limit: int) -> bytes:
    """The body that begins with ``first``."""
    parts, size, more = [first], len(first), True
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while more:
                part, more = await _part(receive, limit - size, limit)
                size += len(part)
                parts.append(part)
    except TimeoutError:
        raise _too_slow() from None
    return b"".join(parts)


async def _part(receive: Receive, left: int, limit: int) -> tuple[bytes, bool]:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            message = await receive()
    except TimeoutError:
        raise _too_slow() from None
    if message["type"] != "http.request":
        raise ClientGone
    part: bytes = message.get("body", b"")
    if len(part) > left:
        raise _too_large(limit)
    return part, message.get("more_body", False)


def parse_object(body: bytes, max_depth: int) -> dict[str, Any]:
    """The object of :func:`read_object` alone."""
    return read_object(body, max_depth)[0]


def read_object(body: bytes, max_depth: int) -> tuple[dict[str, Any], bytes]:
    """``body`` as one JSON object, and the bytes that say just that: ``body`` itself, or with U+FFFD for each escaped lone
    surrogate, since clients that cut a text inside an emoji send one with every message from then on. Refuses what two
    readers could read differently: repeated keys, NaN, bytes that are not UTF-8. Raises :class:`BadRequest`."""
    try:
        value, body = _loads(body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"  # the message itself may quote the body
        raise BadRequest(f"the body is not valid JSON ({where}); send one UTF-8 JSON object", reason="bad_json") from None
    if not isinstance(value, dict):
        raise BadRequest("the body must be a JSON object", reason="bad_json")
    _bound_depth(value, max_depth)
    try:
        json.loads(body, object_pairs_hook=_unique)
    except _Repeated:
        raise BadRequest("an object in the body has the same key twice; send each once", reason="duplicate_key") from None
    except ValueError:  # for example an integer of thousands of digits
        raise BadRequest("the body holds a number that cannot be read", reason="bad_json") from None
    return value, body


def _loads(body: bytes) -> tuple[Any, bytes]:
    try:
        return orjson.loads(body), body
    except orjson.JSONDecodeError:
        mended = _ESCAPE.sub(lambda escape: _REPLACEMENT if escape[2] else escape[0], body)
        if mended == body:
            raise
    return orjson.loads(mended), mended


class _Repeated(Exception):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len({key for key, _ in pairs}) != len(pairs):
        raise _Repeated


def _bound_depth(value: Any, most: int) -> None:
    level: list[Any] = [value]
    depth = 0
    while level:
        depth += 1
        if depth > most:
            raise BadRequest(f"the body is nested deeper than {most} levels", reason="too_deep")
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(child for child in item.values() if isinstance(child, dict | list))
            else:
                below.extend(child for child in item if isinstance(child, dict | list))
        level = below


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit} bytes; send a shorter conversation", reason="body_too_large")


def _too_slow() -> TooSlow:
    return TooSlow(f"the body did not arrive within {_BODY_SECONDS:.0f} s; send it again", reason="body_too_slow")
