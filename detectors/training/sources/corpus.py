"""The project's own corpus as examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

from detectors.corpus.reading import FOLDER, read_corpus
from detectors.training.example import Example

__all__ = ["read"]


def read(folder: Path = FOLDER) -> Iterator[Example]:
    """All items. ``group`` is the situation; the file's name is a slice, and files ``second-*`` are the second edition."""
    for item in read_corpus(folder).items:
        labels = item.labels
        second = PurePath(item.file).name.startswith("second-")
        yield Example(
            "corpus",
            item.situation,
            item.side,
            item.text,
            labels.values,
            item.context,
            labels.asked,
            labels.whole,
            labels.recency,
            item.voice,
            (item.file.removesuffix(".txt"), *(("second edition",) if second else ())),
            2 if second else 1,
        )
