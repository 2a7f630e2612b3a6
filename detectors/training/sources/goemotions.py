"""GoEmotions (Demszky et al. 2020), CC BY 4.0: Reddit comments with 27 emotions and neutral. Speaks of ``emotion.*``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from detectors.signals import EMOTIONS, Side
from detectors.training.errors import DataMissing
from detectors.training.example import Example, harmless

__all__ = ["dev", "read"]


def read(folder: Path) -> Iterator[Example]:
    """The training comments."""
    return _read(folder / "goemotions" / "train.tsv")


def dev(folder: Path) -> Iterator[Example]:
    """The development comments, for evaluation alone."""
    return _read(folder / "goemotions" / "dev.tsv")


def _read(path: Path) -> Iterator[Example]:
    for number, line in enumerate(path.read_text("utf-8").rstrip("\n").split("\n"), 1):
        parts = line.split("\t")
        if len(parts) != 3:
            raise DataMissing(f"{path}:{number}: expected text, labels and id parted by tabs")
        text, ids, comment = parts
        labels = dict.fromkeys((f"emotion.{name}" for name in EMOTIONS), 0.0)
        labels.update({f"emotion.{EMOTIONS[int(at)]}": 1.0 for at in ids.split(",")})
        yield Example("goemotions", comment, Side.USER, text, labels | harmless(text), slices=("everyday",))
