"""What turns need from the rest of the service, in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from detectors.contract import Scorer
from detectors.pii.entity import EntityFinder
from detectors.pii.forms import FormsFinder
from guard.records.contract import Records
from guard.settings import Settings
from guard.turns.sessions import SessionCache
from policies.completions.contract import Composer
from policies.decision import Decision, Facts

__all__ = ["ActivePolicy", "KeyedHash", "Meters", "NoMeters", "Room"]


@dataclass(frozen=True, slots=True)
class ActivePolicy:
    """The policy in force. ``reads``: names of all signals that its rules read; ``off``: of those that it forbids."""

    name: str
    hash: str
    reads: frozenset[str]
    decide: Callable[[Facts], Decision]
    off: frozenset[str] = frozenset()


class KeyedHash(Protocol):
    """HMAC-SHA256 under the tenant's key, one key per purpose. 32 bytes."""

    def __call__(self, tenant_id: UUID, purpose: str, material: bytes) -> bytes: ...


class Meters(Protocol):
    """What turns count. Labels never carry a user, a session or free text."""

    def stage(self, name: str, seconds: float) -> None:
        """One stage of a turn took this long."""
        ...

    def decided(self, decision: Decision) -> None:
        """A decision was made."""
        ...

    def referred(self, classes: tuple[str, ...]) -> None:
        """Contact details were shown."""
        ...

    def noticed(self, signals: tuple[str, ...]) -> None:
        """Signals of a turn that scored at least one half."""
        ...

    def spoke(self, template: str) -> None:
        """Words of ours went out."""
        ...

    def refused(self, outcome: str, *, disclosed: bool) -> None:
        """The chatbot refused, and what became of it."""
        ...


class NoMeters:
    """Counts nothing."""

    def stage(self, name: str, seconds: float) -> None:
        """Counts nothing."""

    def decided(self, decision: Decision) -> None:
        """Counts nothing."""

    def referred(self, classes: tuple[str, ...]) -> None:
        """Counts nothing."""

    def noticed(self, signals: tuple[str, ...]) -> None:
        """Counts nothing."""

    def spoke(self, template: str) -> None:
        """Counts nothing."""

    def refused(self, outcome: str, *, disclosed: bool) -> None:
        """Counts nothing."""


@dataclass(slots=True)
class Room:
    """The collaborators of every turn. ``policy`` is asked once a turn, so that a swap falls between turns. ``finder``: what
    takes out what is personal before anything is stored; without one of the scorer's only what has a form is."""

    records: Records
    scorer: Scorer
    composer: Composer
    policy: Callable[[], ActivePolicy]
    hashed: KeyedHash
    settings: Settings
    clock: Callable[[], datetime]
    new_id: Callable[[], UUID]
    cache: SessionCache
    finder: EntityFinder = field(default_factory=FormsFinder)
    meters: Meters = field(default_factory=NoMeters)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """Runs a coroutine to its end whatever its caller does; the room keeps it alive and waits for it at a shutdown."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def drain(self, seconds: float) -> int:
        """Waits for the turns in flight; returns how many had not ended after ``seconds``."""
        pending = set(self.tasks)
        if pending:
            _, pending = await asyncio.wait(pending, timeout=seconds)
        return len(pending)
