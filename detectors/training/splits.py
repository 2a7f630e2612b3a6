"""Which examples train, which tune and which are left for the last figure. Never by row. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from detectors.corpus.duplicates import groups, pairs
from detectors.encoder.heads import HEADS, LATER
from detectors.training.example import Example

__all__ = ["SPLIT_SEED", "Split", "Splits", "split"]

SPLIT_SEED: Final = "handrail-1"
"""Splits stay the same from run to run, whatever a run's own seed is, so that figures can be compared."""

_CORPUS: Final = {"test": 0.15, "validation": 0.15}
_SHARES: Final = {"test": 0.08, "validation": 0.06}
_TESTED_ELSEWHERE: Final = frozenset(("goemotions",))  # its own development file is the test
_HELD_VOICES: Final = 0.10
_BEFORE_LATER: Final = 2  # editions whose splits stand since before there were later heads
_ANY: Final = ""  # stands for the item itself among its labels
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

    Each edition of the corpus is stratified by label, so that rare ones are in every split: splits follow from its content.
    Some of its voices are held out of training entirely: their items are in the test, with the slice ``voice unseen``; those
    whose situation trains are the slice ``situation seen``, apart from which the test's situations are unseen. A training
    text that is a near-duplicate of one outside its split is dropped, whatever their sources.
    """
    parts: dict[Split, list[Example]] = {which: [] for which in Split}
    joined = _joined(examples)
    stratified: dict[str, Split] = {}
    for edition in sorted({example.edition for example in examples}):
        stratified |= _stratified(examples, joined, edition)
    for example, group in zip(examples, joined, strict=True):
        which = stratified[group] if example.source == "corpus" else _drawn(example.source, group)
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


def _drawn(source: str, group: str) -> Split:
    at = _share(source, group)
    if source in _TESTED_ELSEWHERE and at < _SHARES["test"]:
        return Split.VALIDATION
    return Split.TEST if at < _SHARES["test"] else Split.VALIDATION if at < sum(_SHARES.values()) else Split.TRAIN


def _stratified(examples: Sequence[Example], joined: Sequence[str], edition: int) -> dict[str, Split]:
    """The split of each group of one edition of the corpus: the rarest label first, each group goes where most of that label
    is lacking (iterative stratification; Sechidis, Tsoumakas and Vlahavas 2011)."""
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    known = frozenset(HEADS) - (frozenset(LATER) if edition <= _BEFORE_LATER else frozenset())
    for example, group in zip(examples, joined, strict=True):
        if example.source == "corpus" and example.edition == edition:
            labels[group][_ANY] += 1
            labels[group].update(name for name, value in example.labels.items() if value >= 0.5 and name in known)
    wanted = {Split.TRAIN: 1 - sum(_CORPUS.values())} | {Split(name): share for name, share in _CORPUS.items()}
    total: Counter[str] = Counter()
    for own in labels.values():
        total.update(own)
    lacking = {which: {name: share * number for name, number in total.items()} for which, share in wanted.items()}
    home: dict[str, Split] = {}
    for name in sorted(total, key=lambda name: (total[name], name)):
        left = [group for group, own in labels.items() if group not in home and own[name]]
        for group in sorted(left, key=lambda group: (-labels[group][name], _share("corpus", group))):
            which = max(wanted, key=lambda which: (lacking[which][name], lacking[which][_ANY], which))
            home[group] = which
            for label, number in labels[group].items():
                lacking[which][label] -= number
    return home


def _share(*names: str) -> float:
    digest = hashlib.sha256("\0".join((SPLIT_SEED, *names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _joined(examples: Sequence[Example]) -> list[str]:
    """Each example's group, one name for all groups of a source that near-duplicates join."""
    by_source: dict[tuple[str, int], list[int]] = defaultdict(list)
    for at, example in enumerate(examples):
        by_source[example.source, example.edition].append(at)
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
