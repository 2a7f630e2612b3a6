"""What a session remembers, and the form in which it is stored: a new field of the one is a new field of the other.

How it changes from turn to turn is :mod:`guard.turns.session`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Final

from policies.decision import Band

__all__ = ["RECOVERING_FOR", "Answer", "Peak", "SessionState", "from_json", "to_json"]

RECOVERING_FOR: Final = timedelta(hours=24)
_PEAK_STEADY: Final = timedelta(hours=24)
_PEAK_HALF_LIFE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest value of a class and when it was reached."""

    value: float
    at: datetime

    def now(self, now: datetime) -> float:
        """What is left of it: all of it for 24 hours, then half every 7 days."""
        age = now - self.at - _PEAK_STEADY
        return self.value if age <= timedelta(0) else float(self.value * 0.5 ** (age / _PEAK_HALF_LIFE))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a user's turn did to the question that was open. ``word``: affirm, deny, unclear or declines."""

    rung: int
    word: str


@dataclass(frozen=True, slots=True)
class SessionState:
    """Everything that a session remembers. Bounded in size; holds no text."""

    state: str = "steady"
    since: datetime | None = None
    started_at: datetime | None = None
    last_at: datetime | None = None
    turns: int = 0
    ladder: Mapping[str, str] = field(default_factory=dict)
    question: int | None = None
    answer: Answer | None = None  # what the last user turn did to the question that was open before it
    peaks: Mapping[str, Peak] = field(default_factory=dict)
    peaks_before: Mapping[str, float] = field(default_factory=dict)
    trend: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    smooth: float | None = None
    slope: float | None = None
    forecast: float | None = None
    calm_turns: int = 0  # user turns since the last evidence of level 2 or more
    alarmed_at: datetime | None = None
    behaviour: str | None = None  # recency tag of the latest behaviour
    bands: Mapping[str, Band] = field(default_factory=dict)
    fired: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    said: Mapping[str, datetime] = field(default_factory=dict)  # rule -> when its words or resources last went out
    known: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    spoken: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    identity_at: datetime | None = None
    stated: tuple[str, ...] = ()
    minor: bool = False
    monitored: bool = False
    language: str | None = None
    last_key: str = ""
    recent: tuple[str, ...] = ()  # keys of the last turns
    before: SessionState | None = None  # the state before the last turn, for a further attempt of it

    @property
    def low_risk(self) -> bool:
        """Nothing holds the reply back before it is judged: the upstream may be called early."""
        return self.state in ("steady", "distressed") and self.question is None

    def strict(self, now: datetime) -> bool:
        """Replies are held whole: elevated, in crisis, or recovering for less than 24 hours."""
        if self.state == "recovering":
            return self.since is None or now - self.since < RECOVERING_FOR
        return self.state in ("elevated", "crisis")


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Peak):
        return [round(value.value, 4), value.at.isoformat()]
    if isinstance(value, Answer):
        return [value.rung, value.word]
    if isinstance(value, SessionState):
        return to_json(value)
    if isinstance(value, Mapping):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, float):
        return round(value, 6)
    return value


_DEFAULT: Final = SessionState()


def to_json(state: SessionState) -> dict[str, Any]:
    """The state as JSON values, defaults left out."""
    return {
        item.name: _encode(value)
        for item in fields(SessionState)
        if (value := getattr(state, item.name)) != getattr(_DEFAULT, item.name)
    }


def from_json(data: Mapping[str, Any] | None) -> SessionState:
    """The state that :func:`to_json` wrote. Unknown fields, which a newer version may have written, are left out."""
    if not data:
        return SessionState()
    values: dict[str, Any] = {}
    for item in fields(SessionState):
        if item.name not in data:
            continue
        raw = data[item.name]
        match item.name:
            case "since" | "started_at" | "last_at" | "alarmed_at" | "identity_at":
                values[item.name] = datetime.fromisoformat(raw)
            case "peaks":
                values[item.name] = {key: Peak(v[0], datetime.fromisoformat(v[1])) for key, v in raw.items()}
            case "answer":
                values[item.name] = Answer(raw[0], raw[1])
            case "bands":
                values[item.name] = {key: Band(value) for key, value in raw.items()}
            case "fired":
                values[item.name] = {key: tuple(datetime.fromisoformat(v) for v in times) for key, times in raw.items()}
            case "said":
                values[item.name] = {key: datetime.fromisoformat(at) for key, at in raw.items()}
            case "trend":
                values[item.name] = {key: tuple(series) for key, series in raw.items()}
            case "known" | "ours" | "spoken" | "shown" | "stated" | "recent":
                values[item.name] = tuple(raw)
            case "before":
                values[item.name] = from_json(raw)
            case _:
                values[item.name] = raw
    return SessionState(**values)
