"""OpenAI's chat completions: a request to a :class:`TurnRequest`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from guard.gateway.openai_parameters import check_parameters, wrong
from guard.gateway.request_headers import Headers, person, text_of
from guard.settings import Settings
from guard.turns.contract import Identity, Message, TurnRequest

__all__ = ["PROTOCOL", "Call", "read_call"]

PROTOCOL: Final = "chat.completions"
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_CONSTRAINED: Final = (  # other servers' names for a structured output
    "guided_json",
    "guided_grammar",
    "guided_regex",
    "structured_outputs",
    "json_schema",
    "grammar",
)
_FIELDS: Final[Mapping[str, type]] = {
    "name": str,
    "refusal": str,
    "tool_call_id": str,
    "tool_calls": list,
    "function_call": dict,
    "audio": dict,
}
_CLIENT_TOOLS: Final = ("function", "custom")  # run by the client, not by the upstream
_KINDS: Final = {"image_url": "image", "input_audio": "audio", "file": "file"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read."""

    turn: TurnRequest
    model: str
    choices: int
    stream: bool
    usage: bool
    structured: bool
    body: dict[str, Any]
    raw: bytes

    def guided(self, guidance: str, body: Mapping[str, Any] | None = None) -> bytes:
        """The upstream's body with ``guidance`` as a system message behind the client's own. ``body``: what goes upstream in
        place of what was received."""
        given = self.body if body is None else body
        messages = list(given["messages"])
        at = 0
        while at < len(messages) and messages[at].get("role") in ("system", "developer"):
            at += 1
        messages.insert(at, {"role": "system", "content": guidance})
        return orjson.dumps({**given, "messages": messages})


def read_call(body: dict[str, Any], raw: bytes, headers: Headers, identity: Identity, settings: Settings) -> Call:
    """The request in ``body``. Raises :class:`BadRequest` naming the parameter that cannot be read."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise wrong("messages", "must be a list of at least one message")
    if len(messages) > settings.max_messages:
        raise wrong("messages", f"may hold at most {settings.max_messages} messages")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise wrong("model", "must be a model's name")
    check_parameters(body)
    choices = body.get("n")
    choices = 1 if choices is None else int(choices)
    if not 1 <= choices <= settings.max_choices:
        raise wrong("n", f"must be a whole number from 1 to {settings.max_choices}")
    options, metadata = body.get("stream_options") or {}, body.get("metadata") or {}
    wanted = (body.get("response_format") or {}).get("type")
    read = tuple(_message(message, at) for at, message in enumerate(messages))
    who = text_of(headers, b"x-handrail-user") or _word(body, "safety_identifier") or _word(body, "user")
    session = (
        text_of(headers, b"x-handrail-session")
        or _word(body, "conversation")
        or _word(body, "previous_response_id")
        or _word(metadata, "session_id")
    )
    retries = text_of(headers, b"x-stainless-retry-count") or "0"
    turn = TurnRequest(
        identity=identity,
        protocol=PROTOCOL,
        messages=read,
        who=person(headers),
        person=who,
        session=session,
        stream=bool(body.get("stream")),
        retry=retries.isdigit() and retries.strip("0") != "",
        idempotency_key=text_of(headers, b"idempotency-key"),
        effects=_effects(body),
        channels=choices,
    )
    structured = (isinstance(wanted, str) and wanted not in ("", "text")) or any(body.get(name) for name in _CONSTRAINED)
    return Call(turn, model, choices, turn.stream, options.get("include_usage") is True, structured, body, raw)


def _effects(body: Mapping[str, Any]) -> bool:
    """Whether the upstream's work may leave something behind: what it keeps, or tools that it runs itself. A tool of no
    known type counts as one of those."""
    if any(body.get(name) for name in ("store", "conversation", "background", "web_search_options")):
        return True
    return any(tool.get("type") not in _CLIENT_TOOLS for tool in body.get("tools") or ())


def _message(message: Any, at: int) -> Message:
    where = f"messages[{at}]"
    if not isinstance(message, dict):
        raise wrong(where, "must be an object")
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise wrong(f"{where}.role", "must be system, developer, user, assistant, tool or function")
    content = message.get("content")
    texts: list[str] = []
    unscored: list[str] = []
    for name, kind in _FIELDS.items():
        if message.get(name) is not None and not isinstance(message[name], kind):
            raise wrong(
                f"{where}.{name}", f"must be {'a text' if kind is str else 'a list' if kind is list else 'an object'}"
            )
    rest: dict[str, Any] = {key: value for key, value in message.items() if key not in ("role", "content")}
    if isinstance(content, str):
        texts.append(content)
    elif isinstance(content, list):
        others = []
        for place, part in enumerate(content):
            if not isinstance(part, dict) or not isinstance(part.get("type"), str):
                raise wrong(f"{where}.content[{place}]", "must be an object with a type")
            kind = part["type"]
            text = part.get("refusal") if kind == "refusal" else part.get("text")
            if isinstance(text, str):
                texts.append(text)
            elif kind in ("text", "refusal"):
                raise wrong(f"{where}.content[{place}]", "must carry a text")
            if kind not in ("text", "refusal"):
                unscored.append(_KINDS.get(kind, "file"))
                others.append(part)
        if others:
            rest["content"] = others
    elif content is not None:
        raise wrong(f"{where}.content", "must be a text or a list of parts")
    elif role == "user":
        raise wrong(f"{where}.content", "is missing")
    extra = b""
    if rest:
        extra = hashlib.blake2b(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
    return Message("tool" if role == "function" else role, "\n".join(texts), extra, tuple(unscored))


def _word(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and value else None
