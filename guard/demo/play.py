"""Plays the demo's conversations through a running gateway with the official client, and reads back what was recorded."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from guard.demo.script import Conversation, Script, Step, load, manner_of
from guard.errors import HandrailError

__all__ = ["Gateway", "GatewayAway", "Scene", "Stage", "away", "play", "sentences"]

_SECONDS: Final = 60.0
_RECORD_TRIES: Final = 5


class GatewayAway(HandrailError):
    """No gateway answers, or not as a Handrail with the demo chatbot would."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """``address``: ``http://host:port``, without a path. ``key``: a tenant's."""

    address: str
    key: str


@dataclass(frozen=True, slots=True)
class Scene:
    """One turn that was played. ``meant``: what the demo chatbot answered before Handrail. ``record``: what
    ``GET /v1/turns/{id}`` says."""

    step: Step
    said: str
    meant: str
    record: dict[str, Any]

    @property
    def withheld(self) -> tuple[str, ...]:
        """Sentences of the chatbot that did not reach the person."""
        reached = _plain(self.said)
        return tuple(sentence for sentence in sentences(self.meant) if _plain(sentence) not in reached)

    @property
    def added(self) -> tuple[str, ...]:
        """Sentences that reached the person and are not the chatbot's."""
        meant = _plain(self.meant)
        return tuple(sentence for sentence in sentences(self.said) if _plain(sentence) not in meant)


class Stage(Protocol):
    """Where it is shown. The methods are called in the order of what happens."""

    def opens(self, conversation: Conversation) -> None:
        """A conversation begins."""

    def says(self, step: Step) -> None:
        """The person writes."""

    def hears(self, piece: str) -> None:
        """A piece of the reply arrives."""

    def scene(self, scene: Scene) -> None:
        """The turn is over and recorded."""

    def closes(self, conversation: Conversation) -> None:
        """The conversation is over."""


def play(gateway: Gateway, stage: Stage, only: str | None = None, pause: Callable[[], None] = lambda: None) -> None:
    """Plays all conversations, or the one with the id ``only``. ``pause`` is called between turns.

    Every run is a new person in a new session. Raises :class:`GatewayAway` with what to do about it.
    """
    script = load()
    chosen = [talk for talk in script.conversations if only in (None, talk.id)]
    if not chosen:
        names = ", ".join(talk.id for talk in script.conversations)
        raise GatewayAway(f"there is no conversation {only!r}; there are: {names}")
    for talk in chosen:
        stage.opens(talk)
        for scene in _play(gateway, stage, script, talk):
            stage.scene(scene)
            pause()
        stage.closes(talk)


def _play(gateway: Gateway, stage: Stage, script: Script, talk: Conversation) -> Iterator[Scene]:
    import openai

    run = secrets.token_hex(4)
    headers = {"x-handrail-session": f"demo-{talk.id}-{run}", "x-handrail-user": f"demo-{run}", "x-handrail-age": "adult"}
    messages: list[Any] = []
    with openai.OpenAI(
        base_url=f"{gateway.address}/v1", api_key=gateway.key, default_headers=headers, timeout=_SECONDS, max_retries=1
    ) as client:
        for step in talk.steps:
            stage.says(step)
            messages.append({"role": "user", "content": step.say})
            try:
                answer = client.chat.completions.with_raw_response.create(model=talk.model, messages=messages, stream=True)
                turn = answer.headers.get("x-handrail-turn", "")
                said = ""
                for chunk in answer.parse():
                    piece = "".join(choice.delta.content or "" for choice in chunk.choices)
                    if piece:
                        said += piece
                        stage.hears(piece)
            except openai.APIConnectionError:
                raise away(gateway) from None
            except openai.AuthenticationError:
                raise GatewayAway(
                    f"the gateway at {gateway.address} does not know this key; give one with --key-file"
                ) from None
            except openai.NotFoundError:
                raise GatewayAway(
                    f"the chatbot behind {gateway.address} has no model {talk.model}: the demo needs the demo "
                    "chatbot; start Handrail without --upstream"
                ) from None
            except openai.APIStatusError as error:
                raise GatewayAway(
                    f"the gateway at {gateway.address} answered {error.status_code}; see its log in the data folder"
                ) from None
            messages.append({"role": "assistant", "content": said})
            record = _record(client, gateway, turn)
            yield Scene(step, said, _meant(script, talk, step, said), record)


def _record(client: Any, gateway: Gateway, turn: str) -> dict[str, Any]:
    """What was recorded of a turn. The client's own connection reads it, so that no second one has to be opened."""
    import openai

    found: dict[str, Any] = {}
    for attempt in range(_RECORD_TRIES):
        try:
            found = cast(dict[str, Any], client.get(f"/turns/{turn}", cast_to=object))
        except openai.NotFoundError:
            pass
        except openai.APIConnectionError:
            raise away(gateway) from None
        if found.get("delivered", "none") != "none":
            break
        time.sleep(0.1 * (attempt + 1))  # its last snapshot is on its way
    return found


def _meant(script: Script, talk: Conversation, step: Step, said: str) -> str:
    """Which of its two replies the chatbot gave: the one that shares more words with what arrived."""
    manner = manner_of(talk.model) or ""
    choices = [script.answer(manner, step.say, guided=guided) for guided in (False, True)]
    words = set(_plain(said).split())
    return max(choices, key=lambda choice: len(words & set(_plain(choice).split())))


def away(gateway: Gateway) -> GatewayAway:
    """The sentence for a gateway that does not answer."""
    return GatewayAway(f"no gateway answers at {gateway.address}; start one in another terminal with: make up")


def sentences(text: str) -> list[str]:
    """Text cut after full stops, question and exclamation marks."""
    return [part for part in re.split(r"(?<=[.?!])\s+", text.strip()) if part]


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
