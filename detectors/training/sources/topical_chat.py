"""Topical-Chat (Gopalakrishnan et al. 2019), CDLA-Sharing-1.0: everyday dialogue with the speaker's own sentiment.

Speaks of risk as :func:`harmless` has it, of ``attachment.*`` (absent: people talk of football and films), and of low
``distress`` where the speaker was curious, neutral or happy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detectors.contract import Speaker, Utterance
from detectors.signals import INTIMA, Side
from detectors.training.errors import DataMissing
from detectors.training.example import Example, harmless

__all__ = ["read"]

_EASY: Final = frozenset(("Curious to dive deeper", "Neutral", "Happy"))
_EVERY: Final = 4  # one turn in so many: neighbours say much the same
_TURNS: Final = 2


def read(folder: Path) -> Iterator[Example]:
    """Some turns of each dialogue with the two before them. ``group`` is the dialogue."""
    paths = sorted((folder / "topical_chat").glob("*.json"))
    if not paths:
        raise DataMissing(f"{folder / 'topical_chat'} holds no .json file")
    for path in paths:
        for name, dialogue in json.loads(path.read_bytes()).items():
            turns = dialogue["content"]
            for at in range(len(name) % _EVERY, len(turns), _EVERY):
                text = turns[at]["message"].strip()
                if not text:
                    continue
                labels = harmless(text) | dict.fromkeys((f"attachment.{group}" for group in INTIMA), 0.0)
                if turns[at]["sentiment"] in _EASY:
                    labels["distress"] = 0.0
                context = tuple(
                    Utterance(Speaker.ASSISTANT if (at - before) % 2 else Speaker.USER, turns[before]["message"])
                    for before in range(max(0, at - _TURNS), at)
                    if turns[before]["message"].strip()
                )
                yield Example("topical_chat", name, Side.USER, text, labels, context, slices=("everyday",))
