"""Calibration and thresholds of a trained model, from the validation split. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.encoder.backend import Logits
from detectors.encoder.heads import HEADS
from detectors.encoder.manifest import Calibration, Head
from detectors.evaluation.measures import (
    Bins,
    Ranking,
    Vector,
    area_under_roc,
    best_f1_threshold,
    expected_calibration_error,
    threshold_at_false_positives,
)
from detectors.training.example import Example

__all__ = ["LEAST", "Fitted", "fit", "platt"]

LEAST: Final = 6
"""Positives and negatives that validation must have of a signal, else it is left to the lexicon tier."""

_FALSE_POSITIVES: Final = 0.01
_BOUNDS: Final = (0.02, 0.98)
_MARGIN: Final = 0.01  # by so much the lexicon's AUROC must be the higher one for its word to stand
_ROUNDS: Final = 60


@dataclass(frozen=True, slots=True)
class Fitted:
    """``heads``: what is served. ``left``: by signal, why it is not."""

    heads: tuple[Head, ...]
    left: Mapping[str, str]


def platt(labels: Vector, logits: Vector) -> Calibration:
    """Slope and offset of the likeliest sigmoid (Platt 1999, with his smoothed targets), found by Newton's method.

    ``labels`` may lie between 0 and 1. The slope is at least 0.05: a calibration never turns an order round.
    """
    positives, negatives = float(labels.sum()), float((1 - labels).sum())
    high, low = (positives + 1) / (positives + 2), 1 / (negatives + 2)
    targets = low + (high - low) * labels
    slope, offset = 1.0, math.log((positives + 1) / (negatives + 1))
    last = math.inf
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-np.clip(slope * logits + offset, -40, 40)))
        w = p * (1 - p) + 1e-12
        residual = p - targets
        gradient = np.array([float(residual @ logits), float(residual.sum())])
        hessian = np.array([[float(w @ (logits * logits)), float(w @ logits)], [float(w @ logits), float(w.sum())]])
        step = np.linalg.solve(hessian + np.eye(2) * 1e-6, gradient)
        size = float(np.abs(step).max())
        step = step / max(1.0, size)
        slope, offset = slope - float(step[0]), offset - float(step[1])
        if size < 1e-8 or (size >= last and size < 1e-6):
            break
        last = size
    return Calibration(max(slope, 0.05), offset)


def fit(
    examples: Sequence[Example],
    logits: Logits,
    lexicon: Sequence[Mapping[str, float]],
) -> Fitted:
    """Heads with calibration and threshold. ``logits``: the served model's, ``[examples, outputs]``; ``lexicon``: what that
    tier says of the same examples, so that a head that is worse than it is left out.

    A threshold is where one in a hundred negatives is flagged; an emotion's is where F1 is highest.
    """
    heads: list[Head] = []
    left: dict[str, str] = {}
    for column, name in enumerate(HEADS):
        places = [at for at, example in enumerate(examples) if name in example.labels]
        soft = np.array([examples[at].labels[name] for at in places], dtype=np.float64)
        labels = (soft >= 0.5).astype(np.float64)
        if min(labels.sum(), (1 - labels).sum()) < LEAST:
            left[name] = f"{int(labels.sum())} positives and {int((1 - labels).sum())} negatives to check it with"
            continue
        own = logits[places, column].astype(np.float64)
        area = area_under_roc(Ranking(labels, own).curve())
        if all(name in lexicon[at] for at in places):
            words = np.array([lexicon[at][name] for at in places])
            other = area_under_roc(Ranking(labels, words).curve())
            if other > area + _MARGIN:
                left[name] = f"AUROC {area:.3f} on validation, the lexicon's {other:.3f}"
                continue
        calibration = platt(soft, own)
        values = _probabilities(calibration, own)
        curve = Ranking(labels, values).curve()
        emotion = name.startswith("emotion.")
        threshold = best_f1_threshold(curve) if emotion else threshold_at_false_positives(curve, _FALSE_POSITIVES)
        threshold = min(max(threshold, _BOUNDS[0]), _BOUNDS[1])
        groups = [f"{examples[at].source}/{examples[at].group}" for at in places]
        heads.append(Head(name, column, round(threshold, 4), _rounded(calibration), _crossed(soft, own, groups)))
    return Fitted(tuple(heads), left)


def _probabilities(calibration: Calibration, logits: Vector) -> Vector:
    return np.array([calibration.probability(float(logit)) for logit in logits])


def _rounded(calibration: Calibration) -> Calibration:
    return Calibration(round(calibration.slope, 5), round(calibration.offset, 5))


def _crossed(labels: Vector, logits: Vector, groups: Sequence[str]) -> float | None:
    """Calibration error on each half by the other half's calibration; halves never part a group."""
    half = np.array([hashlib.sha256(group.encode()).digest()[0] % 2 for group in groups])
    values = np.full(len(labels), np.nan)
    for side in (0, 1):
        own, other = half == side, half != side
        hits = labels[other] >= 0.5
        if not own.any() or min(hits.sum(), (~hits).sum()) < LEAST // 2:
            return None
        values[own] = _probabilities(platt(labels[other], logits[other]), logits[own])
    return round(expected_calibration_error(Bins(labels, values)), 4)
