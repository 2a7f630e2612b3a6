"""Texts with spans of persons, places and organisations, for the token-classification head that finds them.

``wnut17`` (Derczynski et al. 2017, CC BY 4.0): posts and comments, by token. ``presidio_research`` (Microsoft, MIT):
sentences filled from templates, by character; a template is the group, so that no split has two fillings of one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detectors.training.errors import DataMissing

__all__ = ["TYPES", "Tagged", "presidio_research", "wnut17"]

TYPES: Final = ("person", "location", "organisation")

_WNUT: Final[Mapping[str, str]] = {
    "person": "person",
    "location": "location",
    "corporation": "organisation",
    "group": "organisation",
}
_PRESIDIO: Final[Mapping[str, str]] = {
    "PERSON": "person",
    "GPE": "location",
    "STREET_ADDRESS": "location",
    "ORGANIZATION": "organisation",
}


@dataclass(frozen=True, slots=True)
class Tagged:
    """A text with the half-open spans of its entities, in order, in code points; ``spans`` holds start, end and type."""

    source: str
    group: str
    text: str
    spans: tuple[tuple[int, int, str], ...]


def wnut17(folder: Path, part: str = "train") -> Iterator[Tagged]:
    """``part``: train or dev. Each post is a group of its own, its tokens joined by spaces. Raises :class:`DataMissing`."""
    path = folder / "wnut17" / f"{part}.conll"
    tokens: list[tuple[str, str]] = []
    count = 0
    for number, line in enumerate([*_read(path).split("\n"), ""], 1):
        if line.strip():
            token, tab, label = line.partition("\t")
            if not tab:
                raise DataMissing(f"{path}:{number}: expected a token and its label parted by a tab")
            tokens.append((token, label.strip()))
        elif tokens:
            count += 1
            yield _joined(f"{part}/{count}", tokens)
            tokens = []


def _joined(group: str, tokens: list[tuple[str, str]]) -> Tagged:
    text = ""
    spans: list[tuple[int, int, str]] = []
    going: str | None = None
    for token, label in tokens:
        text += " " if text else ""
        kind = _WNUT.get(label[2:])
        if kind is not None and label.startswith("I-") and going == label[2:] and spans:
            spans[-1] = (spans[-1][0], len(text) + len(token), kind)
        elif kind is not None:
            spans.append((len(text), len(text) + len(token), kind))
        going = label[2:] if label != "O" else None
        text += token
    return Tagged("wnut17", group, text, tuple(spans))


def presidio_research(folder: Path) -> Iterator[Tagged]:
    """The sentences, with the entity types that Handrail's head knows. Raises :class:`DataMissing`."""
    path = folder / "presidio_research" / "synth_dataset_v2.json"
    try:
        for row in json.loads(_read(path)):
            spans = sorted(
                (span["start_position"], span["end_position"], _PRESIDIO[span["entity_type"]])
                for span in row["spans"]
                if span["entity_type"] in _PRESIDIO
            )
            yield Tagged("presidio_research", str(row["template_id"]), row["full_text"], tuple(spans))
    except (ValueError, KeyError, TypeError) as error:
        raise DataMissing(f"{path} is not in its form ({error!r}); give the folder of the public data sets") from None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise DataMissing(f"{path}: {error.strerror}; give the folder of the public data sets") from None
