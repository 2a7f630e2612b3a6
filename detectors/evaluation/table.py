"""Rows and scores as columns: what every figure is worked out from. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation.measures import Vector
from detectors.evaluation.rows import Row, family
from detectors.signals import Side

__all__ = ["Cut", "Places", "Table", "columns", "tabulate", "wanted"]

Places = NDArray[np.intp]
"""Which rows, ascending."""


@dataclass(frozen=True, slots=True)
class Table:
    """``labels``, ``scores``: by signal, one number a row, NaN where there is none. ``conversations``: a number for each
    row's. ``slices``: where each one's rows are, in the order of first appearance."""

    rows: Sequence[Row]
    labels: Mapping[str, Vector]
    scores: Mapping[str, Vector]
    conversations: Places
    slices: Mapping[str, Places]

    def score(self, signal: str) -> Vector:
        """A signal's scores; of a family the highest."""
        found = self.scores.get(signal)
        return np.full(len(self.rows), math.nan) if found is None else found

    def cut(self, signal: str, within: Places | None = None) -> Cut:
        """The rows that have a label of ``signal``, of all or of those ``within``."""
        labels = self.labels[signal]
        at = np.flatnonzero(~np.isnan(labels)) if within is None else within[~np.isnan(labels[within])]
        scores = self.score(signal)[at]
        there = ~np.isnan(scores)
        return Cut(at[there], labels[at[there]], scores[there], int(np.sum(~there)))


@dataclass(frozen=True, slots=True)
class Cut:
    """The rows with a label and a score of one signal. ``labels`` as they were given; ``missing``: labelled, not scored."""

    places: Places
    labels: Vector
    scores: Vector
    missing: int

    @property
    def positive(self) -> Vector:
        """1 from a label of .5 on, else 0."""
        return (self.labels >= 0.5).astype(np.float64)


def wanted(rows: Iterable[Row]) -> dict[Side, tuple[str, ...]]:
    """The signals of each side whose scores are needed: those with a label, and the members of families with one."""
    names: dict[Side, dict[str, None]] = {Side.USER: {}, Side.REPLY: {}}
    for row in rows:
        for name in row.labels:
            if name not in names[row.side]:
                names[row.side] |= dict.fromkeys((name, *family(name, row.side)))
    return {side: tuple(own) for side, own in names.items()}


def columns(rows: Sequence[Row], scores: Mapping[str, Mapping[str, float]], names: Iterable[str]) -> dict[str, Vector]:
    """Scores by row id as columns."""
    own: Sequence[Mapping[str, float]] = [scores.get(row.id, {}) for row in rows]
    return {name: np.array([one.get(name, math.nan) for one in own], dtype=np.float64) for name in names}


def tabulate(rows: Sequence[Row], scores: Mapping[str, Vector]) -> Table:
    """``scores``: columns by signal, families left out: they are worked out here."""
    labels: dict[str, Vector] = {}
    for at, row in enumerate(rows):
        for name, value in row.labels.items():
            if name not in labels:
                labels[name] = np.full(len(rows), math.nan)
            labels[name][at] = value
    places: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        for name in row.slices:
            places.setdefault(name, []).append(at)
    _, conversations = np.unique(np.array([row.conversation for row in rows]), return_inverse=True)
    found = dict(scores)
    for name in labels:
        own = [scores[one] for side in Side for one in family(name, side) if one in scores]
        if own:
            found[name] = np.fmax.reduce(own)
    return Table(
        rows,
        labels,
        found,
        conversations.astype(np.intp),
        {name: np.array(at, dtype=np.intp) for name, at in places.items()},
    )
