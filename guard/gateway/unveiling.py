"""From pseudonyms back to names in a chatbot's reply, frame by frame, before anything of it is judged.

A frame in which nothing is turned back stays the chatbot's own, byte for byte. A pseudonym that frames cut is held until it
is whole or turns out to be none; at most one beginning of one is held of each text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from detectors.pii.restoring import Restorer, Restoring
from guard.gateway.openai_frames import choice_index

__all__ = ["Unveiling"]

Path = tuple[str | int, ...]

# Names of fields that come token by token; a string under another name is whole in its frame.
_STREAMED: Final = frozenset(
    [
        "content", "text", "refusal", "reasoning", "reasoning_content", "thinking", "summary", "arguments", "input",
        "transcript",
    ]
)  # fmt: skip
_CARRIED: Final = ("id", "object", "created", "model", "system_fingerprint", "service_tier")
_MOST_TEXTS: Final = 4096
_DEEPEST: Final = 64  # no client reads what is nested deeper


class Unveiling:
    """Turns back one reply. ``structured``: its content is JSON. ``asked``: how many choices the client asked for."""

    def __init__(self, restorer: Restorer, *, structured: bool, asked: int) -> None:
        self._restorer = restorer
        self._structured = structured
        self._asked = asked
        self._texts: dict[tuple[int, Path], Restoring] = {}
        self._held: dict[tuple[int, Path], None] = {}
        self._envelope: dict[str, Any] = {}

    def whole(self, body: Mapping[str, Any]) -> bool:
        """Turns back a whole reply in place; returns whether anything changed."""
        changed = False
        for choice in _choices(body):
            own = False
            for name in ("message", "text"):
                if choice.get(name) is not None:
                    choice[name], new = self._now(choice[name], (name,))
                    own = own or new
            if own and choice.get("logprobs") is not None:
                choice["logprobs"] = None  # they spell the text as it was
            changed = changed or own
        return changed

    def frame(self, body: Mapping[str, Any]) -> bool:
        """Turns back a frame of a stream in place; returns whether it is another one now."""
        self._envelope = {name: body[name] for name in _CARRIED if name in body} or self._envelope
        changed = False
        for place, choice in enumerate(_choices(body)):
            index = choice_index(choice, place, "delta", self._asked)
            own = False
            for name in ("delta", "text"):
                if choice.get(name) is not None:
                    choice[name], new = self._fed(index, (name,), choice[name])
                    own = own or new
            if choice.get("finish_reason"):
                own = self._let_go(index, choice) or own
            if own and choice.get("logprobs") is not None:
                choice["logprobs"] = None
            changed = changed or own
        return changed

    def rest(self) -> Iterator[dict[str, Any]]:
        """At a stream's end: frames with what is still held, for a chatbot that ends without saying so."""
        for index in dict.fromkeys(index for index, _ in self._held):
            choice: dict[str, Any] = {"index": index, "delta": {}, "finish_reason": None}
            if self._let_go(index, choice):
                yield {**self._envelope, "choices": [choice]}

    def _let_go(self, index: int, choice: dict[str, Any]) -> bool:
        own = [key for key in self._held if key[0] == index]
        for key in own:
            del self._held[key]
            left = self._texts[key].finish()
            if left:
                _add(choice, key[1], left)
        return bool(own)

    def _inside_json(self, path: Path) -> bool:
        return path[-1] == "arguments" or (self._structured and path[1:] == ("content",))

    def _now(self, value: Any, path: Path) -> tuple[Any, bool]:
        """``value`` with every string in it turned back as a whole."""
        if isinstance(value, str):
            said = self._restorer.whole(value, inside_json=self._inside_json(path))
            return said, said != value
        changed = False
        if len(path) > _DEEPEST:
            return value, False
        if isinstance(value, dict):
            for name, item in value.items():
                value[name], new = self._now(item, (*path, name))
                changed = changed or new
        elif isinstance(value, list):
            for at, item in enumerate(value):
                value[at], new = self._now(item, (*path, at))
                changed = changed or new
        return value, changed

    def _fed(self, index: int, path: Path, value: Any) -> tuple[Any, bool]:
        """``value`` with every string in it fed to the text that it goes on."""
        if isinstance(value, str):
            said = self._feed(index, path, value)
            return said, said != value
        changed = False
        if len(path) > _DEEPEST:
            return value, False
        if isinstance(value, dict):
            for name, item in value.items():
                value[name], new = self._fed(index, (*path, name), item)
                changed = changed or new
        elif isinstance(value, list):
            for at, item in enumerate(value):
                own = item.get("index") if isinstance(item, dict) else None
                value[at], new = self._fed(index, (*path, own if type(own) is int else at), item)
                changed = changed or new
        return value, changed

    def _feed(self, index: int, path: Path, text: str) -> str:
        key = (index, path)
        if key not in self._held and not self._restorer.concerns(text):
            return text
        known = self._texts.get(key)
        inside = self._inside_json(path)
        streamed = len(path) == 1 or isinstance(path[-1], int) or path[-1] in _STREAMED
        if not streamed or (known is None and len(self._texts) >= _MOST_TEXTS):
            return self._restorer.whole(text, inside_json=inside)
        if known is None:
            known = self._texts[key] = Restoring(self._restorer, inside_json=inside)
        said = known.feed(text)
        if known.holds:
            self._held[key] = None
        else:
            self._held.pop(key, None)
        return said


def _choices(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    choices = body.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def _add(node: dict[str, Any], path: Path, text: str) -> None:
    """Adds ``text`` to the string that lies under ``path``, which is made where there is none."""
    name = path[0]
    if len(path) == 1:
        before = node.get(str(name))
        node[str(name)] = (before if isinstance(before, str) else "") + text
    elif isinstance(path[1], int):
        items = node.get(str(name))
        if not isinstance(items, list):
            items = node[str(name)] = []
        if len(path) == 2:
            items.append(text)
            return
        found = next((item for at, item in enumerate(items) if _is(item, at, path[1])), None)
        if found is None:
            found = {"type": "text"} if name == "content" else {"index": path[1]}
            items.append(found)
        _add(found, path[2:], text)
    else:
        child = node.get(str(name))
        if not isinstance(child, dict):
            child = node[str(name)] = {}
        _add(child, path[1:], text)


def _is(item: Any, at: int, wanted: int) -> bool:
    return isinstance(item, dict) and (item["index"] if type(item.get("index")) is int else at) == wanted
