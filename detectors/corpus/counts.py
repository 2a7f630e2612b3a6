"""What the corpus holds, counted so that a near-duplicate counts once. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detectors.corpus.duplicates import groups
from detectors.corpus.reading import Corpus, CorpusItem
from detectors.signals import Side

__all__ = ["Counts", "SideCounts", "count", "duplicates", "wording"]

_SHORT_WORDS = 4


@dataclass(frozen=True, slots=True)
class SideCounts:
    """Of one side. ``items``: distinct ones; ``rows``: all of them. ``positive``, ``negative``: distinct items in which a
    signal is there, and in which it is known not to be."""

    situations: int
    voices: int
    items: int
    rows: int
    with_context: int
    levels: Mapping[int, int]
    positive: Mapping[str, int]
    negative: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the whole corpus."""

    sides: Mapping[Side, SideCounts]


def wording(item: CorpusItem) -> str:
    """What two items must share to be one: the text, and for a bare answer the turn that it answers, too."""
    if len(item.text.split()) < _SHORT_WORDS and item.context:
        return f"{item.context[-1].text} {item.text}"
    return item.text


def duplicates(items: Sequence[CorpusItem]) -> list[tuple[CorpusItem, CorpusItem]]:
    """Each near-duplicate with the first item that says the same."""
    first = groups([wording(item) for item in items])
    return [(items[leader], item) for item, leader in zip(items, first, strict=True) if items[leader] is not item]


def count(corpus: Corpus) -> Counts:
    """The counts of both sides."""
    return Counts({side: _side([item for item in corpus.items if item.side is side]) for side in (Side.USER, Side.REPLY)})


def _side(items: Sequence[CorpusItem]) -> SideCounts:
    again = {id(item) for _, item in duplicates(items)}
    distinct = [item for item in items if id(item) not in again]
    positive: Counter[str] = Counter()
    negative: Counter[str] = Counter()
    for item in distinct:
        for name, value in item.labels.values.items():
            (positive if value >= 0.5 else negative)[name] += 1
    return SideCounts(
        situations=len({item.situation for item in items}),
        voices=len({item.voice for item in items}),
        items=len(distinct),
        rows=len(items),
        with_context=sum(bool(item.context) for item in distinct),
        levels=Counter(item.labels.level for item in distinct if item.labels.level is not None),
        positive=positive,
        negative=negative,
    )
