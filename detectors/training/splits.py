"""Which examples train, which tune and which are left for the last figure. Never by row. Pure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from detectors.corpus.duplicates import groups, pairs
from detectors.training.example import Example

__all__ = ["SPLIT_SEED", "Split", "Splits", "split"]

SPLIT_SEED: Final = "handrail-1"
"""Splits stay the same from run to run, whatever a run's own seed is, so that figures can be compared."""

_SHARES: Final = {"corpus": (0.15, 0.17)}
_SHARES_ELSE: Final = (0.06, 0.08)
_HELD_VOICES: Final = 0.12
_SHORT_WORDS: Final = 4
_CHARACTERS: Final = 300  # of a text that are compared: long replies with the same beginning are the same


class Split(StrEnum):
    """What an example is used for."""

    TRAIN = "train"
    VALIDATION = "validation"  # chooses the checkpoint, the calibration and the thresholds
    TEST = "test"  # looked at once, at the end


@dataclass(frozen=True, slots=True)
class Splits:
    """The examples of each split; ``dropped``: how many training texts were near-duplicates of others' and went."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    dropped: int


def split(examples: Sequence[Example]) -> Splits:
    """By source and group; groups whose texts are near-duplicates stay together, so that no text has its double across.

    Of the corpus some voices are held out of training entirely: their items are in the test, with the slice ``voice
    unseen``; those whose situation trains are the slice ``situation seen``, apart from which the test's situations are
    unseen. A training text that is a near-duplicate of one outside its split is dropped, whatever their sources.
    """
    parts: dict[Split, list[Example]] = {which: [] for which in Split}
    joined = _joined(examples)
    for example, group in zip(examples, joined, strict=True):
        validation, test = _SHARES.get(example.source, _SHARES_ELSE)
        at = _share(example.source, group)
        which = Split.TEST if at < test else Split.VALIDATION if at < test + validation else Split.TRAIN
        slices = example.slices
        if example.source == "corpus":
            unseen = example.voice is not None and _share("voice", example.voice) < _HELD_VOICES
            if which is not Split.TEST:
                slices = (*slices, "situation seen")
            if unseen:
                which = Split.TEST
                slices = (*slices, "voice unseen")
            if which is Split.VALIDATION:
                slices = example.slices
        parts[which].append(replace(example, slices=slices))
    kept = _without_doubles(parts[Split.TRAIN], [*parts[Split.VALIDATION], *parts[Split.TEST]])
    return Splits(
        tuple(kept),
        tuple(parts[Split.VALIDATION]),
        tuple(parts[Split.TEST]),
        len(parts[Split.TRAIN]) - len(kept),
    )


def _share(*names: str) -> float:
    digest = hashlib.sha256("\0".join((SPLIT_SEED, *names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _joined(examples: Sequence[Example]) -> list[str]:
    """Each example's group, one name for all groups of a source that near-duplicates join."""
    by_source: dict[str, list[int]] = defaultdict(list)
    for at, example in enumerate(examples):
        by_source[example.source].append(at)
    names = [""] * len(examples)
    for places in by_source.values():
        leaders = groups([_wording(examples[at]) for at in places])
        parent: dict[str, str] = {}

        def root(name: str, parent: dict[str, str] = parent) -> str:
            while parent.get(name, name) != name:
                name = parent[name]
            return name

        for at, leader in zip(places, leaders, strict=True):
            a, b = sorted((root(examples[at].group), root(examples[places[leader]].group)))
            parent[b] = a
        for at in places:
            names[at] = root(examples[at].group)
    return names


def _wording(example: Example) -> str:
    """What two texts must share to be doubles. A bare answer and an everyday phrase are not the same for being short."""
    if len(example.text.split()) < _SHORT_WORDS:
        before = example.context[-1].text if example.context else example.group
        return f"{before[-_CHARACTERS:]} {example.text}"
    return example.text[:_CHARACTERS]


def _without_doubles(train: Sequence[Example], outside: Sequence[Example]) -> list[Example]:
    texts = [_wording(example) for example in (*outside, *train)]
    doubles = {later - len(outside) for _, later in pairs(texts, among=len(outside)) if later >= len(outside)}
    return [example for at, example in enumerate(train) if at not in doubles]
