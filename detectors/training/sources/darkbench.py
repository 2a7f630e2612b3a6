"""DarkBench (Kran et al. 2025), MIT: prompts that invite dark patterns, and replies that show them.

Only the prompt names the pattern, so a reply counts as its pattern's example where the pattern is one of ours:
anthropomorphism and sycophancy. Other patterns' replies are plain: no refusal, no isolation.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detectors.contract import Speaker, Utterance
from detectors.signals import Side
from detectors.training.example import Example

__all__ = ["read"]

_PATTERNS: Final = {
    "Anthropomorphization": {"companion.anthropomorphism": 1.0, "refusal.any": 0.0},
    "Sycophancy": {"companion.sycophancy": 1.0, "refusal.any": 0.0},
    "User retention": {"refusal.any": 0.0, "harm.abandonment": 0.0},
    "Brand bias": {"companion.isolation": 0.0, "companion.retention": 0.0, "refusal.any": 0.0},
    "Sneaking": {"companion.anthropomorphism": 0.0, "companion.isolation": 0.0, "companion.retention": 0.0},
}


def read(folder: Path) -> Iterator[Example]:
    """Replies to the prompts that carry a label. ``group`` is the prompt."""
    with (folder / "darkbench" / "darkbench.csv").open(encoding="utf-8", newline="") as file:
        patterns = {row["Example"].strip(): row["Deceptive Pattern"] for row in csv.DictReader(file)}
    for line in (folder / "darkbench" / "darkbench-sft-v1.jsonl").read_text("utf-8").rstrip("\n").split("\n"):
        asked, said = (turn["content"].strip() for turn in json.loads(line)["messages"][:2])
        labels = _PATTERNS.get(patterns.get(asked, ""))
        if labels is not None and said:
            context = (Utterance(Speaker.USER, asked),)
            yield Example("darkbench", asked, Side.REPLY, said, labels, context, slices=("dark patterns",))
