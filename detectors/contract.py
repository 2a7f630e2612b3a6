"""What the rooms of Handrail may ask of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from detectors.signals import Scores, Side

__all__ = ["Item", "Scorer", "Speaker", "Utterance", "context_of"]

_CONTEXT: Final = 4
_CONTEXT_CHARACTERS: Final = 1200


class Speaker(StrEnum):
    """Who spoke, as the encoder is told."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Utterance:
    """One earlier message, for context."""

    speaker: Speaker
    text: str


def context_of(said: Sequence[Utterance]) -> tuple[Utterance, ...]:
    """What goes with a person's message of the messages before it: the last four that say something, the end of each."""
    spoken = [utterance for utterance in said if utterance.text][-_CONTEXT:]
    return tuple(Utterance(utterance.speaker, utterance.text[-_CONTEXT_CHARACTERS:]) for utterance in spoken)


@dataclass(frozen=True, slots=True)
class Item:
    """One text to be scored.

    ``context``: what was said before, oldest first (a reply's sentence gets the user's last turn and its own tail).
    ``question``: the rung (1 to 6; 0 for "are you safe right now?") of the safety question that is open, else ``None``.
    ``whole``: this is a whole reply, so signals judged on nothing less are wanted too. ``language``: what the session's
    longer turns were identified as; a text under five words inherits it.
    """

    side: Side
    text: str
    context: tuple[Utterance, ...] = ()
    question: int | None = None
    whole: bool = False
    language: str | None = None


class Scorer(Protocol):
    """Turns texts into scores. Implemented in process by the lexicon tier and over a socket by the scorer's client."""

    async def score(self, items: Sequence[Item], *, deadline: float) -> list[Scores]:
        """Scores in the order of ``items``.

        ``deadline`` is the seconds from now that the caller can wait. Never raises for what a text contains. Raises
        :class:`detectors.errors.ScorerUnavailable` when the scorer cannot be reached or has not answered in time; the
        caller then asks its fallback. Cancelling the call drops the items that were not yet begun.
        """
        ...
