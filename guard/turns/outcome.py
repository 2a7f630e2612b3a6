"""What a turn that is over adds to the counts. Pure functions of its scores."""

from __future__ import annotations

from detectors.signals import Scores
from policies.decision import Action

__all__ = ["noticed", "refusal"]

_COUNTS_FROM = 0.5
_REFUSED = "refusal.any"


def noticed(*sides: Scores | None) -> tuple[str, ...]:
    """Names of the signals that score at least one half."""
    return tuple(
        name for scores in sides if scores is not None for name, value in scores.answered() if value >= _COUNTS_FROM
    )


def refusal(reply: Scores | None, action: Action) -> str | None:
    """What became of a reply in which the chatbot refused: completed, added_to or passed; ``None`` where it did not."""
    value = reply.value(_REFUSED) if reply is not None else None
    if value is None or value < _COUNTS_FROM:
        return None
    if action is Action.COMPLETE:
        return "completed"
    return "added_to" if action is Action.APPEND else "passed"
