"""Two models on the same rows: how far apart they are, and whether the first is worse. Pure."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np

from detectors.evaluation.intervals import FEWEST, RESAMPLES, Estimate, estimate, resamples
from detectors.evaluation.mcnemar import Discordance, discordance
from detectors.evaluation.measures import Ranking, Vector, threshold_at_false_positives
from detectors.evaluation.study import ALL, ENOUGH, MEASURES, Figures, cuts, figures
from detectors.evaluation.table import Cut, Places, Table

__all__ = ["MARGINS", "Comparison", "Point", "Verdict", "compare", "overall"]

MARGINS: Final[Mapping[str, float]] = MappingProxyType({"auroc": 0.005, "recall_at_1pct": 0.02, "recall_at_0.1pct": 0.05})
"""How much lower a figure may be and still pass as no worse: proposals, not findings."""

_NEEDED: Final = {"auroc": 1, "recall_at_1pct": 1_000, "recall_at_0.1pct": 10_000}
"""Negatives below which a figure decides nothing: fewer than ten of them stand above the rate."""

_LACKING: Final = 0.005
"""The share of rows that only the other scored above which nothing is no worse: silence is no good figure."""

_LISTED: Final = 50


class Verdict(StrEnum):
    """What the differences come to for the first model."""

    NO_WORSE = "no worse"
    WORSE = "worse"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Point:
    """Both models at a threshold each. ``found``: of the positives; ``spared``: of the negatives. ``lost``: ids of positives
    that only the second found, the first fifty."""

    at: str
    thresholds: tuple[float, float]
    found: Discordance
    spared: Discordance
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``differences``: the first's figure less the second's, with paired intervals. ``verdicts``: of the figures that
    decide; ``verdict``: of them together. ``why``: why a verdict is open."""

    signal: str
    slice: str
    rows: int
    positives: int
    insufficient: bool
    differences: Mapping[str, Estimate]
    verdicts: Mapping[str, Verdict]
    verdict: Verdict
    why: str
    points: tuple[Point, ...] = ()


def compare(
    first: Table,
    second: Table,
    thresholds: tuple[Mapping[str, float], Mapping[str, float]] = ({}, {}),
    *,
    margins: Mapping[str, float] = MARGINS,
    rate: float = 0.01,
    resampled: int = RESAMPLES,
    sliced: int | None = None,
) -> list[Comparison]:
    """Both models on the rows that both scored, by signal and slice. ``first`` and ``second`` hold the same rows.

    ``thresholds``: each model's own, compared where both have one. ``rate``: the share of false positives at which both are
    compared besides, each at the threshold that keeps it on these very rows.
    """
    found: list[Comparison] = []
    theirs_by_cut = {(signal, name): cut for signal, name, cut in cuts(second)}
    for signal, name, ours in cuts(first):
        theirs = theirs_by_cut.get((signal, name))
        if theirs is None:
            continue
        lacking = len(np.setdiff1d(theirs.places, ours.places, assume_unique=True))
        if lacking == len(theirs.places):
            if lacking:
                found.append(_unanswered(signal, name, theirs))
            continue
        ours, theirs = _shared(ours, theirs)
        labels = ours.positive
        conversations = first.conversations[ours.places]
        weights = resamples(conversations, resampled if name == ALL or sliced is None else sliced)
        drawn = estimate(_less(figures(labels, ours.scores), figures(labels, theirs.scores)), weights)
        differences = dict(zip(MEASURES, drawn, strict=True))
        positives = int(labels.sum())
        verdicts, why = _verdicts(differences, positives, len(labels) - positives, margins)
        if few := _few_conversations(labels, conversations):
            verdicts, why = {}, few
        if lacking > _LACKING * (lacking + len(labels)):
            why = f"{lacking:,} rows have a score of the other alone"
        found.append(
            Comparison(
                signal, name, len(labels), positives, positives < ENOUGH, differences, verdicts,
                _together(verdicts.values(), why), why,
                _points(signal, first, ours, theirs, thresholds, rate) if name == ALL else (),
            )
        )  # fmt: skip
    return found


