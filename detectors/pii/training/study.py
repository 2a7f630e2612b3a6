"""How well names are found: entity F1 with intervals, how many stay unseen, and how often something is taken for a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.evaluation.intervals import Estimate, estimate, resamples
from detectors.evaluation.measures import Vector
from detectors.pii.tags import TYPES

__all__ = ["Answer", "Figures", "study"]

Span = tuple[int, int, str]

_PRECISION, _RECALL, _F1, _REMOVED = range(4)
_MEASURES: Final = ("precision", "recall", "f1", "removed")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is in a text and what was found there: start, end and type. ``group``: texts that are drawn together."""

    group: str
    length: int
    there: tuple[Span, ...]
    found: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """``by_type``: of each type and of ``all`` the number of entities and the estimates of precision, recall and F1 of exact
    spans with their type, and of ``removed``: the share of entities that what was found covers, whatever its type.
    ``alarmed``: the share of texts without an entity in which something was found; ``quiet``: how many these are."""

    texts: int
    by_type: dict[str, tuple[int, dict[str, Estimate]]]
    quiet: int
    alarmed: Estimate


def study(answers: Sequence[Answer], types: Sequence[str] = TYPES) -> Figures:
    """Figures with 95% intervals by resampling groups."""
    weights = resamples([answer.group for answer in answers])
    counted = np.array([[_counts(answer, kind) for kind in types] for answer in answers], dtype=np.float64)
    counted = np.concatenate([counted, counted.sum(1, keepdims=True)], axis=1)

    def measures(weight: Vector | None) -> list[float]:
        sums = counted.sum(0) if weight is None else np.tensordot(weight, counted, axes=1)
        values: list[float] = []
        for right, found, there, covered in sums:
            values += [_part(right, found), _part(right, there), _part(2 * right, found + there), _part(covered, there)]
        return values

    told = estimate(measures, weights)
    by_type = {}
    for at, kind in enumerate([*types, "all"]):
        number = int(counted[:, at, 2].sum())
        by_type[kind] = (number, dict(zip(_MEASURES, told[4 * at : 4 * at + 4], strict=True)))
    quiet = np.array([not answer.there for answer in answers], dtype=np.float64)
    alarm = quiet * np.array([bool(answer.found) for answer in answers])

    def alarmed(weight: Vector | None) -> list[float]:
        one = np.ones(len(answers)) if weight is None else weight
        return [_part(float(one @ alarm), float(one @ quiet))]

    return Figures(len(answers), by_type, int(quiet.sum()), estimate(alarmed, weights)[0])


def _counts(answer: Answer, kind: str) -> list[int]:
    """Right, found, there and covered."""
    there = [span for span in answer.there if span[2] == kind]
    found = [span for span in answer.found if span[2] == kind]
    covered = bytearray(answer.length)
    for start, end, _ in answer.found:
        covered[start:end] = b"\1" * (end - start)
    whole = sum(all(covered[start:end]) for start, end, _ in there)
    return [len(set(there) & set(found)), len(found), len(there), whole]


def _part(part: float, of: float) -> float:
    return part / of if of else float("nan")
