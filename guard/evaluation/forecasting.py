"""Fits the forecast of a session (:mod:`guard.turns.forecast`) to the corpus's talks, and measures it on its scenes.

``python -m guard.evaluation.forecasting [--write]``: prints the figures as Markdown, and writes the weights where
``--write`` is given. What happened is read off the labels, what was known off the model's scores. The scenes train nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

import guard.turns
from detectors.batch import Worker
from detectors.contract import Item, Speaker, Utterance, context_of
from detectors.corpus.labels import Labels
from detectors.corpus.scenes import Scene, read_scenes
from detectors.evaluation.intervals import Estimate, estimate, resamples
from detectors.evaluation.measures import (
    Bins,
    Ranking,
    Vector,
    area_under_roc,
    expected_calibration_error,
    recall_at_false_positives,
)
from detectors.signals import Scores, Side
from guard.turns.forecast import FEATURES, TURNS, features
from guard.turns.questions import asked
from guard.turns.session import SessionState, UserTurn, advance, called_for, rank

__all__ = ["Fitted", "Moment", "fit", "main", "moments"]

_FILE: Final = Path(guard.turns.__path__[0]) / "forecast.json"
_START: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
_PACE: Final = timedelta(seconds=30)
_GRAVE: Final = rank("elevated")
_FOLDS: Final = 5
_PENALTIES: Final = (0.3, 1.0, 3.0, 10.0, 30.0)
_STEPS: Final = 60
_FALSE: Final = 0.1

_Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moment:
    """What was known after one turn, and whether it got worse. ``known``: :data:`~guard.turns.forecast.FEATURES`, in order.
    ``trend``: the course of distress, to compare with."""

    talk: str
    known: tuple[float, ...]
    trend: float
    worse: bool


@dataclass(frozen=True, slots=True)
class Fitted:
    """``weights``: of each feature; ``bias``: the log odds where all are 0. ``penalty``: on the squares of the weights."""

    weights: _Matrix
    bias: float
    penalty: float

    def __call__(self, known: _Matrix) -> _Matrix:
        """Probabilities, ``[moments]`` from ``[moments, features]``."""
        found: _Matrix = 1 / (1 + np.exp(-(known @ self.weights + self.bias)))
        return found


def moments(scenes: Sequence[Scene], worker: Worker) -> Iterator[Moment]:
    """One for each of the person's turns but the last three of each conversation, after which too little is known."""
    for scene in scenes:
        state, at = SessionState(), _START
        known: list[tuple[dict[str, float] | None, float]] = []
        ranks: list[int] = []
        before: list[Utterance] = []
        for turn in scene.turns:
            if turn.labels is not None:
                question = asked(before[-1].text) if before and before[-1].speaker is Speaker.ASSISTANT else None
                (told,) = worker.score([Item(Side.USER, turn.text, context_of(before), question, language="en")])
                scores, at = told.told(Side.USER), at + _PACE
                state = advance(state, UserTurn(scores, at, question=question, asked=True))
                known.append((features(state, scores), state.slope or 0.0))
                ranks.append(_called_for(turn.labels))
            before.append(Utterance(turn.speaker, turn.text))
        for place, (found, trend) in enumerate(known[:-TURNS]):
            if found is not None:
                next_turns = slice(place + 1, place + 1 + TURNS)
                worse = max(ranks[next_turns]) >= _GRAVE
                yield Moment(scene.id, tuple(found[name] for name in FEATURES), trend, worse)


def _called_for(labels: Labels) -> int:
    """The state that a turn calls for by its labels."""
    tags = {} if labels.recency is None else {"risk.suicide_behaviour": labels.recency}
    return rank(called_for(Scores.of(Side.USER, "labels@1", labels.values, tags=tags)))


def fit(of: Sequence[Moment]) -> Fitted:
    """Logistic regression, its penalty chosen by cross-validation over whole talks."""
    known, worse = _arrays(of)
    fold = _folds(of)

    def loss(penalty: float) -> float:
        total = 0.0
        for held in range(_FOLDS):
            rest = fold != held
            told = np.clip(_regression(known[rest], worse[rest], penalty)(known[~rest]), 1e-6, 1 - 1e-6)
            total -= float(np.sum(np.where(worse[~rest] > 0, np.log(told), np.log(1 - told))))
        return total

    return _regression(known, worse, min(_PENALTIES, key=loss))


