"""What of a request's history a session has not seen yet.

Only the tail is scored: newest first, at most :data:`MAX_MESSAGES` messages and about :data:`MAX_TOKENS` tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guard.turns.conversation import Thread

__all__ = ["MAX_MESSAGES", "MAX_TOKENS", "Unseen", "unseen"]

MAX_MESSAGES = 32
MAX_TOKENS = 4096
_CHARACTERS_PER_TOKEN = 4  # a safe average for English; the bound is on work, not on meaning


@dataclass(frozen=True, slots=True)
class Unseen:
    """``indexes``: messages before the turn that are to be read, oldest first. ``branch``: the history goes on from an
    earlier point than the session's last one, or was edited. ``cut``: older unseen messages were left out."""

    indexes: tuple[int, ...]
    branch: bool
    cut: bool


def unseen(thread: Thread, known: Sequence[bytes]) -> Unseen:
    """The messages before the turn that no known digest covers.

    ``known``: digests of conversations that the session has seen, oldest first; empty for a session that has seen nothing
    (its history is unseen, but no branch).
    """
    if thread.turn is None:
        return Unseen((), branch=False, cut=False)
    seen = frozenset(known)
    start = 0
    for at in range(thread.turn, -1, -1):
        if thread.digests[at] in seen:
            start = at + 1
            break
    if start > thread.turn:  # the same turn again
        return Unseen((), branch=thread.digest not in known[-2:], cut=False)
    chosen: list[int] = []
    room = MAX_TOKENS
    cut = False
    for at in range(thread.turn - 1, start - 1, -1):
        cost = 1 + len(thread.messages[at].text) // _CHARACTERS_PER_TOKEN
        if len(chosen) == MAX_MESSAGES or cost > room:
            cut = True
            break
        room -= cost
        chosen.append(at)
    return Unseen(tuple(reversed(chosen)), branch=not _continues(thread, known, start), cut=cut)


def _continues(thread: Thread, known: Sequence[bytes], start: int) -> bool:
    """Whether the request goes on from where the session last was."""
    if not known:
        return True
    if start == 0:
        return False
    if thread.digests[start - 1] == known[-1]:
        return True
    # A reply that carried tool calls comes back with what the session did not keep of it.
    return thread.digests[start - 1] in known[-2:] and bool(thread.messages[start].extra)
