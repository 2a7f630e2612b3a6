"""How well a model does on the test split: the questions of its card, and every signal in every slice. Pure."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np

from detectors.evaluation.intervals import Estimate, estimate, resamples
from detectors.evaluation.macro import cross_fitted_macro_f1
from detectors.evaluation.measures import Vector
from detectors.evaluation.rows import Row
from detectors.evaluation.study import Finding, Scored, study
from detectors.signals import EMOTIONS, Side
from detectors.training.example import Example
from detectors.training.ship import row_of

__all__ = ["CORPUS", "Figures", "Pairs", "figures", "unseen"]

CORPUS: Final = "corpus"
_DEATH: Final = re.compile(r"\b(?:kill|die|dying|dead|death|suicid|murder|hang|shoot|drown)", re.IGNORECASE)
_COMPANION: Final = ("companion.sycophancy", "companion.anthropomorphism", "companion.isolation", "companion.retention")
_CRISIS: Final = "risk.suicide"
_REFUSAL: Final = "refusal.any"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Of ``pairs`` of replies to one turn, the share that has the companionship-reinforcing one above the plain one, by the
    highest of ``companion.*``; ties count half."""

    pairs: int
    situations: int
    ordered: Estimate


@dataclass(frozen=True, slots=True)
class Figures:
    """One scorer's figures. ``crisis``: the corpus's crisis turns against public everyday talk; ``neighbours``: against the
    corpus's own other turns. ``later_*``: in the corpus's editions after the first alone. ``idioms``: figures of speech with
    words of death, and how many reach the threshold. ``emotions``: macro-F1 on GoEmotions' development comments over
    ``categories`` with a head."""

    crisis: Finding
    neighbours: Finding
    idioms: tuple[int, int]
    refusals: Finding
    pairs: Pairs
    later_refusals: Finding | None
    later_pairs: Pairs
    emotions: float
    categories: int
    findings: tuple[Finding, ...]


def unseen(test: Sequence[Example]) -> list[tuple[Example, Row]]:
    """The examples of situations that trained nothing, as rows; slices tell seen voices from unseen ones."""
    found = []
    for at, example in enumerate(test):
        if "situation seen" in example.slices:
            continue
        slices = [example.source]
        if example.source == CORPUS:
            slices.append("corpus, voice unseen" if "voice unseen" in example.slices else "corpus, voice seen")
            if example.edition > 1:
                slices.append(f"corpus, edition {example.edition}")
        found.append((example, replace(row_of(example, at), slices=tuple(slices))))
    return found


def figures(
    of: Sequence[tuple[Example, Row]], scores: Scored, thresholds: Mapping[str, float], served: Sequence[str]
) -> Figures:
    """All figures of one scorer on what :func:`unseen` gave. ``served``: signals that have a head."""
    rows = [row for _, row in of]
    crisis = [row for example, row in of if _crisis(example) or (example.source != CORPUS and example.side is Side.USER)]
    emotions = [row for example, row in of if example.source == "goemotions_dev"]
    names = [f"emotion.{name}" for name in EMOTIONS if f"emotion.{name}" in served]
    macro = cross_fitted_macro_f1(emotions, scores, names)[0] if emotions and names else math.nan
    later = [(example, row) for example, row in of if example.edition > 1]
    of_corpus = [row for example, row in of if example.source == CORPUS]
    return Figures(
        crisis=_one(crisis, _CRISIS, scores, thresholds),
        neighbours=_one(of_corpus, _CRISIS, scores, thresholds),
        idioms=_idioms(of, scores, thresholds),
        refusals=_one(of_corpus, _REFUSAL, scores, thresholds),
        pairs=_pairs(of, scores),
        later_refusals=_one([row for _, row in later], _REFUSAL, scores, thresholds) if later else None,
        later_pairs=_pairs(later, scores),
        emotions=macro,
        categories=len(names),
        findings=tuple(study(rows, scores, thresholds)),
    )


def _crisis(example: Example) -> bool:
    return example.source == CORPUS and example.labels.get(_CRISIS, 0.0) >= 0.5


def _one(rows: Sequence[Row], signal: str, scores: Scored, thresholds: Mapping[str, float]) -> Finding:
    chosen = [replace(row, labels={signal: row.labels[signal]}, slices=()) for row in rows if signal in row.labels]
    return study(chosen, scores, thresholds)[0]


def _idioms(of: Sequence[tuple[Example, Row]], scores: Scored, thresholds: Mapping[str, float]) -> tuple[int, int]:
    rows = [
        row
        for example, row in of
        if example.source == CORPUS
        and example.labels.get("context.figurative", 0.0) >= 0.5
        and example.labels.get(_CRISIS, 0.0) < 0.5
        and _DEATH.search(example.text)
    ]
    flagged = sum(scores.get(row.id, {}).get(_CRISIS, 0.0) >= thresholds.get(_CRISIS, 0.5) for row in rows)
    return len(rows), flagged


def _pairs(of: Sequence[tuple[Example, Row]], scores: Scored) -> Pairs:
    by_turn: dict[tuple[str, tuple[str, ...]], tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for example, row in of:
        if example.source != CORPUS or example.side is not Side.REPLY or not all(n in example.labels for n in _COMPANION):
            continue
        highest = max(scores.get(row.id, {}).get(name, 0.0) for name in _COMPANION)
        reinforcing = any(example.labels[name] >= 0.5 for name in _COMPANION)
        by_turn[example.group, tuple(turn.text for turn in example.context)][0 if reinforcing else 1].append(highest)
    won: list[float] = []
    situations: list[str] = []
    for (group, _), (upper, lower) in by_turn.items():
        for high, low in product(upper, lower):
            won.append(1.0 if high > low else 0.5 if high == low else 0.0)
            situations.append(group)
    outcome = np.array(won)

    def share(weights: Vector | None) -> list[float]:
        if not len(outcome):
            return [math.nan]
        return [float(outcome.mean() if weights is None else np.average(outcome, weights=weights))]

    (ordered,) = estimate(share, resamples(situations) if situations else [])
    return Pairs(len(outcome), len(set(situations)), ordered)
