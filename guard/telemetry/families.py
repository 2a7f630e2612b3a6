"""Metrics with labels, bounded: whatever comes in as a label value, the number of children has an end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Generic, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Family", "Maker"]

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@+{}/-]{0,79}|/[A-Za-z0-9_.{}/-]{0,79}", re.ASCII)
_OTHER: Final = "other"
_MOST_CHILDREN: Final = 500  # of one metric; turns have 8 actions, 3 statuses and a handful of protocols

_Kind = TypeVar("_Kind", Counter, Gauge, Histogram)


class Family(Generic[_Kind]):
    """A metric with labels and its children, which are looked up once and kept.

    A label value that does not look like one of our words becomes ``other``, and so does every value beyond the bound.
    """

    __slots__ = ("_children", "_metric", "_width")

    def __init__(self, metric: _Kind, width: int) -> None:
        self._metric: _Kind = metric
        self._width = width
        self._children: dict[tuple[str | int, ...], _Kind] = {} if width else {(): metric}

    def __getitem__(self, labels: tuple[str | int, ...]) -> _Kind:
        child = self._children.get(labels)
        return self._make(labels) if child is None else child

    def known(self) -> list[tuple[str | int, ...]]:
        """The label values that were used."""
        return list(self._children)

    def _make(self, labels: tuple[str | int, ...]) -> _Kind:
        full = len(self._children) >= _MOST_CHILDREN
        words = (_OTHER,) * self._width if full else tuple(_word(label) for label in labels)
        if words != tuple(str(label) for label in labels):
            # What comes from outside is not kept under the value it came with: there is no end to those.
            labels = words
            if labels in self._children:
                return self._children[labels]
        child: _Kind = self._metric.labels(*words)
        self._children[labels] = child
        return child


def _word(label: str | int) -> str:
    text = str(label)
    return text if _WORD.fullmatch(text) else _OTHER


class Maker:
    """Makes families in one registry. ``labels`` are names with blanks between them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, meaning: str, labels: str) -> Family[Counter]:
        """Counts that only rise."""
        return Family(Counter(name, meaning, labels.split(), registry=self._registry), len(labels.split()))

    def histogram(self, name: str, meaning: str, buckets: Sequence[float], labels: str = "") -> Family[Histogram]:
        """Amounts in buckets, of which each process has its own that add up."""
        histogram = Histogram(name, meaning, labels.split(), buckets=buckets, registry=self._registry)
        return Family(histogram, len(labels.split()))

    def gauge(
        self, name: str, meaning: str, mode: Literal["livemax", "livesum", "mostrecent"], labels: str = ""
    ) -> Family[Gauge]:
        """What is now. ``mode``: what stands where several processes set it."""
        gauge = Gauge(name, meaning, labels.split(), multiprocess_mode=mode, registry=self._registry)
        return Family(gauge, len(labels.split()))
