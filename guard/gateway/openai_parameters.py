"""The types of the chat completions' parameters (OpenAI API reference, November 2026)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guard.gateway.errors import BadRequest

__all__ = ["check_parameters", "wrong"]

_LONGEST_ID: Final = 512  # characters of a name that a client gives to a person, a session or a request

_NUMBER: Final = "a number"
_WHOLE: Final = "a whole number"
_FLAG: Final = "true or false"
_TEXT: Final = "a text"
_LIST: Final = "a list"
_OBJECT: Final = "an object"

_PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("temperature", "top_p", "presence_penalty", "frequency_penalty"), (_NUMBER,)),
    **dict.fromkeys(("max_tokens", "max_completion_tokens", "seed", "top_logprobs", "n"), (_WHOLE,)),
    **dict.fromkeys(("stream", "logprobs", "store", "parallel_tool_calls", "background"), (_FLAG,)),
    **dict.fromkeys(
        ("model", "user", "safety_identifier", "prompt_cache_key", "service_tier", "reasoning_effort", "verbosity"), (_TEXT,)
    ),
    **dict.fromkeys(("tools", "functions", "modalities"), (_LIST,)),
    **dict.fromkeys(
        ("logit_bias", "metadata", "response_format", "stream_options", "audio", "prediction", "web_search_options"),
        (_OBJECT,),
    ),
    "stop": (_TEXT, _LIST),
    "tool_choice": (_TEXT, _OBJECT),
    "function_call": (_TEXT, _OBJECT),
    "conversation": (_TEXT, _OBJECT),
    "previous_response_id": (_TEXT,),
}
_OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {"include_usage": (_FLAG,), "include_obfuscation": (_FLAG,)}
_FORMAT: Final[Mapping[str, tuple[str, ...]]] = {"type": (_TEXT,), "json_schema": (_OBJECT,)}
_NAMES: Final = ("user", "safety_identifier", "conversation", "previous_response_id")


def check_parameters(body: Mapping[str, Any]) -> None:
    """Raises :class:`BadRequest` naming the first known parameter that has a wrong type. ``null`` is as good as none;
    parameters that are not known pass."""
    _check(body, _PARAMETERS, "")
    _check(body.get("stream_options") or {}, _OPTIONS, "stream_options.")
    _check(body.get("response_format") or {}, _FORMAT, "response_format.")
    for place, tool in enumerate(body.get("tools") or ()):
        if not isinstance(tool, dict):
            raise wrong(f"tools[{place}]", "must be an object")
    for name in _NAMES:
        value = body.get(name)
        if isinstance(value, str) and len(value) > _LONGEST_ID:
            raise wrong(name, f"may have at most {_LONGEST_ID} characters")
    if isinstance(body.get("conversation"), dict) and not isinstance(body["conversation"].get("id"), str):
        raise wrong("conversation.id", f"must be {_TEXT}")
    metadata = body.get("metadata") or {}
    for name, value in metadata.items():
        if value is not None and not isinstance(value, str):
            where = f"metadata.{name}" if name in ("session_id", "user_id") else "metadata"
            raise wrong(where, "must hold texts alone" if where == "metadata" else f"must be {_TEXT}")


def wrong(param: str, what: str) -> BadRequest:
    """The error for a parameter."""
    return BadRequest(f"{param} {what}", reason="invalid_value", param=param)


def _check(body: Mapping[str, Any], kinds: Mapping[str, tuple[str, ...]], where: str) -> None:
    for name in body.keys() & kinds.keys():
        value = body[name]
        if value is not None and not any(_is(value, kind) for kind in kinds[name]):
            raise wrong(where + name, f"must be {' or '.join(kinds[name])}")


def _is(value: Any, kind: str) -> bool:
    if kind == _TEXT:
        return isinstance(value, str)
    if kind == _FLAG:
        return isinstance(value, bool)
    if kind == _LIST:
        return isinstance(value, list)
    if kind == _OBJECT:
        return isinstance(value, dict)
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and (kind == _NUMBER or value.is_integer()))