def _unanswered(signal: str, name: str, theirs: Cut) -> Comparison:
    positives = int(theirs.positive.sum())
    nothing = dict.fromkeys(MEASURES, Estimate(math.nan, math.nan, math.nan))
    why = f"all {len(theirs.places):,} rows have a score of the other alone"
    return Comparison(signal, name, 0, positives, positives < ENOUGH, nothing, {}, Verdict.UNDECIDED, why)


def overall(comparisons: Iterable[Comparison], required: Container[str] = ()) -> Verdict:
    """Of all signals on all their rows: worse where one is, no worse where all are that have enough positives.

    ``required``: signals that leave it open where they have too few.
    """
    every = [one for one in comparisons if one.slice == ALL]
    counted = [
        one.verdict for one in every if one.verdict is Verdict.WORSE or not one.insufficient or one.signal in required
    ]
    return _together(counted, "" if counted else "nothing to go by")


def _together(verdicts: Iterable[Verdict], why: str) -> Verdict:
    own = set(verdicts)
    if Verdict.WORSE in own:
        return Verdict.WORSE
    return Verdict.UNDECIDED if why or own != {Verdict.NO_WORSE} else Verdict.NO_WORSE


def _verdicts(
    differences: Mapping[str, Estimate], positives: int, negatives: int, margins: Mapping[str, float]
) -> tuple[dict[str, Verdict], str]:
    if not positives or not negatives:
        return {}, "no positives" if not positives else "no negatives"
    verdicts: dict[str, Verdict] = {}
    for name, margin in margins.items():
        if negatives < _NEEDED[name]:
            continue
        found = differences[name]
        if found.low >= -margin:
            verdicts[name] = Verdict.NO_WORSE
        else:
            verdicts[name] = Verdict.WORSE if found.high < 0 else Verdict.UNDECIDED
    if positives < ENOUGH:
        return verdicts, f"fewer than {ENOUGH} positives"
    wide = [name for name, verdict in verdicts.items() if verdict is Verdict.UNDECIDED]
    return verdicts, f"the interval of {', '.join(wide)} is too wide" if wide else ""


def _few_conversations(labels: Vector, conversations: Places) -> str:
    """Why nothing is decided where all rows of a kind are of one conversation: no resample then says how it might differ."""
    for kind, value in (("positives", 1), ("negatives", 0)):
        if 0 < len(np.unique(conversations[labels == value])) < FEWEST:
            return f"all {kind} are of one conversation"
    return ""


def _shared(ours: Cut, theirs: Cut) -> tuple[Cut, Cut]:
    _, at, by = np.intersect1d(ours.places, theirs.places, assume_unique=True, return_indices=True)
    return (
        Cut(ours.places[at], ours.labels[at], ours.scores[at], ours.missing),
        Cut(theirs.places[by], theirs.labels[by], theirs.scores[by], theirs.missing),
    )


def _less(one: Figures, two: Figures) -> Figures:
    def differences(weights: Vector | None) -> list[float]:
        return [a - b for a, b in zip(one(weights), two(weights), strict=True)]

    return differences


def _points(
    signal: str,
    table: Table,
    ours: Cut,
    theirs: Cut,
    thresholds: tuple[Mapping[str, float], Mapping[str, float]],
    rate: float,
) -> tuple[Point, ...]:
    labels = ours.positive
    if not labels.any() or labels.all():
        return ()
    kept = tuple(threshold_at_false_positives(Ranking(labels, own.scores).curve(), rate) for own in (ours, theirs))
    asked = [(f"{100 * rate:g}% of the negatives", (kept[0], kept[1]))]
    if signal in thresholds[0] and signal in thresholds[1]:
        asked.insert(0, ("each model's threshold", (thresholds[0][signal], thresholds[1][signal])))
    points = []
    for at, (mine, other) in asked:
        flagged, others, positive = ours.scores >= mine, theirs.scores >= other, labels == 1
        lost = ours.places[positive & ~flagged & others]
        points.append(
            Point(
                at,
                (mine, other),
                discordance(flagged[positive], others[positive]),
                discordance(~flagged[~positive], ~others[~positive]),
                tuple(table.rows[place].id for place in lost[:_LISTED]),
            )
        )
    return tuple(points)
