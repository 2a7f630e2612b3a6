"""GoEmotions (Demszky et al. 2020), CC BY 4.0: Reddit comments with 27 emotions and neutral. Speaks of ``emotion.*``, and of
risk where somebody read a comment for it (``detectors/corpus/comments``); those are its second edition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from detectors.corpus.comments import read_comments
from detectors.signals import EMOTIONS, Side
from detectors.training.errors import DataMissing
from detectors.training.example import Example, harmless

__all__ = ["dev", "read"]


def read(folder: Path) -> Iterator[Example]:
    """The training comments."""
    told = read_comments("goemotions")
    for example in _read(folder / "goemotions" / "train.tsv"):
        if (labels := told.get(example.group)) is None:
            yield example
            continue
        emotions = {name: value for name, value in example.labels.items() if name.startswith("emotion.")}
        yield replace(example, labels={**emotions, **labels.values}, recency=labels.recency, edition=2)


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