def _folds(of: Sequence[Moment]) -> NDArray[np.intp]:
    """Which fifth each moment is in: all of a talk in the same."""
    fold = {talk: at % _FOLDS for at, talk in enumerate(sorted({one.talk for one in of}))}
    return np.array([fold[one.talk] for one in of], dtype=np.intp)


def _arrays(of: Sequence[Moment]) -> tuple[_Matrix, _Matrix]:
    return np.array([one.known for one in of]), np.array([float(one.worse) for one in of])


def _regression(known: _Matrix, worse: _Matrix, penalty: float) -> Fitted:
    """By Newton's method."""
    design = np.column_stack([known, np.ones(len(known))])
    damping = np.diag([penalty] * known.shape[1] + [1e-6])
    found = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        told = 1 / (1 + np.exp(-(design @ found)))
        slope = design.T @ (told - worse) + damping @ found
        step = np.linalg.solve(design.T @ (design * (told * (1 - told))[:, None]) + damping, slope)
        found -= step
        if np.abs(step).max() < 1e-9:
            break
    return Fitted(found[:-1], float(found[-1]), penalty)


def _held_out(of: Sequence[Moment]) -> _Matrix:
    """What each moment is told by a forecast that was fitted without its talk, and without a fifth of all talks."""
    known, _ = _arrays(of)
    told, fold = np.zeros(len(of)), _folds(of)
    for held in range(_FOLDS):
        out = fold == held
        told[out] = fit([one for one, is_out in zip(of, out, strict=True) if not is_out])(known[out])
    return told


def _rows(name: str, of: Sequence[Moment], told: _Matrix) -> Iterator[str]:
    _, worse = _arrays(of)
    drawn = resamples([one.talk for one in of])
    share = f"{float(worse.mean()):.2f}"
    for what, scores in (
        ("forecast", told),
        ("distress of the turn", np.array([one.known[FEATURES.index("distress")] for one in of])),
        ("course of distress", np.array([one.trend for one in of])),
    ):
        ranking = Ranking(worse, scores)

        def measured(weights: Vector | None, ranking: Ranking = ranking) -> tuple[float, float]:
            curve = ranking.curve(weights)
            return area_under_roc(curve), recall_at_false_positives(curve, _FALSE)

        area, at = estimate(measured, drawn)
        error = f"{expected_calibration_error(Bins(worse, scores)):.3f}" if what == "forecast" else "-"
        yield f"| {name} | {len(of):,} | {share} | {what} | {_shown(area)} | {_shown(at)} | {error} |"


def _shown(found: Estimate) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def main(arguments: list[str] | None = None) -> None:
    """Prints the figures; see the module."""
    parser = argparse.ArgumentParser(prog="python -m guard.evaluation.forecasting", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write the weights to {_FILE.name}")
    options = parser.parse_args(arguments)
    from detectors.scorer.process import stack_for

    stack = stack_for("cpu", model=True, packs=(), downloads=False)
    talks, scenes = (list(moments(read_scenes(name=name).scenes, stack)) for name in ("talks", "scenes"))
    fitted = fit(talks)
    print("| | moments | that worse follows | told by | AUROC | recall at 10% false positives | calibration error |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(_rows("talks, held out by fifths", talks, _held_out(talks))))
    print("\n".join(_rows("scenes, of other writers", scenes, fitted(_arrays(scenes)[0]))))
    print(f"\npenalty {fitted.penalty:g}; {stack.model}")
    for name, weight in zip(FEATURES, fitted.weights, strict=True):
        print(f"{name:<16} {weight:+.2f}")
    if options.write:
        weights = {name: round(float(weight), 4) for name, weight in zip(FEATURES, fitted.weights, strict=True)}
        document = {"fitted_with": stack.model, "moments": len(talks), "bias": round(fitted.bias, 4), "weights": weights}
        _FILE.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    main()
