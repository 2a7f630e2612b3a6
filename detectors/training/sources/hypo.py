"""HYPO (Troiano et al. 2018, with metaphors by Badathala et al. 2023), CC BY 4.0: hyperbole, metaphor and paraphrase.

Speaks of ``context.figurative``, and of risk: figures of speech carry none.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from detectors.signals import Side
from detectors.training.example import RISK, Example, harmless

__all__ = ["read"]


def read(folder: Path) -> Iterator[Example]:
    """All sentences, each its own group: paraphrases are joined where splits are made."""
    with (folder / "hypo" / "hypo.csv").open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            figurative = row["Hyperbole"] == "1" or row["Metaphor"] == "1"
            risk = dict.fromkeys(RISK, 0.0) if figurative else harmless(row["Sentence"])
            labels = {"context.figurative": float(figurative)} | risk
            yield Example("hypo", str(number), Side.USER, row["Sentence"], labels, slices=("figurative",))
