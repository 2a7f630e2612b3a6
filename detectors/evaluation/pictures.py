"""Pictures of an evaluation: recall over false positives, precision over recall, calibration, slices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.evaluation.axes import COLOURS, Axes, Scale
from detectors.evaluation.command import Evaluation
from detectors.evaluation.intervals import Resamples, estimate, resamples
from detectors.evaluation.measures import Bins, Curve, Ranking, Vector
from detectors.evaluation.slices import natural
from detectors.evaluation.study import ALL, Finding
from detectors.evaluation.table import Cut, Table
from detectors.signals import SIGNALS, Kind

__all__ = ["Picture", "draw"]

_GREY: Final = "#9aa5ad"
_BANDED: Final = 200  # resamples of a curve's band
_LOW: Final = 1e-4  # the lowest share of false positives that is drawn
_FALSE: Final = np.logspace(math.log10(_LOW), 0, 81)
_RECALL: Final = np.linspace(0.02, 1.0, 50)
_SHARE: Final = Scale(0, 1, (0, 0.25, 0.5, 0.75, 1))
_RATES: Final = Scale(_LOW, 1, (0.0001, 0.001, 0.01, 0.1, 1), log=True, percent=True)
_MOST_SLICES: Final = 40
_ROW: Final = 19  # pixels of a slice


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: which signal, what it shows, and its SVG."""

    signal: str
    kind: str
    svg: str

    @property
    def file(self) -> str:
        """A name for a file of it."""
        return f"{self.signal.replace('*', 'any')}.{self.kind}.svg"


def draw(found: Evaluation) -> list[Picture]:
    """The pictures of every signal that has positives and negatives to tell apart."""
    made: list[Picture] = []
    for signal in found.table.labels:
        if signal in SIGNALS and SIGNALS[signal].kind is not Kind.PROBABILITY:
            continue
        cut = found.table.cut(signal)
        if not Ranking(cut.positive, cut.scores).curve().told:
            continue
        shown = [(found.model, found.table, cut)]
        if found.other is not None and found.against is not None:
            shown.append((found.against, found.other, found.other.cut(signal)))
        threshold = found.thresholds.get(signal)
        made.append(Picture(signal, "roc", _roc(signal, shown, threshold)))
        made.append(Picture(signal, "precision", _precision(signal, shown)))
        made.append(Picture(signal, "calibration", _calibration(signal, found.table, cut)))
        slices = [one for one in found.findings if one.signal == signal]
        if any(one.slice != ALL for one in slices):
            made.append(Picture(signal, "slices", _slices(signal, slices)))
    return made


def _counts(cut: Cut) -> str:
    positives = int(cut.positive.sum())
    return f"{positives:,} positives, {len(cut.places) - positives:,} negatives"


def _curves(axes: Axes, shown: Sequence[tuple[str, Table, Cut]], at: Vector, heights: Callable[[Curve], Vector]) -> None:
    """A line for each model, and a 95% band."""
    for (name, table, cut), colour in zip(shown, COLOURS, strict=False):
        ranking = Ranking(cut.positive, cut.scores)

        def along(weights: Vector | None, ranking: Ranking = ranking) -> Sequence[float]:
            curve = ranking.curve(weights)
            return heights(curve).tolist() if curve.told else [math.nan] * len(at)

        found = estimate(along, _few(table, cut))
        banded = [(float(x), one) for x, one in zip(at, found, strict=True) if not math.isnan(one.low)]
        if banded:
            axes.band([(x, one.low) for x, one in banded], [(x, one.high) for x, one in banded], colour)
        axes.line([(float(x), one.value) for x, one in zip(at, found, strict=True)], colour, name=name)


def _few(table: Table, cut: Cut) -> Resamples:
    return resamples(table.conversations[cut.places], _BANDED)


