"""What the gateway and the turns say to each other: the contract between bytes and meaning.

The gateway parses a protocol into a :class:`TurnRequest`, asks the :class:`TurnDesk` to begin, holds the upstream's bytes
in its gate, and asks the :class:`OpenTurn` about each passage before it lets it go. Nothing here knows a protocol.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from guard.records.terms import Delivered, Identity, Status
from policies.decision import Action, Person, Posture

__all__ = [
    "Attempt",
    "Delivered",
    "Ending",
    "Identity",
    "Message",
    "OpenTurn",
    "Opening",
    "Passage",
    "Reply",
    "Status",
    "TurnDesk",
    "TurnRequest",
    "Verdict",
    "VerdictKind",
]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation as the protocol carried it.

    ``role``: system, developer, user, assistant or tool. ``text``: its text parts joined by a newline, as received.
    ``extra``: canonical bytes of what else the message carries (tool calls, names, digests of images), for its digest.
    ``unscored``: kinds of parts that no detector reads (image, audio, file).
    """

    role: str
    text: str
    extra: bytes = b""
    unscored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """One request, free of its protocol.

    ``person`` and ``session``: the ids as the client gave them, hashed by the desk before they touch anything else.
    ``retry``: the client says that it repeats a request (``x-stainless-retry-count``). ``idempotency_key``: as given.
    ``effects``: the upstream call would have effects, so there is no speculation. ``channels``: how many choices are asked.
    """

    identity: Identity
    protocol: str  # chat.completions, sidecar, ...
    messages: tuple[Message, ...]
    who: Person = field(default_factory=Person)
    person: str | None = None
    session: str | None = None
    stream: bool = False
    retry: bool = False
    idempotency_key: str | None = None
    effects: bool = False
    channels: int = 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which turn this request is. ``number`` counts from 1."""

    turn_id: UUID
    number: int


@dataclass(frozen=True, slots=True)
class Opening:
    """What follows from the user's turn, before anything of the reply may leave.

    ``completion``: where not ``None``, it takes the place of the reply: no upstream call, or the running one is cancelled.
    ``guidance``: a system message for the upstream, for this turn only. ``posture``: how the reply is held.
    ``action``: the strongest reply action known now, for ``x-handrail-action``.
    """

    attempt: Attempt
    action: Action
    status: Status
    policy: str
    posture: Posture = Posture.SENTENCE
    guidance: str | None = None
    completion: str | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """One stretch of the reply that waits for its verdict.

    ``channel``: ``content``, ``reasoning``, ``refusal``, ``tool`` (a tool call's decoded argument strings) or
    ``structured`` (a structured output's decoded strings). ``before``: the tail of what this choice and channel said
    before, at most a few sentences. ``first``: nothing of this channel was judged before. ``at``: where it begins in the
    choice's reply as the upstream gave it, in code points; ``None`` where it does not stand there in one piece.
    """

    choice: int
    channel: str
    text: str
    before: str = ""
    first: bool = False
    at: int | None = None


class VerdictKind(StrEnum):
    """What becomes of a passage."""

    RELEASE = "release"
    TRIM = "trim"  # withheld, with ``text`` (maybe empty) in its place; the reply goes on
    COMPLETE = "complete"  # this choice's reply ends here, with ``text`` in the place of all that has not left
    HOLD = "hold"  # from here on this choice is held whole (a refusal began after a disclosure)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one passage. A gate that is already holding whole treats HOLD as RELEASE-at-the-end."""

    kind: VerdictKind
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """One choice's reply at its end. ``text``: the whole content that the upstream sent, whether released or not.
    ``released``: what has left so far. ``finish``: the protocol's finish reason. ``cut``: the upstream broke off. ``said``:
    what the person reads if nothing more is done to it, ``None`` where that is ``text``. ``given``: what the upstream sent
    where ``text`` is not that, since a completion has ended the choice."""

    choice: int
    text: str
    released: str
    finish: str | None = None
    cut: bool = False
    said: str | None = None
    given: str | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """What is still to be done to one choice's reply.

    ``complete``: takes the place of everything that has not left. ``append``: goes to the end of the reply. Both ``None``:
    what is held may leave as it is.
    """

    action: Action
    status: Status
    complete: str | None = None
    append: str | None = None


class OpenTurn(Protocol):
    """One turn under way. Its judgement of the user's side runs in a task that no client can cancel."""

    async def speculate(self) -> bool:
        """Whether the upstream may be called before the user's turn is judged. Known at once or after one look-up."""
        ...

    async def opening(self) -> Opening:
        """What follows from the user's turn. Never raises for what the text says; safe to await more than once.

        For severity 3 and above it returns when the record is durable (database or journal).
        """
        ...

    async def judge(self, passage: Passage) -> Verdict:
        """The verdict on one passage of the reply."""
        ...

    async def end(self, reply: Reply) -> Ending:
        """The verdict on one choice's reply at its end."""
        ...

    async def rescue(self) -> str | None:
        """What is said where the chatbot cannot answer at all: ``None`` where nothing was said that needs an answer."""
        ...

    async def settle(self) -> None:
        """Waits until all that must be durable before the reply's last byte is durable."""
        ...

    def close(self, delivered: Delivered) -> None:
        """Hands the turn to the records. Never blocks, never fails; to be called exactly once, whatever happened."""
        ...


class TurnDesk(Protocol):
    """Where turns are opened."""

    def begin(self, request: TurnRequest) -> OpenTurn:
        """Opens a turn and starts to judge its user's side."""
        ...
