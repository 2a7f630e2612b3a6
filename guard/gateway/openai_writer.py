"""What Handrail itself writes in OpenAI's chat protocol: completions, and frames after an intervention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from guard.gateway.gate import Edited, Out, Speak
from guard.gateway.openai_chat import frame_pieces
from guard.gateway.sse import data_event

__all__ = ["ChunkWriter", "whole_completion", "whole_edited"]

_ENVELOPE: Final = ("id", "object", "created", "model", "system_fingerprint", "service_tier")
_EMPTY_USAGE: Final = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
_TEXTS: Final = frozenset({"content", "refusal"})


class ChunkWriter:
    """Writes chunks with the upstream's id and model, once they are known. ``usage``: the client asked for it."""

    def __init__(self, fallback_id: str, model: str, now: int, *, usage: bool, structured: bool) -> None:
        self._envelope: dict[str, Any] = {
            "id": fallback_id,
            "object": "chat.completion.chunk",
            "created": now,
            "model": model,
        }
        self._usage = usage
        self._structured = structured
        self._known = False
        self.ended: set[int] = set()

    def learn(self, body: Mapping[str, Any]) -> None:
        """Takes the envelope over from the upstream's first frame."""
        if not self._known and isinstance(body.get("id"), str) and body["id"]:
            self._known = True
            self._envelope.update({name: body[name] for name in _ENVELOPE if name in body})

    def write(self, out: Speak | Edited) -> bytes:
        """The bytes of one item of the gate's; empty where nothing is left of it."""
        if isinstance(out, Speak):
            return self._speak(out)
        return self._edited(out)

    def completion(self, choices: int, text: str) -> bytes:
        """A whole streamed reply of our own, without ``[DONE]``."""
        parts = [self._speak(Speak(index, text, True, self._structured, False)) for index in range(choices)]
        if self._usage:
            parts.append(self.usage())
        return b"".join(parts)

    def usage(self) -> bytes:
        """The usage chunk of a reply for which no model was asked: nothing was spent."""
        return data_event(orjson.dumps({**self._envelope, "choices": [], "usage": _EMPTY_USAGE}))

    def end(self, index: int, finish: str) -> bytes:
        """Ends a choice."""
        self.ended.add(index)
        return self._chunk(index, {}, finish)

    def _chunk(self, index: int, delta: dict[str, Any], finish: str | None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = {**self._envelope, "choices": [choice]}
        if self._usage:
            chunk["usage"] = None
        return data_event(orjson.dumps(chunk))

    def _speak(self, speak: Speak) -> bytes:
        delta: dict[str, Any] = {}
        if speak.opens:
            delta["role"] = "assistant"
        text = f"\n\n{speak.text}" if speak.spaced and speak.text else speak.text
        delta["refusal" if speak.structured else "content"] = text
        said = self._chunk(speak.choice, delta, None)
        return said + self.end(speak.choice, "stop") if speak.ends else said

    def _edited(self, edited: Edited) -> bytes:
        body = edited.body
        if not isinstance(body, dict) or not isinstance(body.get("choices"), list):
            return b""
        told = _told(body, "delta", edited, structured=self._structured)
        choices = []
        for choice in body["choices"]:
            index = choice.get("index", 0) if isinstance(choice, dict) else None
            if index is None or index in edited.gone:
                continue
            delta, finish = _said(choice, "delta", told.get(index, {}), index in edited.no_tools)
            if delta or finish is not None:
                choices.append({"index": index, "delta": delta, "logprobs": None, "finish_reason": finish})
        usage = body.get("usage")
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


def whole_edited(body: Mapping[str, Any], outs: Sequence[Out], *, structured: bool) -> bytes:
    """An upstream's whole reply after an intervention."""
    spoken: dict[int, list[Speak]] = {}
    edited = Edited(body, (), frozenset(), frozenset())
    for out in outs:
        if isinstance(out, Speak):
            spoken.setdefault(out.choice, []).append(out)
        elif isinstance(out, Edited):
            edited = out
    told = _told(body, "message", edited, structured=structured)
    choices = []
    for choice in body["choices"]:
        index = choice.get("index", 0)
        words = spoken.get(index, [])
        if index in edited.gone:
            text = "\n\n".join(speak.text for speak in words)
            message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
            if any(speak.structured for speak in words):
                message.update(content=None, refusal=text)
            finish: str | None = "stop"
        else:
            message, finish = _said(choice, "message", told.get(index, {}), index in edited.no_tools)
            for speak in words:
                name = "refusal" if speak.structured else "content"
                message[name] = "\n\n".join(filter(None, (message.get(name), speak.text)))
        choices.append({"index": index, "message": message, "logprobs": None, "finish_reason": finish})
    kept = {name: body[name] for name in (*_ENVELOPE, "usage") if name in body}
    return orjson.dumps({**kept, "choices": choices})


def _told(body: Any, part: str, edited: Edited, *, structured: bool) -> dict[int, dict[tuple[str, str], str]]:
    """What each choice's channels may say in this frame, by (channel, slot)."""
    told: dict[int, dict[tuple[str, str], str]] = {}
    pieces, _, _ = frame_pieces(body, part, structured=structured)
    for piece, text in zip(pieces, edited.texts, strict=False):
        own = told.setdefault(piece.choice, {})
        own[piece.channel, piece.slot] = own.get((piece.channel, piece.slot), "") + text
    return told


def _said(
    choice: Mapping[str, Any], part: str, told: Mapping[tuple[str, str], str], no_tools: bool
) -> tuple[dict[str, Any], str | None]:
    """A choice's delta or message from known fields alone, with what may be said in place of what was."""
    said = choice.get(part)
    source = said if isinstance(said, dict) else {}
    out: dict[str, Any] = {}
    for name, value in source.items():
        if name == "role" and isinstance(value, str):
            out[name] = value
        elif name == "content":
            out[name] = told.get(("content", ""), told.get(("structured", ""), None if value is None else ""))
        elif name == "refusal":
            out[name] = told.get(("refusal", "")) if value is not None else None
        elif name in ("reasoning_content", "reasoning") and isinstance(value, str):
            out[name] = told.get(("reasoning", name), "")
        elif name in ("tool_calls", "function_call") and value is not None and not no_tools:
            out[name] = value  # held whole and passed whole: every string in it was judged
    if part == "delta" and not any(value for value in out.values()):
        out = {}
    finish = choice.get("finish_reason")
    if no_tools and finish in ("tool_calls", "function_call"):
        finish = "stop"
    return out, finish if isinstance(finish, str) else None
