"""Synthetic-Persona-Chat (Jandaghi et al. 2023), CC BY 4.0: everyday dialogue of two invented people.

Speaks of risk as :func:`harmless` has it. As replies its turns are no refusals and no harm; whether they claim a life
is left open, since here people speak.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detectors.contract import Speaker, Utterance
from detectors.signals import Side
from detectors.training.example import Example, harmless

__all__ = ["read"]

_PLAIN: Final = (
    "companion.isolation", "companion.retention", "boundary.professional", "boundary.programmatic",
    "boundary.redirect_to_human", "refusal.any", "harm.method", "harm.encouragement", "harm.delusion", "harm.abandonment",
)  # fmt: skip
_EVERY: Final = 5


def read(folder: Path) -> Iterator[Example]:
    """Some turns of each dialogue, by turns as a person's and as a reply. ``group`` is the dialogue."""
    with (folder / "synthetic_persona_chat" / "valid.csv").open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            turns = [line.partition(": ")[2].strip() for line in row["Best Generated Conversation"].splitlines()]
            for at in range(number % _EVERY, len(turns), _EVERY):
                text = turns[at]
                if not text:
                    continue
                side = Side.REPLY if at % 2 else Side.USER
                context = tuple(
                    Utterance(Speaker.ASSISTANT if (at - before) % 2 == (side is Side.USER) else Speaker.USER, turns[before])
                    for before in range(max(0, at - 2), at)
                    if turns[before]
                )
                labels = harmless(text) if side is Side.USER else dict.fromkeys(_PLAIN, 0.0)
                if labels:
                    yield Example("synthetic_persona_chat", str(number), side, text, labels, context, slices=("everyday",))
