"""How likely a session comes to worse within the person's next three turns: a logistic regression on what the session
remembers and what the turn says. Pure.

Worse is a turn that calls for an elevated session or for crisis, whatever this one calls for. The weights are fitted to
written talks by ``python -m guard.evaluation.forecasting`` (``docs/decisions/0028-a-forecast-of-three-turns.md``). They say
what often follows in talks that were made up, and are not clinically validated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import orjson

from detectors.signals import Scores, Side, Tier, vocabulary
from guard.turns.state import SessionState

__all__ = ["FEATURES", "TURNS", "features", "forecast", "weights"]

TURNS: Final = 3
"""Of the person, that the forecast looks ahead."""

FEATURES: Final = (
    "distress", "distress before", "most distress", "risk of suicide", "risk before", "most risk", "grave", "most grave",
    "warning", "protective", "figurative", "most figurative", "affirmed", "first turn", "distressed", "elevated",
    "crisis",
)  # fmt: skip
"""What the forecast rests on, each in [0, 1]: this turn's distress, the mean of the turns before it, the highest of the last
eight; the same of ``risk.suicide``; the highest of all risks, violence, abuse and concern in this turn, and of the session's
peaks; the highest warning sign; two circumstances, one of them also as the highest of the last eight turns; whether a safety
question was affirmed; whether this is the first turn; the session's state after the turn."""

_NEEDED: Final = ("distress", "risk.suicide")
_GRAVE: Final = tuple(
    signal.name
    for signal in vocabulary(Side.USER)
    if signal.name.startswith(("risk.", "violence.", "abuse.", "concern.")) and signal.name != "risk.suicide_level"
)
_WARNINGS: Final = tuple(signal.name for signal in vocabulary(Side.USER) if signal.name.startswith("warning."))
_STATES: Final = {"distressed": "distressed", "elevated": "elevated", "recovering": "elevated", "crisis": "crisis"}


def features(state: SessionState, scores: Scores) -> dict[str, float] | None:
    """:data:`FEATURES` after a turn that was scored so. ``None`` where the model did not answer, or the tenant forbids what
    they need."""
    if any(scores.get(name).tier is not Tier.FULL for name in _NEEDED):
        return None

    def highest(names: tuple[str, ...]) -> float:
        return max((scores.value(name) or 0.0 for name in names), default=0.0)

    distress, risk = state.trend.get("distress", ()), state.trend.get("risk.suicide", ())
    now = _STATES.get(state.state)
    return {
        "distress": distress[-1],
        "distress before": _mean(distress[:-1], distress[-1]),
        "most distress": max(distress),
        "risk of suicide": risk[-1],
        "risk before": _mean(risk[:-1], risk[-1]),
        "most risk": max(risk),
        "grave": highest(_GRAVE),
        "most grave": max((peak.value for peak in state.peaks.values()), default=0.0),
        "warning": highest(_WARNINGS),
        "protective": scores.value("context.protective") or 0.0,
        "figurative": scores.value("context.figurative") or 0.0,
        "most figurative": max(state.trend.get("context.figurative", ()), default=0.0),
        "affirmed": float("affirmed" in state.ladder.values()),
        "first turn": float(state.turns <= 1),
        **{name: float(now == name) for name in ("distressed", "elevated", "crisis")},
    }


def _mean(values: tuple[float, ...], otherwise: float) -> float:
    return math.fsum(values) / len(values) if values else otherwise


def forecast(state: SessionState, scores: Scores) -> float | None:
    """The probability, ``None`` where there are no :func:`features`. ``state``: after the turn that ``scores`` are of."""
    found = features(state, scores)
    if found is None:
        return None
    fitted = weights()
    odds = fitted[""] + math.fsum(fitted[name] * value for name, value in found.items())
    return 1 / (1 + math.exp(-odds))


@cache
def weights() -> Mapping[str, float]:
    """What each feature adds to the log odds; ``""``: where they begin."""
    document: dict[str, Any] = orjson.loads((files("guard.turns") / "forecast.json").read_bytes())
    return MappingProxyType({"": float(document["bias"]), **{name: float(document["weights"][name]) for name in FEATURES}})
