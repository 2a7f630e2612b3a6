"""The texts of a chat completion's request that go upstream: found and replaced in one order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from guard.gateway.errors import BadRequest

__all__ = ["SETUP", "embedding_texts", "mapped_call", "system_texts"]

Say = Callable[[str], str]
"""Takes each text in its order and gives what stands in its place."""

SETUP: Final = ("system", "developer")
"""Roles whose messages the tenant writes: they go as they are."""

_DEEPEST: Final = 64


def system_texts(body: Mapping[str, Any]) -> Iterator[str]:
    """What the tenant itself says in a request."""
    for message in body["messages"]:
        if message["role"] in SETUP:
            content = message.get("content")
            if isinstance(content, str):
                yield content
            elif isinstance(content, list):
                yield from (part["text"] for part in content if isinstance(part.get("text"), str))


def mapped_call(body: Mapping[str, Any], say: Say, hide: Say) -> dict[str, Any]:
    """``body``, which was read as a chat call, with what ``say`` gives for each text that people, the chatbot and tools
    said, and what ``hide`` gives for ids of people. Everything else is as it was; ``body`` is not changed."""
    out = dict(body)
    out["messages"] = [_message(message, say, hide) for message in body["messages"]]
    prediction = body.get("prediction")
    if isinstance(prediction, dict):
        out["prediction"] = {**prediction, "content": _content(prediction.get("content"), say)}
    for name in ("user", "safety_identifier", "prompt_cache_key"):
        if isinstance(body.get(name), str) and body[name]:
            out[name] = hide(body[name])
    if isinstance(body.get("metadata"), dict):
        out["metadata"] = {name: _leaves(value, say) for name, value in body["metadata"].items()}
    return out


def embedding_texts(body: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """The body of an embeddings call with what ``say`` gives for its texts. Raises :class:`BadRequest` for tokens, which
    cannot be read."""
    given = body.get("input")
    listed: list[Any] = given if isinstance(given, list) else [given]
    if not all(isinstance(one, str) for one in listed):
        raise BadRequest("input must be texts: this tenant's are redacted, and tokens cannot be", reason="unredactable")
    said = [say(one) for one in listed]
    return {**body, "input": said if isinstance(given, list) else said[0]}


def _message(message: Mapping[str, Any], say: Say, hide: Say) -> dict[str, Any]:
    role, out = message["role"], dict(message)
    if role in SETUP:
        return out
    if role in ("tool", "function") and isinstance(message.get("content"), str):
        out["content"] = _inside_json(message["content"], say, keys=True)
    elif message.get("content") is not None:
        out["content"] = _content(message["content"], say)
    if isinstance(message.get("refusal"), str):
        out["refusal"] = say(message["refusal"])
    if role == "user" and isinstance(message.get("name"), str):
        out["name"] = hide(message["name"])
    if isinstance(message.get("tool_calls"), list):
        out["tool_calls"] = [_call(call, say) for call in message["tool_calls"]]
    if isinstance(message.get("function_call"), dict):
        out["function_call"] = _arguments(message["function_call"], say)
    for name in ("reasoning_content", "reasoning"):
        if isinstance(message.get(name), str):
            out[name] = say(message[name])
    return out


def _content(content: Any, say: Say) -> Any:
    if isinstance(content, str):
        return say(content)
    if not isinstance(content, list):
        return content
    parts = []
    for part in content:
        said = dict(part) if isinstance(part, dict) else part
        for name in ("text", "refusal"):
            if isinstance(part, dict) and isinstance(part.get(name), str):
                said[name] = say(part[name])
        parts.append(said)
    return parts


def _call(call: Any, say: Say) -> Any:
    if not isinstance(call, dict):
        return call
    out = dict(call)
    if isinstance(call.get("function"), dict):
        out["function"] = _arguments(call["function"], say)
    if isinstance(call.get("custom"), dict) and isinstance(call["custom"].get("input"), str):
        out["custom"] = {**call["custom"], "input": say(call["custom"]["input"])}
    return out


def _arguments(function: Mapping[str, Any], say: Say) -> dict[str, Any]:
    given = function.get("arguments")
    return {**function, "arguments": _inside_json(given, say, keys=False)} if isinstance(given, str) else dict(function)


def _inside_json(text: str, say: Say, *, keys: bool) -> str:
    """A text that may be JSON: its strings one by one, so that it stays JSON; written anew only where one of them changed.
    ``keys``: those of its objects too."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return say(text)
    if not isinstance(value, dict | list) or _depth(value) > _DEEPEST:
        return say(text)
    said = _leaves(value, say, keys=keys)
    return text if said == value else json.dumps(said, ensure_ascii=False)


def _depth(value: Any) -> int:
    """How deep it is nested, at most one more than :data:`_DEEPEST`."""
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        depth += 1
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
    return depth


def _leaves(value: Any, say: Say, *, keys: bool = False) -> Any:
    if isinstance(value, str):
        return say(value)
    if isinstance(value, list):
        return [_leaves(item, say, keys=keys) for item in value]
    if not isinstance(value, dict):
        return value
    out: dict[str, Any] = {}
    for name, item in value.items():
        key = say(name) if keys else name
        while key in out:  # two spellings of one entity
            key += "'"
        out[key] = _leaves(item, say, keys=keys)
    return out
