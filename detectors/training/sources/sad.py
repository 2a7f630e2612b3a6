"""SAD (Mauriello et al. 2021), MIT: statements of daily stressors with a severity of 0 to 10. Speaks of ``distress``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from detectors.signals import Side
from detectors.training.example import Example, harmless
from detectors.training.tables import sheet

__all__ = ["read"]


def read(folder: Path) -> Iterator[Example]:
    """All statements. ``group`` is where they were collected: an author is not known."""
    for row in sheet(folder / "sad" / "SAD_v1.xlsx"):
        text, severity = row.get("sentence"), row.get("avg_severity")
        if not isinstance(text, str) or not text.strip() or not isinstance(severity, int | float):
            continue
        labels = {"distress": min(max(float(severity) / 10, 0.0), 1.0)}
        labels |= harmless(text) if row.get("top_label") != "Emotional Turmoil" else {}
        # Statements of one source are many; near-duplicates within it are joined where splits are made.
        group = f"{row.get('Source')}/{row.get('sID')}"
        yield Example("sad", group, Side.USER, text, labels, slices=("stressors",))
