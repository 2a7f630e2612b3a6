"""What the demo says: its conversations and manners, read from the package's own files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

__all__ = ["DEFAULT", "MANNERS", "Conversation", "Script", "Step", "load"]

MANNERS: Final = ("neutral", "companion", "refuser", "careless")
DEFAULT: Final = "neutral"


@dataclass(frozen=True, slots=True)
class Step:
    """One turn: what the person says and the chatbot answers, ``guided`` where a system message asks for more care."""

    say: str
    reply: str
    guided: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A scripted conversation with the demo model ``model``."""

    id: str
    title: str
    shows: str
    model: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """All that the demo chatbot knows. :meth:`answer` is a pure function of its arguments."""

    conversations: tuple[Conversation, ...]
    manners: Mapping[str, tuple[str, ...]]
    refuses_at: re.Pattern[str]
    lines: Mapping[tuple[str, str], Step]

    def answer(self, manner: str, message: str, *, guided: bool) -> str:
        """What a chatbot of this manner says to ``message``."""
        step = self.lines.get((manner, _plain(message)))
        if step is not None:
            return step.guided if guided else step.reply
        if manner == "refuser" and not self.refuses_at.search(message):
            manner = DEFAULT
        choices = self.manners[manner]
        return choices[hashlib.sha256(_plain(message).encode()).digest()[0] % len(choices)]


def manner_of(model: str) -> str | None:
    """The manner of a demo model (``demo``, ``demo-companion``, …), or ``None`` where it is none."""
    if model == "demo":
        return DEFAULT
    name = model.removeprefix("demo-")
    return name if name != model and name in MANNERS else None


def load() -> Script:
    """Reads the demo's files."""
    conversations = tuple(_conversation(entry) for entry in _read("conversations.yaml")["conversations"])
    manners = _read("manners.yaml")
    words = "|".join(re.escape(word) for word in manners["refuses_at"])
    lines = {
        (manner_of(conversation.model) or DEFAULT, _plain(step.say)): step
        for conversation in conversations
        for step in conversation.steps
    }
    return Script(
        conversations,
        {name: tuple(manners[name]) for name in MANNERS},
        re.compile(rf"\b(?:{words})", re.IGNORECASE),
        lines,
    )


def _conversation(entry: Mapping[str, Any]) -> Conversation:
    steps = tuple(Step(turn["say"], turn["reply"], turn.get("guided", turn["reply"])) for turn in entry["turns"])
    return Conversation(entry["id"], entry["title"], entry["shows"], entry["model"], steps)


def _read(name: str) -> dict[str, Any]:
    from ruamel.yaml import YAML

    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(
        resources.files("guard.demo").joinpath(name).read_text("utf-8")
    )
    return loaded


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
