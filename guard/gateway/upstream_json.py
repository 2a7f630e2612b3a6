"""The chatbot's JSON: read leniently, and passed on only in the one way in which every reader reads it."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

from guard.gateway.errors import UpstreamFailed

__all__ = ["all_strings", "read_object", "write_object"]

_SEPARATOR: Final = re.compile(rb'"[ \t\r\n]*:')
_LONE: Final = re.compile("[\ud800-\udfff]")
_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.S)
_PLAIN: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_WITHIN: Final = 4  # JSON inside strings of JSON is opened this far


def read_object(data: bytes) -> tuple[dict[str, Any], bool]:
    """The object in ``data``, and whether ``data`` may leave as it stands.

    It may not where two readers could read it differently: an object with the same key twice, lone surrogates, ``NaN``,
    encodings other than UTF-8, a byte order mark. Then what was read here is written anew, so that what leaves is what was
    judged. Raises :class:`UpstreamFailed` for what is no JSON object.
    """
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        body, same = _lenient(data), False
    else:
        same = _plain(data, body) or not _repeats(data)
    if not isinstance(body, dict):
        raise UpstreamFailed("the chatbot sent JSON that is no object", reason="upstream_shape")
    return body, same


def write_object(body: dict[str, Any]) -> bytes:
    """``body`` as JSON. Raises :class:`UpstreamFailed` where it is nested too deep to be written."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        raise UpstreamFailed("the chatbot sent JSON that cannot be passed on", reason="upstream_shape") from None


def all_strings(text: str) -> list[str]:
    """Every key and string value of a JSON text, repeated keys and JSON within strings included. Where it is no JSON, the
    text as it stands and once more with its escapes resolved."""
    out: list[str] = []
    _collect(text, out, 0)
    return out


def _collect(text: str, out: list[str], depth: int) -> None:
    try:
        stack: list[Any] = [json.loads(text, object_pairs_hook=_Pairs)]
    except (ValueError, RecursionError):
        out.append(text)
        if "\\" in text and (opened := _ESCAPE.sub(_open, text)) != text:
            out.append(_LONE.sub("\ufffd", opened.encode("utf-16", "surrogatepass").decode("utf-16", "replace")))
        return
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            item = _LONE.sub("\ufffd", item)
            if depth < _WITHIN and item[:1] in ("{", "[", '"') and len(item) > 1:
                _collect(item, out, depth + 1)
            else:
                out.append(item)
        elif isinstance(item, _Pairs):
            for key, value in reversed(item):
                stack.append(value)
                stack.append(key)
        elif isinstance(item, list):
            stack.extend(reversed(item))


class _Pairs(list[tuple[str, Any]]):
    """An object with all its pairs."""


def _open(match: re.Match[str]) -> str:
    escape = match.group()
    return chr(int(escape[2:], 16)) if len(escape) == 6 else _PLAIN.get(escape[1], escape[1])


def _plain(data: bytes, body: Any) -> bool:
    """Whether no object in ``data`` can have a key twice. A separator stands behind each key, so as many separators as keys
    were read mean that none was lost; text with a quote and a colon in it only sends this to the slow way."""
    if type(body) is not dict:
        return False
    if b" :" in data or b"\n:" in data or b"\r:" in data or b"\t:" in data:
        return len(_SEPARATOR.findall(data)) == _keys(body)
    separators = data.count(b'":')
    keys = len(body)  # first of the levels that every frame has, which are most often all
    choices = body.get("choices")
    if type(choices) is list:
        for choice in choices:
            if type(choice) is dict:
                keys += len(choice)
                delta = choice.get("delta")
                if type(delta) is dict:
                    keys += len(delta)
    return separators == keys or separators == _keys(body)


def _keys(value: Any) -> int:
    total = 0
    stack = [value]
    while stack:
        item = stack.pop()
        if type(item) is dict:
            total += len(item)
            for child in item.values():
                kind = type(child)
                if kind is dict or kind is list:
                    stack.append(child)
        elif type(item) is list:
            stack.extend(item)
    return total


def _repeats(data: bytes) -> bool:
    repeated = False

    def check(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeated
        repeated = repeated or len({key for key, _ in pairs}) != len(pairs)

    try:
        json.loads(data, object_pairs_hook=check)
    except (ValueError, RecursionError):
        return True
    return repeated


def _lenient(data: bytes) -> Any:
    try:
        body = json.loads(data)
        return json.loads(_LONE.sub("\ufffd", json.dumps(body, ensure_ascii=False)), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise UpstreamFailed("the chatbot sent what is not JSON", reason="upstream_not_json") from None
