"""The session's signals, by the names that they have everywhere. Pure."""

from __future__ import annotations

from collections.abc import Collection

from detectors.signals import PEAK_CLASSES
from policies.decision import SessionView
from policies.expression.names import RESTING_ON

__all__ = ["SessionSignal", "session_signals"]

SessionSignal = float | str | bool | None
_DIGITS = 4


def session_signals(view: SessionView, off: Collection[str] = ()) -> dict[str, SessionSignal]:
    """Every ``session.*`` signal and ``reliance`` of ``view``; ``None`` where nobody can say, or where it is ``off``."""
    signals: dict[str, SessionSignal] = {
        "session.state": view.state,
        "session.question_open": view.question_open is not None,
        "session.distress_trend": _rounded(view.distress_trend),
        "session.forecast": _rounded(view.forecast),
        "session.minutes": _rounded(view.minutes),
        "session.turns": float(view.turns),
        "session.silent_minutes": _rounded(view.silent_minutes),
        "reliance": _rounded(view.reliance),
    }
    signals.update({f"session.ladder.{rung}": answer for rung, answer in view.ladder.items()})
    for name in PEAK_CLASSES:
        signals[f"session.peak.{name}"] = _rounded(view.peaks.get(name, 0.0))
        signals[f"session.peak_before.{name}"] = _rounded(view.peaks_before.get(name, 0.0))
    signals.update({name: None for name in signals if name in off or RESTING_ON.get(name) in off})
    return signals


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