def _roc(signal: str, shown: Sequence[tuple[str, Table, Cut]], threshold: float | None) -> str:
    cut = shown[0][2]
    negatives = len(cut.places) - int(cut.positive.sum())
    axes = Axes(
        f"{signal}: recall over false positives", f"{_counts(cut)}; 95% band; circle: at the threshold", _RATES, _SHARE,
        "false positives, of the negatives", "recall",
    )  # fmt: skip
    if _LOW < 3 / negatives < 1:
        axes.line([(3 / negatives, 0), (3 / negatives, 1)], _GREY, dashed=True)
        axes.text((3 / negatives, 0.97), "3 / negatives")

    def recall(curve: Curve) -> Vector:
        false = curve.negatives / curve.negatives[-1]
        at = np.searchsorted(false, _FALSE, side="right") - 1
        found: Vector = np.where(at >= 0, curve.positives[np.maximum(at, 0)] / curve.positives[-1], 0.0)
        return found

    _curves(axes, shown, _FALSE, recall)
    if threshold is not None:
        flagged, positive = cut.scores >= threshold, cut.positive == 1
        axes.dot((float(flagged[~positive].mean()), float(flagged[positive].mean())), COLOURS[0], size=4, hollow=True)
    return axes.svg()


def _precision(signal: str, shown: Sequence[tuple[str, Table, Cut]]) -> str:
    cut = shown[0][2]
    axes = Axes(
        f"{signal}: precision over recall", f"{_counts(cut)}; precision falls with the share of positives", _SHARE, _SHARE,
        "recall", "precision",
    )  # fmt: skip

    def precision(curve: Curve) -> Vector:
        at = np.minimum(np.searchsorted(curve.positives / curve.positives[-1], _RECALL - 1e-12), len(curve.scores) - 1)
        found: Vector = curve.positives[at] / (curve.positives[at] + curve.negatives[at])
        return found

    _curves(axes, shown, _RECALL, precision)
    return axes.svg()


def _calibration(signal: str, table: Table, cut: Cut) -> str:
    bins = Bins(cut.positive, cut.scores, 10)
    rows = bins.table()
    axes = Axes(
        f"{signal}: calibration", f"{_counts(cut)}; columns: share of rows; hollow: fewer than 50 rows", _SHARE, _SHARE,
        "score", "share of positives",
    )  # fmt: skip
    for mean, _, count in rows:
        axes.bar(min(math.floor(mean * 10), 9) / 10, 0.1, count / len(cut.places), _GREY)
    axes.line([(0, 0), (1, 1)], _GREY, dashed=True)
    places = [min(math.floor(mean * 10), 9) for mean, _, _ in rows]

    def shares(weights: Vector | None) -> list[float]:
        own = {min(math.floor(mean * 10), 9): share for mean, share, _ in bins.table(weights)}
        return [own.get(place, math.nan) for place in places]

    for (mean, _, count), share in zip(rows, estimate(shares, _few(table, cut)), strict=True):
        if not math.isnan(share.low):
            axes.line([(mean, share.low), (mean, share.high)], COLOURS[0])
        axes.dot((mean, share.value), COLOURS[0], size=4, hollow=count < 50)
    return axes.svg()


def _slices(signal: str, findings: Sequence[Finding]) -> str:
    """Recall at the threshold with its interval, and false positives, slice by slice."""
    every = [one for one in findings if one.slice == ALL]
    shown = [one for one in findings if one.slice != ALL and (one.positives or one.rows >= 50)]
    shown = every + sorted(shown, key=lambda one: natural(one.slice))[:_MOST_SLICES]
    count = len(shown)
    axes = Axes(
        f"{signal}: slices at the threshold", "blue: recall; brown: false positives; hollow: fewer than 50 of them",
        _SHARE, Scale(0, count, tuple(count - at - 0.5 for at in range(count))), "share", "",
        width=420, height=_ROW * count, names=[f"{one.slice} ({one.positives:,} of {one.rows:,})" for one in shown],
    )  # fmt: skip
    for at, one in enumerate(shown):
        y = count - at - 0.5
        for found, colour, few, up in (
            (one.recall, COLOURS[0], one.insufficient, 0.12),
            (one.false_positives, COLOURS[1], one.rows - one.positives < 50, -0.12),
        ):
            if found is None or math.isnan(found.value):
                continue
            if not math.isnan(found.low):
                axes.line([(found.low, y + up), (found.high, y + up)], colour)
            axes.dot((found.value, y + up), colour, hollow=few)
    return axes.svg()
