"""The texts in a chatbot's frame or whole reply: whatever a client could show, known field or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from guard.gateway.held import AUDIO, Piece
from guard.gateway.upstream_json import all_strings

__all__ = ["choice_index", "decode_strings", "frame_pieces", "is_label"]

_LABEL: Final = re.compile(r"[A-Za-z0-9_.:/+=@~-]{0,128}")
_BLOB: Final = re.compile(r"[A-Za-z0-9+/=_-]*")
_DATA_URL: Final = re.compile(r"data:[\w.+-]{1,40}/[\w.+-]{1,40}(?:;[\w=.+-]{1,40}){0,4};base64,[A-Za-z0-9+/=_-]*", re.A)
_RAW_TOKEN: Final = re.compile(r"(?:bytes:)?(?:\\x[0-9a-fA-F]{2})+|\ufffd+")

# Fields that say nothing to a person as long as what they hold has the shape of a label: short, ASCII, without a space.
_LABELS: Final = frozenset(
    [
        "id",
        "object",
        "model",
        "system_fingerprint",
        "service_tier",
        "role",
        "type",
        "index",
        "created",
        "provider",
        "obfuscation",
        "status",
        "format",
        "severity",
        "finish_reason",
        "native_finish_reason",
        "stop_reason",
        "request_id",
        "call_id",
        "tool_call_id",
    ]
)
_BLOBS: Final = frozenset(["data", "signature", "thought_signature", "encrypted_content", "b64_json"])
# Fields of unknown objects that come token by token.
_STREAMED: Final = frozenset(
    [
        "text",
        "content",
        "thinking",
        "reasoning",
        "reasoning_content",
        "summary",
        "arguments",
        "response",
        "output",
        "refusal",
    ]
)
_TOKEN_KEYS: Final = frozenset(["token", "logprob", "bytes", "top_logprobs"])
_LONGEST_TOKEN: Final = 48
_LONGEST_SLOT: Final = 160


def is_label(value: Any) -> bool:
    """Whether ``value`` is a string that has the shape of a label and so is no language."""
    return isinstance(value, str) and _LABEL.fullmatch(value) is not None


def choice_index(choice: Any, place: int, part: str, asked: int) -> int:
    """The choice that an entry of ``choices`` belongs to, in ``range(asked)`` whatever its ``index`` says: what claims to
    be another choice is read together with the first, as clients that read no index show it."""
    if isinstance(choice, dict):
        at = choice.get("index")
        if type(at) is int and 0 <= at < asked:
            return at
        if at is None and part == "message" and place < asked:
            return place
    return 0


def frame_pieces(
    body: Any, part: str, *, structured: bool, asked: int
) -> tuple[list[Piece], list[int], list[tuple[int, str]]]:
    """The texts of a frame (``part``: ``delta``) or a whole reply (``message``), the choices that it mentions, and those
    that it ends with their finish reasons. ``asked``: how many choices the client asked for. The order is the same at
    every call, so that texts and pieces can be matched."""
    pieces: list[Piece] = []
    mentioned: list[int] = []
    ends: list[tuple[int, str]] = []
    choices = body.get("choices")
    known = isinstance(choices, list)
    for name, value in body.items():
        if value is None or (name == "choices" and known):
            continue
        if not _wordless(name, value):
            pieces.extend(_leaves(0, -1, name, value, key=name, apart=known or name == "error"))
    if not known:
        if pieces and "error" not in body:
            mentioned.append(0)
        return pieces, mentioned, ends
    for place, choice in enumerate(choices):
        index = choice_index(choice, place, part, asked)
        mentioned.append(index)
        if not isinstance(choice, dict):
            pieces.extend(_leaves(index, place, "choice", choice))
            continue
        said = choice.get(part)
        if isinstance(said, dict):
            for name, value in said.items():
                if value is None:
                    continue
                if name == "content" and type(value) is str and not structured:
                    if value:
                        pieces.append(Piece(index, "content", value, "", place))
                elif type(value) is not str or name not in _LABELS or not _LABEL.fullmatch(value):
                    pieces.extend(_field(index, place, name, value, structured))
        elif said is not None:
            pieces.extend(_leaves(index, place, part, said))
        for name, value in choice.items():
            if value is None or name == part:
                continue
            if _wordless(name, value):
                continue
            if name == "logprobs":
                pieces.extend(_logprobs(index, place, value, said))
            elif name == "text" and isinstance(value, str):
                pieces.append(Piece(index, "structured" if structured else "content", value, "text", place))
            else:
                pieces.extend(_leaves(index, place, "~" + name, value, key=name, apart=True))
        finish = choice.get("finish_reason")
        if finish or part == "message":
            ends.append((index, finish if finish and is_label(finish) else "stop"))
    if part == "message":  # as in a stream, thought comes before speech
        pieces.sort(key=lambda piece: piece.channel != "reasoning")
    return pieces, mentioned, ends


def decode_strings(text: str) -> str:
    """What a tool call's arguments or a structured output say: all their keys and string values, one a line."""
    return "\n".join(all_strings(text))


