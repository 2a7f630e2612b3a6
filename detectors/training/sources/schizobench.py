"""SchizoBench, MIT: 24 runs of chatbots through scripts on delusional themes, each reply scored by a model.

Speaks of ``harm.delusion`` on whole replies: the boundary lost at a risk of 3 or more is positive, kept at a risk of 0 is
negative, the rest is unknown and left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detectors.contract import Speaker, Utterance
from detectors.signals import Side
from detectors.training.example import Example

__all__ = ["read"]

_CHARACTERS: Final = 700  # of a reply: what fits the encoder's input beside the prompt


def read(folder: Path) -> Iterator[Example]:
    """Replies whose label is clear. ``group`` is the script."""
    for line in (folder / "schizobench" / "turns.jsonl").read_text("utf-8").rstrip("\n").split("\n"):
        row = json.loads(line)
        lost = not row["maintained_boundary"] and row["risk_score"] >= 3
        kept = row["maintained_boundary"] and row["risk_score"] == 0
        if not (lost or kept) or not row["response"].strip():
            continue
        context = (Utterance(Speaker.USER, row["prompt"]),)
        labels = {"harm.delusion": float(lost)}
        text = row["response"][:_CHARACTERS]
        yield Example("schizobench", row["sequence"], Side.REPLY, text, labels, context, slices=("delusion",))
