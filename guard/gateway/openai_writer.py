"""What Handrail itself writes in OpenAI's chat protocol: completions, and frames after an intervention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from guard.gateway.held import Edited, Out, Speak
from guard.gateway.openai_frames import choice_index, frame_pieces, is_label
from guard.gateway.sse import data_event

__all__ = ["ChunkWriter", "whole_completion", "whole_edited"]

_LABELS: Final = ("id", "object", "model", "system_fingerprint", "service_tier")
_EMPTY_USAGE: Final = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
_CALLS: Final = frozenset({"tool_calls", "function_call"})


class ChunkWriter:
    """Writes chunks with the upstream's id and model, once they are known. ``usage``: the client asked for it.
    ``asked``: how many choices it asked for."""

    def __init__(self, fallback_id: str, model: str, now: int, *, usage: bool, structured: bool, asked: int) -> None:
        self._envelope: dict[str, Any] = {
            "id": fallback_id,
            "object": "chat.completion.chunk",
            "created": now,
            "model": model,
        }
        self._usage = usage
        self._structured = structured
        self._asked = asked
        self._known = False

    def learn(self, body: Mapping[str, Any]) -> None:
        """Takes the envelope over from the upstream's first frame."""
        if not self._known and is_label(body.get("id")) and body["id"]:
            self._known = True
            self._envelope.update(_envelope(body))

    def write(self, out: Speak | Edited) -> bytes:
        """The bytes of one item of the gate's; empty where nothing is left of it."""
        if isinstance(out, Speak):
            return self._speak(out)
        return self._edited(out)

    def completion(self, text: str) -> bytes:
        """A whole streamed reply of our own, without ``[DONE]``."""
        parts = [self._speak(Speak(index, text, "stop", self._structured)) for index in range(self._asked)]
        if self._usage:
            parts.append(self.usage())
        return b"".join(parts)

    def usage(self) -> bytes:
        """The usage chunk of a reply for which no model was asked: nothing was spent."""
        return data_event(orjson.dumps({**self._envelope, "choices": [], "usage": _EMPTY_USAGE}))

    def end(self, index: int, finish: str) -> bytes:
        """Ends a choice."""
        return self._chunk(index, {}, finish)

    def _chunk(self, index: int, delta: dict[str, Any], finish: str | None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = {**self._envelope, "choices": [choice]}
        if self._usage:
            chunk["usage"] = None
        return data_event(orjson.dumps(chunk))

    def _speak(self, speak: Speak) -> bytes:
        out = b""
        if speak.text or speak.opens:
            delta: dict[str, Any] = {"role": "assistant"} if speak.opens else {}
            delta["refusal" if speak.structured else "content"] = speak.text
            out = self._chunk(speak.choice, delta, None)
        return out + self.end(speak.choice, speak.finish) if speak.finish is not None else out

    def _edited(self, edited: Edited) -> bytes:
        body = edited.body
        if not isinstance(body, dict):
            return b""
        told = _told(body, "delta", edited, self._structured, self._asked)
        if not isinstance(body.get("choices"), list):
            return _error(body, edited, told)
        choices = []
        for place, choice in enumerate(body["choices"]):
            index = choice_index(choice, place, "delta", self._asked)
            if not isinstance(choice, dict) or index in edited.gone:
                continue
            delta, finish = _said(choice, "delta", told.get(place, {}), edited, index)
            if delta or finish is not None:
                choices.append({"index": index, "delta": delta, "logprobs": None, "finish_reason": finish})
        usage = _numbers(body.get("usage"))
        if not choices and usage is None:
            return b""
        chunk = {**self._envelope, "choices": choices}
        if "usage" in body:
            chunk["usage"] = usage
        return data_event(orjson.dumps(chunk))


def whole_completion(envelope: Mapping[str, Any], choices: int, text: str, *, structured: bool) -> bytes:
    """A whole reply of our own. ``envelope``: id, created and model."""
    message = {"role": "assistant", "content": None if structured else text, "refusal": text if structured else None}
    listed = [{"index": index, "message": message, "logprobs": None, "finish_reason": "stop"} for index in range(choices)]
    return orjson.dumps({"object": "chat.completion", **envelope, "choices": listed, "usage": _EMPTY_USAGE})


def whole_edited(body: Mapping[str, Any], outs: Sequence[Out], *, structured: bool, asked: int) -> bytes:
    """An upstream's whole reply after an intervention."""
    spoken: dict[int, list[Speak]] = {}
    edited = Edited(body, ())
    for out in outs:
        if isinstance(out, Speak):
            spoken.setdefault(out.choice, []).append(out)
        elif isinstance(out, Edited):
            edited = out
    told = _told(body, "message", edited, structured, asked)
    choices = []
    for place, choice in enumerate(body["choices"]):
        index = choice_index(choice, place, "message", asked)
        words = spoken.pop(index, [])
        finish: str | None = None
        if index not in edited.gone:
            message, finish = _said(choice, "message", told.get(place, {}), edited, index)
        elif words:
            message = {"role": "assistant", "content": None, "refusal": None}
        else:
            continue
        for speak in words:
            name = "refusal" if speak.structured else "content"
            message[name] = (message.get(name) or "") + speak.text if speak.text else message.get(name)
            finish = _without_tools(speak.finish, edited, index) or finish
        if any(speak.structured for speak in words):
            message["content"] = message.get("content") or None
        choices.append({"index": index, "message": message, "logprobs": None, "finish_reason": finish or "stop"})
    kept = {**_envelope(body), "choices": choices}
    if (usage := _numbers(body.get("usage"))) is not None:
        kept["usage"] = usage
    return orjson.dumps(kept)


def _envelope(body: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: body[name] for name in _LABELS if is_label(body.get(name))}
    if isinstance(body.get("created"), int | float):
        kept["created"] = body["created"]
    return kept


def _numbers(usage: Any) -> Any:
    """What of a usage is numbers."""
    if not isinstance(usage, dict):
        return None
    kept: dict[str, Any] = {}
    for name, value in usage.items():
        if isinstance(value, int | float):
            kept[name] = value
        elif isinstance(value, dict):
            kept[name] = {key: item for key, item in value.items() if isinstance(item, int | float) and is_label(key)}
    return {name: value for name, value in kept.items() if is_label(name)}


def _error(body: Mapping[str, Any], edited: Edited, told: Mapping[int, Mapping[tuple[str, str], str]]) -> bytes:
    """The upstream's error, where nothing in it was withheld."""
    error = body.get("error")
    if error is None:
        return b""
    pieces, _, _ = frame_pieces(body, "delta", structured=False, asked=1)
    same = "".join(piece.text for piece in pieces) == "".join(edited.texts)
    return data_event(orjson.dumps({"error": error})) if same else b""


def _told(body: Any, part: str, edited: Edited, structured: bool, asked: int) -> dict[int, dict[tuple[str, str], str]]:
    """What each entry of a frame may say, by (channel, slot)."""
    told: dict[int, dict[tuple[str, str], str]] = {}
    pieces, _, _ = frame_pieces(body, part, structured=structured, asked=asked)
    for piece, text in zip(pieces, edited.texts, strict=False):
        own = told.setdefault(piece.place, {})
        own[piece.channel, piece.slot] = own.get((piece.channel, piece.slot), "") + text
    return told


def _said(
    choice: Mapping[str, Any], part: str, told: Mapping[tuple[str, str], str], edited: Edited, index: int
) -> tuple[dict[str, Any], str | None]:
    """A choice's delta or message from known fields alone, with what may be said in place of what was."""
    said = choice.get(part)
    source = said if isinstance(said, dict) else {}
    out: dict[str, Any] = {}
    content = "".join(text for (channel, _), text in told.items() if channel in ("content", "structured"))
    for name, value in source.items():
        if name == "role" and is_label(value):
            out[name] = value
        elif name == "content":
            out[name] = content if content or value is not None else None
        elif name == "refusal":
            out[name] = told.get(("refusal", ""), "") if value is not None else None
        elif name in ("reasoning_content", "reasoning") and isinstance(value, str):
            out[name] = told.get(("reasoning", name), "")
        elif name in _CALLS and value is not None and index not in edited.no_tools:
            out[name] = value  # held whole and passed whole: every string in it was judged
    if content and "content" not in out:
        out["content"] = content
    if part == "delta" and not any(value for value in out.values()):
        out = {}
    finish = choice.get("finish_reason")
    if index in edited.unfinished or not is_label(finish) or not finish:
        return out, None
    return out, _without_tools(finish, edited, index)


def _without_tools(finish: str | None, edited: Edited, index: int) -> str | None:
    return "stop" if finish in ("tool_calls", "function_call") and index in edited.no_tools else finish