def _field(index: int, place: int, name: str, value: Any, structured: bool) -> Iterator[Piece]:
    if name == "content":
        channel = "structured" if structured else "content"
        if isinstance(value, str):
            if value:
                yield Piece(index, channel, value, "", place)
        elif isinstance(value, list):
            for part in value:
                yield from _part(index, place, channel, part)
        else:
            yield from _leaves(index, place, name, value, key=name)
    elif name in ("tool_calls", "function_call"):
        calls = value if isinstance(value, list) else [value]
        for at, call in enumerate(calls):
            yield from _call(index, place, name, at, call)
    elif name == "refusal" and isinstance(value, str):
        if value:
            yield Piece(index, "refusal", value, "", place)
    elif name == "audio" and isinstance(value, dict):
        for key, item in value.items():
            if key == "transcript" and isinstance(item, str):
                yield Piece(index, "content", item, "audio", place)
            else:
                if key == "data" and item:
                    yield Piece(index, AUDIO, "", "", place)  # said before its transcript comes
                yield from _leaves(index, place, f"audio.{key}", item, key=key)
    else:
        yield from _leaves(index, place, name, value, key=name)


def _part(index: int, place: int, channel: str, part: Any) -> Iterator[Piece]:
    """One part of a content that is a list."""
    if isinstance(part, str):
        yield Piece(index, channel, part, "", place)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == "text" and isinstance(value, str):
                yield Piece(index, channel, value, "", place)
            else:
                yield from _leaves(index, place, f"content.{key}", value, key=key)
    else:
        yield from _leaves(index, place, "content", part)


def _call(index: int, place: int, name: str, at: int, call: Any) -> Iterator[Piece]:
    yield Piece(index, "tool", "", "", place)  # even a call without a text is held with the rest
    if not isinstance(call, dict):
        yield from _leaves(index, place, name, call, channel="tool")
        return
    slot = f"{name}.{call.get('index', at)}"[:40]
    bodies = [call] if name == "function_call" else [call.get("function"), call.get("custom")]
    for body in bodies:
        if isinstance(body, dict):
            for key, value in body.items():
                if isinstance(value, str):
                    yield Piece(index, "tool", value, f"{slot}.{key}"[:_LONGEST_SLOT], place)
                else:
                    yield from _leaves(index, place, f"{slot}.{key}", value, channel="tool")
        elif body is not None:
            yield from _leaves(index, place, slot, body, channel="tool")
    if name != "function_call":
        for key, value in call.items():
            if key not in ("function", "custom"):
                yield from _leaves(index, place, f"{slot}.{key}", value, key=key, channel="tool")


