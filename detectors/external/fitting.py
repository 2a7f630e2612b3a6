"""A pack's calibration, fitted to labelled rows."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from ruamel.yaml import YAML

from detectors.evaluation.answering import Answering
from detectors.evaluation.answers import items_of, told
from detectors.evaluation.measures import (
    Bins,
    Ranking,
    Vector,
    area_under_roc,
    best_f1_threshold,
    expected_calibration_error,
    threshold_at_false_positives,
)
from detectors.evaluation.rows import Row
from detectors.external.calibration import Sigmoid, logit
from detectors.external.pack import Pack
from detectors.external.tier import ExternalTier
from detectors.language import identify
from detectors.scorer.tiers import Stack
from detectors.training.fit import LEAST, platt

__all__ = ["Fit", "Fitted", "fit", "written"]

_BATCH: Final = 64
_FALSE_POSITIVES: Final = 0.01
_BOUNDS: Final = (0.02, 0.98)


@dataclass(frozen=True, slots=True)
class Fitted:
    """``auroc``: of the model as it is. ``ece``: calibration error of each half of the rows by the other half's calibration;
    ``None`` where a half has too few positives or negatives. ``raw_ece``: of the model as it is."""

    calibration: Sigmoid
    threshold: float
    auroc: float
    ece: float | None
    raw_ece: float


@dataclass(frozen=True, slots=True)
class Fit:
    """One signal. ``found`` is ``None`` where there are too few rows of either kind."""

    signal: str
    rows: int
    positives: int
    found: Fitted | None


def fit(tier: ExternalTier, rows: Sequence[Row], *, prevalence: float | None = None) -> list[Fit]:
    """A calibration for each of the tier's signals, in the pack's order. ``prevalence``: the share of texts that have a
    signal where it will be used; by default as in ``rows``.

    A threshold is where one in a hundred negatives is flagged; an emotion's is where F1 is highest. Raises
    :class:`~detectors.evaluation.errors.AnswersFailed` where the model fails on rows.
    """
    said = _said(tier.uncalibrated(), rows)
    return [_fitted(name, rows, said, prevalence) for name in tier.pack.spec.signals]


def _said(tier: ExternalTier, rows: Sequence[Row]) -> list[Mapping[str, float]]:
    """What the tier says of each row, asked as in a conversation: nothing in a language that its pack has not."""
    answering = Answering(Stack([tier], identify))
    found: list[Mapping[str, float]] = []
    for start in range(0, len(rows), _BATCH):
        asked = [(row.id, items_of(row)) for row in rows[start : start + _BATCH]]
        found += [told(items, own) for (_, items), own in zip(asked, answering.score(asked), strict=True)]
    answering.check()
    return found


def _fitted(name: str, rows: Sequence[Row], said: Sequence[Mapping[str, float]], prevalence: float | None) -> Fit:
    own = [(row, values[name]) for row, values in zip(rows, said, strict=True) if name in row.labels and name in values]
    labels = np.array([float(row.labels[name] >= 0.5) for row, _ in own])
    raw = np.array([value for _, value in own])
    positives = int(labels.sum())
    if min(positives, len(own) - positives) < LEAST:
        return Fit(name, len(own), positives, None)
    odds = np.array([logit(value) for value in raw])
    weights = _weights(labels, prevalence)
    calibration = _sigmoid(labels, odds, weights)
    values = np.array([calibration.probability(value) for value in raw])
    curve = Ranking(labels, values).curve()
    emotion = name.startswith("emotion.")
    threshold = best_f1_threshold(curve) if emotion else threshold_at_false_positives(curve, _FALSE_POSITIVES)
    half = np.array([hashlib.sha256(row.conversation.encode()).digest()[0] % 2 == 0 for row, _ in own])
    return Fit(
        name,
        len(own),
        positives,
        Fitted(
            calibration,
            round(min(max(threshold, _BOUNDS[0]), _BOUNDS[1]), 4),
            round(area_under_roc(curve), 4),
            _crossed(labels, raw, odds, weights, half),
            round(expected_calibration_error(Bins(labels, raw), weights), 4),
        ),
    )


def _sigmoid(labels: Vector, odds: Vector, weights: Vector) -> Sigmoid:
    found = platt(labels, odds, weights)
    return Sigmoid(round(found.slope, 5), round(found.offset, 5))


def _weights(labels: Vector, prevalence: float | None) -> Vector:
    """Weights under which that share of the rows is positive, their sum as it was."""
    share = float(labels.mean())
    if prevalence is None:
        return np.ones_like(labels)
    return np.where(labels > 0, prevalence / share, (1 - prevalence) / (1 - share))


def _crossed(labels: Vector, raw: Vector, odds: Vector, weights: Vector, half: Any) -> float | None:
    values = np.full(len(labels), math.nan)
    for own, other in ((half, ~half), (~half, half)):
        hits = labels[other] >= 0.5
        if not own.any() or min(hits.sum(), (~hits).sum()) < LEAST // 2:
            return None
        calibration = _sigmoid(labels[other], odds[other], weights[other])
        values[own] = [calibration.probability(float(value)) for value in raw[own]]
    return round(expected_calibration_error(Bins(labels, values), weights), 4)


def written(pack: Pack, fits: Sequence[Fit], target: Path) -> str:
    """The pack's YAML with the calibrations and thresholds of ``fits``, all else as it stands, comments too. ``target``: the
    file that it is for, from which a folder's path then starts."""
    yaml = YAML(typ="rt")
    yaml.width = 120
    yaml.preserve_quotes = True
    found: Any = yaml.load(pack.file.read_text("utf-8"))
    for one in fits:
        if one.found is None:
            continue
        entry = found["signals"][one.signal]
        if not isinstance(entry, dict):
            entry = found["signals"][one.signal] = {"labels": [entry] if isinstance(entry, str) else entry}
        entry["calibration"] = {"slope": one.found.calibration.slope, "offset": one.found.calibration.offset}
        entry["threshold"] = one.found.threshold
    folder = pack.spec.model.folder
    if folder is not None and not Path(folder).expanduser().is_absolute() and target.parent.absolute() != _home(pack):
        found["model"]["folder"] = os.path.relpath(_home(pack) / folder, target.parent.absolute())
    out = StringIO()
    yaml.dump(found, out)
    return out.getvalue()


def _home(pack: Pack) -> Path:
    return pack.file.parent.absolute()
