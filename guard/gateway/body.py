"""Strict, bounded JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from guard.gateway.errors import BadRequest, TooLarge

__all__ = ["ClientGone", "parse_object", "read_body"]


class ClientGone(Exception):
    """The client hung up before its request was whole."""


async def read_body(receive: Callable[[], Awaitable[MutableMapping[str, Any]]], declared: bytes | None, limit: int) -> bytes:
    """The request's body, at most ``limit`` bytes. Raises :class:`TooLarge` as soon as it is known to be longer."""
    if declared is not None and declared.isdigit() and int(declared[:20]) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def parse_object(body: bytes, max_depth: int) -> dict[str, Any]:
    """``body`` as one JSON object. Refuses what two readers could read differently: repeated keys, NaN, lone surrogates,
    bytes that are not UTF-8. Raises :class:`BadRequest`."""
    try:
        value = orjson.loads(body)
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
    return value


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
