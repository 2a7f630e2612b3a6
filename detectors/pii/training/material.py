"""What the head is trained and measured on: which text is in which part, and what is known of its words.

No template, no post and no comment is in two parts, and names that are put into the test's comments are in no training text.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from detectors.pii.tags import TYPES
from detectors.training.errors import DataMissing
from detectors.training.sources import corpus
from detectors.training.sources.entities import Tagged, presidio_research, wnut17

__all__ = ["NAME", "Material", "Part", "Partly", "part_of_name", "read", "share"]

NAME: Final = "[NAME]"
"""What GoEmotions has in the place of a person's name."""

Part = Literal["train", "validation", "test"]

_TYPES: Final = {"person": TYPES[0], "location": TYPES[1], "organisation": TYPES[2]}
_UNSURE: Final = re.compile(
    r"(?:\b(?:the|an?|fellow|sweet|next|this|these|those|oh|my|your|our|his|her|other|of|victory|no|dear|holy|lord|praise|thank)"
    r"\s+|[\w-])\[NAME\]|\[NAME\](?:s\b|\w|\s+(?:bless|damn|forbid|fans?|season))",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_COMMON: Final = 5  # times that a word stands without a capital, so that a capital at a start says nothing


@dataclass(frozen=True, slots=True)
class Partly:
    """A comment of which something is known. ``unknown``: half-open ranges of words that may be a name. ``persons``: whether
    they may be a person's; elsewhere those were taken out (``[NAME]``)."""

    group: str
    text: str
    unknown: tuple[tuple[int, int], ...]
    persons: bool = False


@dataclass(frozen=True, slots=True)
class Material:
    """Texts by part. ``comments``: with and without a name."""

    train: tuple[Tagged, ...]
    validation: tuple[Tagged, ...]
    test: tuple[Tagged, ...]
    comments: tuple[Partly, ...]
    validation_comments: tuple[Partly, ...]
    test_comments: tuple[Partly, ...]
    counts: dict[str, int] = field(default_factory=dict)


def share(text: str) -> float:
    """A number in [0, 1) that depends on ``text`` alone: which part something is in."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def part_of_name(name: str) -> Part:
    """In which part's sentences a name of ours is put."""
    at = share(f"name/{name.lower()}")
    return "test" if at < 0.2 else "validation" if at < 0.3 else "train"


def read(folder: Path) -> Material:
    """The public sets under ``folder``, and the turns of this project's corpus. Raises :class:`DataMissing`."""
    parts: dict[str, list[Tagged]] = {"train": [], "validation": [], "test": []}
    for tagged in map(_typed, wnut17(folder, "train")):
        parts["validation" if share(f"wnut/{tagged.text}") < 0.08 else "train"].append(tagged)
    parts["test"].extend(map(_typed, wnut17(folder, "dev")))
    for tagged in map(_typed, presidio_research(folder)):
        at = share(f"template/{tagged.group}")
        parts["test" if at < 0.25 else "validation" if at < 0.35 else "train"].append(tagged)
    comments: dict[bool, list[Partly]] = {True: [], False: []}
    for comment in _comments(folder / "goemotions" / "train.tsv"):
        comments[share(f"comment/{comment.text}") < 0.04].append(comment)
    turns = [turn for turn in _turns() if share(f"turn/{turn.group}") >= 0.1]
    counts = Counter(tagged.source for tagged in parts["train"])
    counts["goemotions"], counts["corpus"] = len(comments[False]), len(turns)
    return Material(
        tuple(parts["train"]),
        tuple(parts["validation"]),
        tuple(parts["test"]),
        (*comments[False], *turns),
        tuple(comments[True]),
        tuple(_comments(folder / "goemotions" / "dev.tsv")),
        dict(counts),
    )


def _typed(tagged: Tagged) -> Tagged:
    spans = tuple((start, end, _TYPES[kind]) for start, end, kind in tagged.spans)
    return Tagged(tagged.source, tagged.group, tagged.text, spans)


def _comments(path: Path) -> Iterator[Partly]:
    """Comments in which ``[NAME]`` is surely a name, and those without one."""
    try:
        texts = [line.split("\t")[0] for line in path.read_text("utf-8").rstrip("\n").split("\n")]
    except OSError as error:
        raise DataMissing(f"{path}: {error.strerror}; give the folder of the public data sets") from None
    common = _common(texts)
    for at, text in enumerate(texts):
        if not _UNSURE.search(text) and not (text.isupper() and NAME in text):
            yield _partly(f"{path.stem}/{at}", text.replace("[RELIGION]", "religion"), common)


def _turns() -> Iterator[Partly]:
    """What people say in this project's corpus; nobody has marked names in it."""
    examples = list(corpus.read())
    common = _common([example.text for example in examples])
    for example in examples:
        yield replace(_partly(f"{example.source}/{example.group}", example.text, common), persons=True)


def _common(texts: Iterable[str]) -> frozenset[str]:
    """Words that stand without a capital often enough for a capital to say nothing."""
    counts = Counter(word for text in texts for word in _WORD.findall(text) if word.islower())
    return frozenset(word for word, times in counts.items() if times >= _COMMON)


def _partly(group: str, text: str, common: frozenset[str]) -> Partly:
    """A rare word may be a name where it has a capital, and where nothing in the text has one."""
    names = {match.start() + 1 for match in re.finditer(re.escape(NAME), text)}
    capitals = any(map(str.isupper, text.replace(NAME, "")))
    unknown = tuple(
        (word.start(), word.end())
        for word in _WORD.finditer(text)
        if word.start() not in names and word.group().lower() not in common and not (capitals and word.group().islower())
    )
    return Partly(group, text, unknown)
