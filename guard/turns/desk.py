"""Where turns are opened."""

from __future__ import annotations

from guard.turns.contract import OpenTurn, TurnRequest
from guard.turns.room import Room
from guard.turns.turn import Turn

__all__ = ["Desk"]


class Desk:
    """Implements :class:`guard.turns.contract.TurnDesk`."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def begin(self, request: TurnRequest) -> OpenTurn:
        """Opens a turn and starts to judge its user's side in a task of the room's. Needs a running event loop."""
        return Turn(self._room, request)
