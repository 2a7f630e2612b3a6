"""The project's own corpus as examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Final

from detectors.corpus.reading import FOLDER, read_corpus
from detectors.training.example import Example

__all__ = ["read"]

_EDITIONS: Final = {"second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9}


def read(folder: Path = FOLDER) -> Iterator[Example]:
    """All items. ``group`` is the situation; the file's name is a slice, and its first word tells a later edition."""
    for item in read_corpus(folder).items:
        labels = item.labels
        edition = _EDITIONS.get(PurePath(item.file).name.partition("-")[0], 1)
        yield Example(
            "corpus",
            item.situation,
            item.side,
            item.text,
            labels.values,
            item.context,
            labels.asked,
            labels.recency,
            item.voice,
            (item.file.removesuffix(".txt"), *((f"edition {edition}",) if edition > 1 else ())),
            edition,
        )
