"""OpenAI's chat completions: a request to a :class:`TurnRequest`, and an upstream frame to the pieces of text in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from guard.gateway.errors import BadRequest
from guard.gateway.gate import Piece
from guard.gateway.request_headers import Headers, person, text_of
from guard.settings import Settings
from guard.turns.contract import Identity, Message, TurnRequest

__all__ = ["PROTOCOL", "Call", "decode_strings", "frame_pieces", "read_call"]

PROTOCOL: Final = "chat.completions"
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_KINDS: Final = {"image_url": "image", "input_audio": "audio", "file": "file"}
_NEUTRAL: Final = frozenset({"role", "id", "type", "index"})  # strings of a delta that say nothing to a person
_MOST_CHOICE: Final = 128


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

    def guided(self, guidance: str) -> bytes:
        """The upstream's body with ``guidance`` as a system message behind the client's own."""
        messages = list(self.body["messages"])
        at = 0
        while at < len(messages) and messages[at].get("role") in ("system", "developer"):
            at += 1
        messages.insert(at, {"role": "system", "content": guidance})
        return orjson.dumps({**self.body, "messages": messages})


def read_call(body: dict[str, Any], raw: bytes, headers: Headers, identity: Identity, settings: Settings) -> Call:
    """The request in ``body``. Raises :class:`BadRequest` naming the parameter that cannot be read."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _wrong("messages", "must be a list of at least one message")
    if len(messages) > settings.max_messages:
        raise _wrong("messages", f"may hold at most {settings.max_messages} messages")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise _wrong("model", "must be a model's name")
    stream = _flag(body, "stream")
    choices = body.get("n")
    if choices is None:
        choices = 1
    if not isinstance(choices, int) or isinstance(choices, bool) or not 1 <= choices <= settings.max_choices:
        raise _wrong("n", f"must be a whole number from 1 to {settings.max_choices}")
    options = _mapping(body, "stream_options")
    metadata = _mapping(body, "metadata")
    wanted = _mapping(body, "response_format").get("type")
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
        stream=stream,
        retry=retries.isdigit() and retries.strip("0") != "",
        idempotency_key=text_of(headers, b"idempotency-key"),
        effects=bool(
            body.get("store") or body.get("conversation") or body.get("background") or body.get("web_search_options")
        ),
        channels=choices,
    )
    structured = isinstance(wanted, str) and wanted.startswith("json")
    return Call(turn, model, choices, stream, options.get("include_usage") is True, structured, body, raw)


def frame_pieces(body: Any, part: str, *, structured: bool) -> tuple[list[Piece], list[int], list[tuple[int, str]]]:
    """The texts of a frame (``part``: ``delta``) or a whole reply (``message``), the choices that it mentions, and those
    that it ends with their finish reasons. Any text that a client could show is among them, known field or not."""
    pieces: list[Piece] = []
    mentioned: list[int] = []
    ends: list[tuple[int, str]] = []
    choices = body.get("choices")
    if not isinstance(choices, list):
        if "error" not in body:
            pieces.extend(Piece(0, "reasoning", text, "~") for text in _strings(body, skip=_ENVELOPE))
            mentioned.append(0) if pieces else None
        return pieces, mentioned, ends
    for choice in choices:
        if not isinstance(choice, dict):
            continue
        at = choice.get("index", 0)
        index = at if isinstance(at, int) and 0 <= at < _MOST_CHOICE else _MOST_CHOICE
        mentioned.append(index)
        said = choice.get(part)
        if isinstance(said, dict):
            for name, value in said.items():
                if value is None or name in _NEUTRAL:
                    continue
                pieces.extend(_field(index, name, value, structured=structured))
        for name in choice:
            if name not in _CHOICE_FIELDS and name != part:
                pieces.extend(Piece(index, "reasoning", text, "~" + name) for text in _strings(choice[name]))
        finish = choice.get("finish_reason")
        if finish is not None or part == "message":
            ends.append((index, finish if isinstance(finish, str) else "stop"))
    return pieces, mentioned, ends


_ENVELOPE: Final = frozenset({"id", "object", "created", "model", "system_fingerprint", "service_tier", "usage"})
_CHOICE_FIELDS: Final = frozenset({"index", "finish_reason", "logprobs", "content_filter_results", "native_finish_reason"})


def _field(index: int, name: str, value: Any, *, structured: bool) -> Iterator[Piece]:
    if name == "content":
        channel = "structured" if structured else "content"
        for text in (value,) if isinstance(value, str) else _strings(value):
            yield Piece(index, channel, text)
    elif name == "refusal" and isinstance(value, str):
        yield Piece(index, "refusal", value)
    elif name == "tool_calls" and isinstance(value, list):
        for at, call in enumerate(value):
            if isinstance(call, dict):
                slot = str(call.get("index", at))[:16]
                for part in ("function", "custom"):
                    for key, text in _pairs(call.get(part)):
                        yield Piece(index, "tool", text, f"{slot}.{key}")
    elif name == "function_call":
        for key, text in _pairs(value):
            yield Piece(index, "tool", text, f"f.{key}")
    elif name == "audio":
        if isinstance(value, dict) and isinstance(value.get("transcript"), str):
            yield Piece(index, "content", value["transcript"], "audio")
    else:
        for text in _strings(value):
            yield Piece(index, "reasoning", text, name)


def decode_strings(text: str) -> str:
    """All keys and string values of a JSON text, one a line; the text itself where it is not JSON."""
    try:
        value = orjson.loads(text)
    except ValueError:
        return text
    return "\n".join(_strings(value, keys=True))


def _strings(value: Any, *, keys: bool = False, skip: frozenset[str] = frozenset()) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            if keys:
                yield from item
            stack.extend(child for name, child in reversed(item.items()) if name not in skip)
        elif isinstance(item, list):
            stack.extend(reversed(item))


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, text in value.items():
            if isinstance(text, str):
                yield key, text


def _message(message: Any, at: int) -> Message:
    where = f"messages[{at}]"
    if not isinstance(message, dict):
        raise _wrong(where, "must be an object")
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise _wrong(f"{where}.role", "must be system, developer, user, assistant, tool or function")
    content = message.get("content")
    texts: list[str] = []
    unscored: list[str] = []
    rest: dict[str, Any] = {key: value for key, value in message.items() if key not in ("role", "content")}
    if isinstance(content, str):
        texts.append(content)
    elif isinstance(content, list):
        others = []
        for place, part in enumerate(content):
            if not isinstance(part, dict) or not isinstance(part.get("type"), str):
                raise _wrong(f"{where}.content[{place}]", "must be an object with a type")
            kind = part["type"]
            text = part.get("refusal") if kind == "refusal" else part.get("text")
            if isinstance(text, str):
                texts.append(text)
            elif kind in ("text", "refusal"):
                raise _wrong(f"{where}.content[{place}]", "must carry a text")
            if kind not in ("text", "refusal"):
                unscored.append(_KINDS.get(kind, "file"))
                others.append(part)
        if others:
            rest["content"] = others
    elif content is not None:
        raise _wrong(f"{where}.content", "must be a text or a list of parts")
    elif role == "user":
        raise _wrong(f"{where}.content", "is missing")
    extra = b""
    if rest:
        extra = hashlib.blake2b(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
    return Message("tool" if role == "function" else role, "\n".join(texts), extra, tuple(unscored))


def _word(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def _mapping(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(name, "must be an object")
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong(name, "must be true or false")
    return bool(value)


def _wrong(param: str, what: str) -> BadRequest:
    return BadRequest(f"{param} {what}", reason="invalid_value", param=param)
