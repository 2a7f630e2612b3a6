"""Which turn a request is: digests over the messages that were sent.

The digest of a conversation runs over its user, assistant and tool messages in order. System and developer messages are
left out: many clients put the time of day into them, and a turn is what people said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from guard.turns.contract import Message

__all__ = ["Thread", "follow", "gap", "read", "together"]

_SIZE = 16
_SETUP = frozenset({"system", "developer"})


@dataclass(frozen=True, slots=True)
class Thread:
    """The messages that count, each with the digest of the conversation up to and including it.

    ``turn`` is the index of the last user message, or ``None`` where nobody spoke. ``own[i]`` is the digest of message i
    alone, by which Handrail's own completions are known again.
    """

    messages: tuple[Message, ...]
    digests: tuple[bytes, ...]
    own: tuple[bytes, ...]
    turn: int | None

    @property
    def digest(self) -> bytes:
        """The digest that identifies the turn: up to and including the last user message (else the whole)."""
        if self.turn is not None:
            return self.digests[self.turn]
        return self.digests[-1] if self.digests else _ROOT

    @property
    def previous(self) -> bytes | None:
        """The digest up to the user message before the last one, ``None`` where this is the first."""
        if self.turn is None:
            return None
        for at in range(self.turn - 1, -1, -1):
            if self.messages[at].role == "user":
                return self.digests[at]
        return None


_ROOT = b"\0" * _SIZE


def _own(message: Message) -> bytes:
    # Clients trim what they show, so a reply's outer white space is not part of its identity.
    text = message.text.strip() if message.role == "assistant" else message.text
    body = text.encode("utf-8", "surrogatepass")
    head = f"{message.role}\0{len(body)}\0".encode()
    return blake2b(head + body + message.extra, digest_size=_SIZE).digest()


def gap(text: str) -> str:
    """What parts words of ours from the ``text`` before them."""
    return "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"


def together(text: str, words: str) -> str:
    """The ``text`` and words of ours after it, as they are sent."""
    return f"{text}{gap(text)}{words}"


def follow(before: bytes, message: Message) -> bytes:
    """The digest of a conversation whose digest was ``before`` after ``message``."""
    return blake2b(before + _own(message), digest_size=_SIZE).digest()


def read(messages: Sequence[Message]) -> Thread:
    """The thread of a request's messages. Linear in their size."""
    kept: list[Message] = []
    digests: list[bytes] = []
    own: list[bytes] = []
    digest = _ROOT
    turn: int | None = None
    for message in messages:
        if message.role in _SETUP:
            continue
        own.append(_own(message))
        digest = blake2b(digest + own[-1], digest_size=_SIZE).digest()
        if message.role == "user":
            turn = len(kept)
        kept.append(message)
        digests.append(digest)
    return Thread(tuple(kept), tuple(digests), tuple(own), turn)
