"""What this process has seen of sessions and turns: enough to go on while the database is away. Bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

__all__ = ["Memory", "SeenSession", "SeenTurn"]

_MOST_SESSIONS: Final = 2048
_MOST_TURNS: Final = 8192

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class SeenSession:
    """A session's state at ``version``."""

    version: int
    state: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class SeenTurn:
    """Which turn a key is."""

    turn_id: UUID
    at: datetime
    attempt: int


class _Recent(Generic[_Key, _Value]):
    """The most recently used entries of a mapping."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[_Key, _Value] = OrderedDict()

    def get(self, key: _Key) -> _Value | None:
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: _Key, value: _Value) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)


class Memory:
    """The newest that is known of sessions and turn keys, by tenant."""

    def __init__(self, *, sessions: int = _MOST_SESSIONS, turns: int = _MOST_TURNS) -> None:
        self._sessions: _Recent[tuple[UUID, UUID], SeenSession] = _Recent(sessions)
        self._ids: _Recent[tuple[UUID, bytes], UUID] = _Recent(sessions)
        self._turns: _Recent[tuple[UUID, bytes], SeenTurn] = _Recent(turns)

    def session(self, tenant_id: UUID, session_id: UUID) -> SeenSession:
        """The session as last seen; version 0 where it was not."""
        return self._sessions.get((tenant_id, session_id)) or SeenSession(0, None)

    def learn_session(
        self, tenant_id: UUID, session_id: UUID, version: int, state: Mapping[str, Any] | None, *, read: bool = False
    ) -> None:
        """The session stands at ``version`` now; an older version than the one known changes nothing, unless it was
        ``read`` from the database just now."""
        if read or version >= self.session(tenant_id, session_id).version:
            self._sessions.put((tenant_id, session_id), SeenSession(version, state))

    def session_id(self, tenant_id: UUID, key: bytes) -> UUID | None:
        """The id of the session with this key."""
        return self._ids.get((tenant_id, key))

    def learn_session_id(self, tenant_id: UUID, key: bytes, session_id: UUID) -> None:
        """The session with this key has this id."""
        self._ids.put((tenant_id, key), session_id)

    def turn(self, tenant_id: UUID, key: bytes) -> SeenTurn | None:
        """The turn of this key."""
        return self._turns.get((tenant_id, key))

    def learn_turn(self, tenant_id: UUID, key: bytes, turn: SeenTurn) -> None:
        """This key is that turn."""
        self._turns.put((tenant_id, key), turn)
