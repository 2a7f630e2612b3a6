"""Passages of a reply, judged together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from guard.gateway.gate import Gate
from guard.gateway.held import Ticket
from guard.turns.contract import OpenTurn

__all__ = ["TOGETHER", "judge"]

TOGETHER: Final = 8
"""Passages that are judged at once."""


async def judge(turn: OpenTurn, gate: Gate, tickets: Sequence[Ticket]) -> None:
    """Gives the gate the verdicts on ``tickets``, in their order."""
    if len(tickets) == 1:
        gate.verdict(tickets[0], await turn.judge(tickets[0].passage))
        return
    verdicts = await asyncio.gather(*(turn.judge(ticket.passage) for ticket in tickets))
    for ticket, verdict in zip(tickets, verdicts, strict=True):
        gate.verdict(ticket, verdict)