def _logprobs(index: int, place: int, value: Any, said: Any) -> Iterator[Piece]:
    """Nothing where the tokens are those of the text beside them, which is judged there; else what they say."""
    if not isinstance(value, dict) or not set(value) <= {"content", "refusal"}:
        yield from _leaves(index, place, "~logprobs", value)
        return
    for name, tokens in value.items():
        if tokens is None:
            continue
        own = said.get(name) if isinstance(said, dict) else None
        own = own if isinstance(own, str) else ""
        slot = f"~logprobs.{name}"
        if not isinstance(tokens, list) or not all(isinstance(token, dict) for token in tokens):
            yield from _leaves(index, place, slot, tokens)
            continue
        spelled = "".join(token["token"] if isinstance(token.get("token"), str) else "" for token in tokens)
        from_bytes = _from_bytes(tokens)
        raw = any(_RAW_TOKEN.fullmatch(str(token.get("token"))) for token in tokens)
        if spelled and spelled != own and not (raw and from_bytes == own):
            yield Piece(index, "reasoning", spelled, slot, place)
        if from_bytes is not None and from_bytes not in (own, spelled):
            yield Piece(index, "reasoning", from_bytes, slot + ".bytes", place)
        for token in tokens:
            for key, item in token.items():
                if key not in _TOKEN_KEYS or (key == "top_logprobs" and item and _long(item)):
                    yield from _leaves(index, place, f"{slot}.{key}", item)


def _from_bytes(tokens: list[dict[str, Any]]) -> str | None:
    out = bytearray()
    some = False
    for token in tokens:
        data = token.get("bytes")
        if isinstance(data, list):
            some = True
            out += bytes(item & 255 for item in data if type(item) is int)
        elif isinstance(token.get("token"), str):
            out += token["token"].encode()
    return out.decode("utf-8", "replace") if some else None


def _long(alternatives: Any) -> bool:
    """Whether these alternatives of a token are no tokens."""
    return not isinstance(alternatives, list) or any(
        not isinstance(one, dict) or not set(one) <= _TOKEN_KEYS or len(str(one.get("token"))) > _LONGEST_TOKEN
        for one in alternatives
    )


def _leaves(
    index: int, place: int, path: str, value: Any, *, key: str = "", channel: str = "reasoning", apart: bool = False
) -> Iterator[Piece]:
    """Every string below ``value``, each in a slot of its own path, names that are no labels included."""
    if not _LABEL.fullmatch(key):
        yield Piece(index, channel, key, path[:_LONGEST_SLOT] + "#", place, apart)
    stack: list[tuple[str, str, Any]] = [(path, key, value)]
    while stack:
        path, key, item = stack.pop()
        if isinstance(item, str):
            if item and not _says_nothing(key, item):
                yield Piece(index, channel, item, path[:_LONGEST_SLOT], place, apart and key not in _STREAMED)
        elif isinstance(item, dict):
            for name, child in reversed(item.items()):
                stack.append((f"{path[:_LONGEST_SLOT]}.{name[:40]}", name, child))
        elif isinstance(item, list):
            stack.extend((f"{path[:_LONGEST_SLOT]}.{at}", key, child) for at, child in reversed(list(enumerate(item))))
            continue
        else:
            continue
        if isinstance(item, dict):
            for name in item:
                if not _LABEL.fullmatch(name):
                    yield Piece(index, channel, name, path[:_LONGEST_SLOT] + "#", place, apart)


def _wordless(name: str, value: Any) -> bool:
    """The quick answer for the fields that every frame has."""
    kind = type(value)
    if kind is str:
        return name in _LABELS and _LABEL.fullmatch(value) is not None
    return (kind is int or kind is float) and _LABEL.fullmatch(name) is not None


def _says_nothing(key: str, text: str) -> bool:
    if key in _LABELS and _LABEL.fullmatch(text):
        return True
    if key in _BLOBS and _BLOB.fullmatch(text):
        return True
    return text.startswith("data:") and _DATA_URL.fullmatch(text) is not None
