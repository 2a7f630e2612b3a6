"""What the turns ask of the records. PostgreSQL behind it, a local journal behind PostgreSQL."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from detectors.signals import Scores
from guard.records.feedback import Feedback, FeedbackKind
from guard.records.terms import Delivered, Identity, Status
from policies.decision import Action, RuleResult

__all__ = [
    "CaseIntent",
    "Claim",
    "Claimed",
    "PolicySource",
    "Records",
    "Referral",
    "SessionChange",
    "SessionRow",
    "TurnEntry",
    "TurnText",
]


@dataclass(frozen=True, slots=True)
class PolicySource:
    """A policy as it is kept beside the turns that name its hash. ``source``: its canonical form, parents included."""

    hash: str
    name: str
    source: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as stored. ``state``: the JSON of ``guard.turns.session.SessionState``. ``version`` rises by one a write;
    0 means that the row does not exist yet."""

    id: UUID
    version: int
    state: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Claim:
    """Asks which turn and session a request is. All keys are 32-byte keyed hashes.

    ``session_key``: ``None`` for a sessionless request. ``thread``: for a sessionless request of a known person, the keyed
    digest of the conversation up to this user message; ``joins``: the same up to the user message before it: where exactly
    one session in this tenant recorded it, the request joins that session. ``retry``: a turn with the same ``thread`` within
    the last ten minutes is this turn. ``known_version``: the version that the caller has cached; an unchanged state is not
    sent again.
    """

    identity: Identity
    key: bytes
    at: datetime
    proposed: UUID  # id if the turn is new
    session_key: bytes | None = None
    person: bytes | None = None
    thread: bytes | None = None
    joins: bytes | None = None
    retry: bool = False
    known_version: int = 0


@dataclass(frozen=True, slots=True)
class Claimed:
    """The answer. ``at`` is when the turn was first seen (its partition). ``attempt`` counts from 1. ``key`` is the turn's
    own: another than the claim's where a sessionless request turned out to repeat an earlier one.

    ``session`` is ``None`` for a sessionless request that joined nothing and opened nothing. ``recorded`` is false where
    PostgreSQL was away: the ids are the proposed ones and nothing of the session is known.
    """

    turn_id: UUID
    at: datetime
    attempt: int
    key: bytes
    session: SessionRow | None
    recorded: bool = True


@dataclass(frozen=True, slots=True)
class Referral:
    """Contact details that one message showed. Counts once per message."""

    classes: tuple[str, ...]
    resources: tuple[str, ...]
    country: str
    crisis: bool


@dataclass(frozen=True, slots=True)
class CaseIntent:
    """A case is to be opened or raised. ``key``: what it is about (session, or turn where there is none): one open case per
    key. ``rules``: what it rests on. The deadlines follow from the severity, the tenant's people and ``at``."""

    key: bytes
    severity: int
    to: str
    rules: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class TurnText:
    """Text without what is personal, in memory only: the records encrypt it, and only where the tenant stores text."""

    user: str = ""
    reply: str = ""


@dataclass(frozen=True, slots=True)
class SessionChange:
    """A new state for a session. ``apply`` is a pure function from the stored state (``None`` where there is none yet) to
    the new one, so that it can be done again when another process wrote first. ``base``: the version that it was computed
    from. ``ordinal``: the turn's number as the new state has it, ``None`` where that no longer tells; the first number that
    is stored of a turn stays.
    """

    session_id: UUID
    base: int
    apply: Callable[[Mapping[str, Any] | None], Mapping[str, Any]]
    ordinal: Callable[[Mapping[str, Any]], int | None]


@dataclass(frozen=True, slots=True)
class TurnEntry:
    """Everything that is recorded of one attempt of one turn: a full snapshot. Committing a later snapshot of the same
    attempt replaces the row; ledgers (referral, case, outbox) count once whatever is repeated."""

    identity: Identity
    turn_id: UUID
    at: datetime  # of the turn's first attempt: its partition
    attempt: int
    key: bytes
    protocol: str
    status: Status
    action: Action
    severity: int
    policy: str
    vocabulary: int
    session_id: UUID | None = None
    session_key: bytes | None = None
    person: bytes | None = None
    ordinal: int = 0  # where the session, once it is locked, does not tell it
    streamed: bool = False
    replayed: int = 0  # messages of unseen history that were scored with this turn
    branch: bool = False
    zone: str | None = None
    unscored: tuple[str, ...] = ()
    delivered: Delivered = Delivered.NONE
    user: Scores | None = None
    reply: Scores | None = None
    rules: tuple[RuleResult, ...] = ()
    session_signals: Mapping[str, float | str | bool | None] = field(default_factory=dict)  # as the decision read them
    # Template, variants and resources, and where the text was redacted; never text.
    spoken: Mapping[str, Any] = field(default_factory=dict)
    referral: Referral | None = None
    case: CaseIntent | None = None
    text: TurnText = field(default_factory=TurnText)
    session: SessionChange | None = None


class Records(Protocol):
    """Keeps turns. Every wait is bounded by ``settings.database_seconds``."""

    async def claim(self, claim: Claim) -> Claimed:
        """Which turn this is. Claims of one moment share one round trip. Never raises: see :attr:`Claimed.recorded`."""
        ...

    async def commit(self, entry: TurnEntry) -> UUID | None:
        """Stores ``entry`` durably in its own transaction (turn, scores, ledgers, case, outbox, session) and returns the
        case's id if there is one. With PostgreSQL away it returns when the local journal is fsynced. Raises
        :class:`guard.errors.JournalFull` only when neither takes it."""
        ...

    def enqueue(self, entry: TurnEntry) -> Future[None]:
        """Stores ``entry`` with the next group commit, at most 50 ms later. The future is done when it is stored; it never
        carries an exception (a failure goes to the journal, the log and a metric). Bounded: oldest entries below severity 3
        are shed to the journal first."""
        ...

    async def turn(self, tenant_id: UUID, turn_id: UUID) -> dict[str, Any] | None:
        """The latest attempt of a turn in the shape of ``GET /v1/turns/{id}``, or ``None`` if this tenant has none."""
        ...

    async def feedback(self, identity: Identity, turn_id: UUID, kind: FeedbackKind, note: str) -> Feedback | None:
        """Keeps what was said of a turn, once a turn and kind; ``None`` if this tenant has no such turn. The note is kept
        only where the tenant stores text."""
        ...

    async def authenticate(self, key: str) -> Identity | None:
        """The tenant of an ``hr_`` key; ``None`` where unknown or revoked. Cached for a few seconds, bounded."""
        ...

    def alert(self, kind: str, *, tenant_id: UUID | None = None) -> None:
        """Raises (or keeps up) one operational alert of this kind; repeated calls only count. Never blocks."""
        ...

    def clear(self, kind: str, *, tenant_id: UUID | None = None) -> None:
        """The cause of an operational alert is gone. Never blocks."""
        ...
