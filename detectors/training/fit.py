"""Calibration and thresholds of a trained model, from the validation split. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.encoder.heads import HEADS
from detectors.encoder.manifest import Calibration, Head
from detectors.evaluation.measures import (
    Bins,
    Curve,
    Ranking,
    Vector,
    area_under_roc,
    best_f1_threshold,
    expected_calibration_error,
    threshold_at_false_positives,
)
from detectors.passages import mean
from detectors.scorer.explicit import lifted
from detectors.signals import SIGNALS, Side
from detectors.training.example import Example
from detectors.training.served import Answers

__all__ = ["LEAST", "PREVALENCE", "Fitted", "fit", "platt"]

LEAST: Final = 6
"""Positives and negatives that validation must have of a signal, else it is left to the lexicon tier."""

_FALSE_POSITIVES: Final = 0.01
_BOUNDS: Final = (0.02, 0.98)
_BANDS: Final = (0.01, 0.003, 0.001)
_SHOWN: Final = 3.0  # none of n shows at most 3/n (Hanley and Lippman-Hand 1983)
PREVALENCE: Final[Mapping[Side, float]] = {Side.USER: 0.03, Side.REPLY: 0.05}
"""What share of texts a signal is at least calibrated for: a probability that was right for one everyday turn in a thousand
would never come near the numbers that policies are written in."""

_ACTED_ON: Final = ("risk.", "concern.", "warning.", "abuse.", "violence.", "context.", "harm.", "companion.")
_ACTING: Final = 0.5
_ACTING_EARLIER: Final = {
    "risk.suicide_ge4": 0.45, "risk.suicide_ge5": 0.42, "risk.suicide_behaviour": 0.45, "risk.suicide_high": 0.45,
    "risk.suicide_imminent": 0.4, "risk.emergency_now": 0.45,
}  # fmt: skip
"""From which value the shipped policies act on a signal: :data:`_ACTING`, and earlier the graver it is."""

_ROOM: Final = 12.0  # by how much an offset may be lowered
_HALVINGS: Final = 20
_FINE: Final = 10**5  # of a number in the manifest


@dataclass(frozen=True, slots=True)
class _Budget:
    """How many negatives may reach the value from which policies act: of those of everyday sources, and of the corpus's own,
    which are look-alikes and neighbours."""

    everyday: float
    near: float


_ACTED: Final = _Budget(0.002, 0.02)
_CALLED: Final = dict.fromkeys(
    (
        "risk.suicide_ge4", "risk.suicide_ge5", "risk.suicide_behaviour", "risk.suicide_high", "risk.method_seeking",
        "risk.means_information", "risk.command_voices", "risk.caregiver_harm", "abuse.danger_now", "violence.intent",
    ),
    _Budget(0.001, 0.01),
)  # fmt: skip
"""Signals of which one value alone calls a person within hours."""

_PAGED: Final = dict.fromkeys(
    ("risk.emergency_now", "risk.suicide_imminent", "risk.overdose_or_withdrawal", "risk.medical_emergency"),
    _Budget(0.0004, 0.01),
)
"""Signals of which one value alone pages somebody at once."""

_ANSWERED: Final = dict.fromkeys(("answer.affirm", "answer.deny", "answer.declines"), _Budget(0.03, 0.03))
"""What a question is closed by: a yes taken for a no lets somebody go."""

_BUDGETS: Final = {**_CALLED, **_PAGED, **_ANSWERED}
_NEAR: Final = "corpus"
_RISKS: Final = ("risk.", "violence.", "abuse.")
_EVERYDAY: Final = frozenset(("goemotions", "topical_chat", "synthetic_persona_chat"))
_MARGIN: Final = 0.01  # by so much the lexicon's AUROC must be the higher one for its word to stand
_ROUNDS: Final = 80
_RIDGE: Final = 0.5  # holds factors back where little was seen


@dataclass(frozen=True, slots=True)
class Fitted:
    """``heads``: what is served. ``left``: by signal, why it is not."""

    heads: tuple[Head, ...]
    left: Mapping[str, str]


def platt(labels: Vector, logits: Vector, weights: Vector | None = None, words: Vector | None = None) -> Calibration:
    """The likeliest sigmoid (Platt 1999, with his smoothed targets), found by Newton's method.

    ``labels`` may lie between 0 and 1; ``weights``: what each row counts, 1 by default; ``words``: the lexicon's probability
    as a second feature, whose factor is never below 0. The slope is at least 0.05: a calibration never turns an order round.
    """
    positives, negatives = float(labels.sum()), float((1 - labels).sum())
    high, low = (positives + 1) / (positives + 2), 1 / (negatives + 2)
    targets = low + (high - low) * labels
    mass = np.ones_like(logits) if weights is None else weights
    columns = [logits, np.ones_like(logits)] if words is None else [logits, np.ones_like(logits), words]
    features = np.stack(columns, axis=1)
    ridge = np.diag([_RIDGE, 1e-6, _RIDGE][: len(columns)])
    found = np.array([1.0, math.log((positives + 1) / (negatives + 1)), 1.0][: len(columns)])
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-np.clip(features @ found, -40, 40)))
        gradient = features.T @ (mass * (p - targets)) + ridge @ found
        hessian = (features * (mass * (p * (1 - p) + 1e-12))[:, None]).T @ features + ridge
        step = np.linalg.solve(hessian, gradient)
        size = float(np.abs(step).max())
        found = found - step / max(1.0, size)
        if size < 1e-8:
            break
    if words is not None and found[2] <= 0:
        return platt(labels, logits, weights)
    return Calibration(max(float(found[0]), 0.05), float(found[1]), float(found[2]) if words is not None else 0.0)


def fit(
    examples: Sequence[Example],
    answers: Answers,
    lexicon: Sequence[Mapping[str, float]],
) -> Fitted:
    """Heads with calibration and threshold. ``answers``: the served model's; ``lexicon``: what that tier says of the same
    examples, so that a head that is worse than it is left out. What a reply shows in its passages and as a whole has a
    calibration for each, and a threshold on both together.

    Calibration is for a mixture in which a signal is as frequent as in ``examples``, and at least :data:`PREVALENCE`; where
    more than few negatives would reach the value from which policies act, it is lower throughout. A threshold is where one
    in a hundred negatives is flagged; an emotion's is where F1 is highest.
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
        words = np.array([lexicon[at].get(name, 0.0) for at in places])
        weights = _weights(labels, PREVALENCE[SIGNALS[name].side])
        # Most everyday texts with a word of pain or death say nothing of a risk, and are just what it is taken for.
        others = [at for at, each in enumerate(examples) if _is_everyday(each, name)]
        without = [*(at for at, label in zip(places, labels, strict=True) if not label), *others]
        near = np.array([examples[at].source == _NEAR for at in without])
        readings = []
        said, unsaid = [lexicon[at] for at in places], [lexicon[at] for at in without]
        quiet: list[_Reading] = []  # the same of texts that have no such thing
        for logits in _readings(name, answers):
            calibration = platt(soft, logits[places, column], weights, words if words.any() else None)
            if name.startswith(_ACTED_ON) or name in _BUDGETS:
                calibration = _held(name, quiet, _Reading(calibration, logits[without, column]), unsaid, near)
            quiet.append(_Reading(calibration, logits[without, column]))
            readings.append(_Reading(calibration, logits[places, column]))
        values = _values(name, readings, said)
        if all(name in lexicon[at] for at in places):
            area, other = (area_under_roc(Ranking(labels, each).curve()) for each in (values, words))
            if other > area + _MARGIN:
                left[name] = f"AUROC {area:.3f} on validation, the lexicon's {other:.3f}"
                continue
        curve = Ranking(labels, values).curve()
        emotion = name.startswith("emotion.")
        threshold = best_f1_threshold(curve) if emotion else threshold_at_false_positives(curve, _FALSE_POSITIVES)
        threshold = min(max(threshold, _BOUNDS[0]), _BOUNDS[1])
        groups = [f"{examples[at].source}/{examples[at].group}" for at in places]
        ece = _crossed(name, soft, readings, said, weights, groups)
        calibration, *whole = (_rounded(each.calibration) for each in readings)
        heads.append(Head(name, column, round(threshold, 4), calibration, ece, _bands(curve), *whole))
    return Fitted(tuple(heads), left)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading of texts: its calibration and its logits."""

    calibration: Calibration
    logits: Vector


def _readings(name: str, answers: Answers) -> Iterator[NDArray[np.float64]]:
    """The logits of each reading that ``name`` has, ``[examples, outputs]``."""
    yield answers.parts.astype(np.float64)
    if SIGNALS[name].side is Side.REPLY and not SIGNALS[name].whole:
        yield answers.whole.astype(np.float64)


def _values(name: str, readings: Sequence[_Reading], said: Sequence[Mapping[str, float]]) -> Vector:
    """What a reader of the scores gets. ``said``: the lexicon's word beside each reading; it says the same of a whole reply
    as of its passages."""
    first, *others = (_served(name, each.calibration, each.logits, said) for each in readings)
    return np.array([mean(*both) for both in zip(first, others[0], strict=True)]) if others else first


def _is_everyday(example: Example, name: str) -> bool:
    """Whether it is everyday talk of which nobody said that the risk ``name`` is there or not: for a budget it is not."""
    theirs = example.source in _EVERYDAY and example.side is SIGNALS[name].side
    return name.startswith(_RISKS) and theirs and name not in example.labels


def _held(
    name: str, first: Sequence[_Reading], own: _Reading, said: Sequence[Mapping[str, float]], near: NDArray[np.bool_]
) -> Calibration:
    """The calibration of ``own``, with an offset so low that no more of these texts, none with the signal, reach the value
    from which policies act than its budget has: of everyday ones and of the corpus's look-alikes (``near``) each. ``first``:
    readings that it is taken together with. What the lexicon alone decides is not held."""
    budget, acting = _BUDGETS.get(name, _ACTED), _ACTING_EARLIER.get(name, _ACTING)
    reach = _values(name, [*first, own], said) >= acting
    reach &= np.array([lifted(name, 0.0, words) < acting for words in said], dtype=bool)
    places = np.flatnonzero(reach).tolist()
    words, is_near = [said[at] for at in places], near[places]
    fixed = [_Reading(each.calibration, each.logits[places]) for each in first]
    allowed = [(among, int(size * most)) for among, size, most in (
        (~is_near, (~near).sum(), budget.everyday), (is_near, near.sum(), budget.near)
    ) if size * most >= 1]  # fewer show nothing  # fmt: skip

    def fits(lowered: float) -> bool:
        lower = replace(own.calibration, offset=own.calibration.offset - lowered)
        values = _values(name, [*fixed, _Reading(lower, own.logits[places])], words) >= acting
        return all(int((values & among).sum()) <= most for among, most in allowed)

    if fits(0.0):
        return own.calibration
    little, much = 0.0, _ROOM
    for _ in range(_HALVINGS):
        middle = (little + much) / 2
        little, much = (little, middle) if fits(middle) else (middle, much)
    return replace(own.calibration, offset=math.floor((own.calibration.offset - much) * _FINE) / _FINE)


def _bands(curve: Curve) -> dict[str, float | None]:
    """By share of false positives, the value from which no more of the negatives are flagged; ``None`` where so few of them
    cannot show that."""
    negatives = float(curve.negatives[-1])
    return {
        f"{rate:g}": round(min(threshold_at_false_positives(curve, rate), 1.0), 4) if negatives * rate >= _SHOWN else None
        for rate in _BANDS
    }


def _served(name: str, calibration: Calibration, logits: Vector, said: Sequence[Mapping[str, float]]) -> Vector:
    """The calibrated probability of one reading, raised by an explicit word of the lexicon."""
    return np.array(
        [
            lifted(name, calibration.probability(float(logit), words.get(name, 0.0)), words)
            for logit, words in zip(logits, said, strict=True)
        ]
    )


def _weights(labels: Vector, least: float) -> Vector:
    """Weights under which at least ``least`` of the rows are positive, their sum as it was."""
    share = float(labels.mean())
    if share >= least:
        return np.ones_like(labels)
    return np.where(labels > 0, least / share, (1 - least) / (1 - share))


def _rounded(calibration: Calibration) -> Calibration:
    return Calibration(round(calibration.slope, 5), round(calibration.offset, 5), round(calibration.words, 5))


def _crossed(
    name: str,
    labels: Vector,
    readings: Sequence[_Reading],
    said: Sequence[Mapping[str, float]],
    weights: Vector,
    groups: Sequence[str],
) -> float | None:
    """Calibration error on each half by the other half's calibration; halves never part a group."""
    half = np.array([hashlib.sha256(group.encode()).digest()[0] % 2 for group in groups])
    words = np.array([own.get(name, 0.0) for own in said])
    values = np.full(len(labels), np.nan)
    for side in (0, 1):
        own, other = half == side, half != side
        hits = labels[other] >= 0.5
        if not own.any() or min(hits.sum(), (~hits).sum()) < LEAST // 2:
            return None
        known = words[other] if words[other].any() else None
        halves = [
            _Reading(platt(labels[other], each.logits[other], weights[other], known), each.logits[own]) for each in readings
        ]
        values[own] = _values(name, halves, [told for told, mine in zip(said, own, strict=True) if mine])
    return round(expected_calibration_error(Bins(labels, values), weights), 4)
