"""Sessions in this process: a bounded cache over the records.

PostgreSQL holds the truth. A change that this process has made but not stored yet is applied again on top of what is
stored; changes are idempotent, so it does not matter whether the stored state has them already.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final
from uuid import UUID

from guard.turns.session import SessionState, from_json

__all__ = ["Apply", "SessionCache"]

_LOOK: Final = 64

Apply = Callable[[Mapping[str, Any] | None], Mapping[str, Any]]


@dataclass(slots=True)
class _Entry:
    state: SessionState
    pending: dict[UUID, Apply] = field(default_factory=dict)


class SessionCache:
    """At most ``size`` sessions that have nothing pending, the least recently used leave first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def peek(self, key: bytes) -> SessionState | None:
        """The last state that this process knows of; another process may know a newer one."""
        entry = self._entries.get(key)
        return entry.state if entry is not None else None

    def pending(self, key: bytes) -> bool:
        """Whether a change of this session is under way in this process."""
        entry = self._entries.get(key)
        return entry is not None and bool(entry.pending)

    def current(self, key: bytes, stored: Mapping[str, Any] | None) -> SessionState:
        """The state that is stored, with this process' pending changes on top."""
        entry = self._entries.get(key)
        if entry is None:
            return from_json(stored)
        for apply in entry.pending.values():
            stored = apply(stored)
        entry.state = from_json(stored)
        return entry.state

    def pend(self, key: bytes, turn_id: UUID, apply: Apply, state: SessionState) -> None:
        """A change is under way: ``state`` is what it makes of the current state."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(state)
        entry.state = state
        entry.pending[turn_id] = apply
        self._entries.move_to_end(key)
        self._shrink()

    def landed(self, key: bytes, turn_id: UUID) -> None:
        """The change of that turn is stored."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.pending.pop(turn_id, None)
            self._shrink()

    def _shrink(self) -> None:
        surplus = len(self._entries) - self._size
        if surplus <= 0:
            return
        # Those with something pending are skipped; they are as few as the turns in flight.
        for key, entry in list(islice(self._entries.items(), surplus + _LOOK)):
            if not entry.pending and len(self._entries) > self._size:
                del self._entries[key]
