"""Which names an expression may use, what type each has, and which function takes what."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from detectors.signals import LADDER_RUNGS, PEAK_CLASSES, SIGNALS, Kind, Side
from policies.expression.nodes import Type

__all__ = [
    "CONSTANTS",
    "FUNCTIONS",
    "MAY_BE_OFF",
    "ROOTS",
    "TRENDED",
    "WORDS",
    "Function",
    "may_be_off",
    "nearest",
    "scored",
    "window",
]

CONSTANTS: Final[Mapping[str, int]] = MappingProxyType({"OFF": 0, "WATCH": 1, "ELEVATED": 2, "HIGH": 3})
"""The bands, which alone have constants."""

_KINDS: Final = {
    Kind.PROBABILITY: Type.NUMBER,
    Kind.LEVEL: Type.NUMBER,
    Kind.AMOUNT: Type.NUMBER,
    Kind.SLOPE: Type.NUMBER,
    Kind.STATE: Type.TEXT,
    Kind.FLAG: Type.BOOL,
}
_OWN: Final = {
    "tenant.name": Type.TEXT,
    "tenant.tag": Type.TEXT,
    "tenant.people": Type.TEXT,
    "person.age": Type.TEXT,
    "person.locale": Type.TEXT,
    "person.jurisdiction": Type.TEXT,
    "person.timezone": Type.TEXT,
    "reply.whole": Type.BOOL,
}
_STATES: Final = ("steady", "distressed", "elevated", "crisis", "recovering")
_ANSWERS: Final = ("not_asked", "asked", "affirmed", "denied", "declined")
_RECENCY: Final = ("now", "24h", "month", "3months", "earlier", "unknown")
TRENDED: Final = ("distress", "risk.suicide", "attachment.vulnerability", "attachment.relationship")
"""Signals whose last values the session keeps, so that ``trend`` can be asked of them."""

MAY_BE_OFF: Final = (
    "emotion.", "distress", "screen.", "attachment.", "intima.", "reliance", "session.distress_trend", "session.forecast",
)  # fmt: skip
"""What a profile may forbid: these names, and every name under those that end in a dot. Never ``risk.*``, ``harm.*`` or
``answer.*``."""


RESTING_ON: Final[Mapping[str, str]] = MappingProxyType(
    {"session.distress_trend": "distress", "session.forecast": "distress"}
)
"""Signals of the session that are computed from another signal, and are off where that one is."""


def may_be_off(name: str) -> bool:
    """Whether a tenant's profile may forbid this signal."""
    return any(name.startswith(entry) if entry.endswith(".") else name == entry for entry in MAY_BE_OFF)


def named(given: str) -> tuple[str, ...]:
    """The signals that ``distress`` or ``emotion.*`` stands for; none where there are no such."""
    prefix = given.removesuffix("*")
    return tuple(name for name in SIGNALS if (name.startswith(prefix) if given.endswith(".*") else name == given))


@cache
def _roots() -> Mapping[str, Type]:
    names = {signal.name: _KINDS[signal.kind] for signal in SIGNALS.values()}
    return MappingProxyType({**names, **_OWN})


class _Roots(Mapping[str, Type]):
    """Every field but ``band.*``, which the policy itself names."""

    def __getitem__(self, name: str) -> Type:
        return _roots()[name]

    def __iter__(self):  # type: ignore[no-untyped-def]  # as Mapping has it
        return iter(_roots())

    def __len__(self) -> int:
        return len(_roots())


ROOTS: Final = _Roots()


WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "session.state": _STATES,
        "person.age": ("adult", "minor", "unknown"),
        "tenant.people": ("none", "hours", "always"),
        **{f"session.ladder.{rung}": _ANSWERS for rung in LADDER_RUNGS},
    }
)
"""The only values that some fields take: a comparison with another word is a fault."""


def scored(name: str) -> Side | None:
    """The side that a signal is scored on in a turn; ``None`` for the session's names and for all that is no signal."""
    signal = SIGNALS.get(name)
    return signal.side if signal is not None and signal.side is not Side.SESSION else None


@dataclass(frozen=True, slots=True)
class Function:
    """``parameters``: ``signal``, ``peak``, ``rule``, ``window``, ``rung``, ``recency`` or ``steps``, in order."""

    parameters: tuple[str, ...]
    result: Type
    usage: str


FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "trend": Function(("trended", "steps"), Type.NUMBER, "trend('distress', 3)"),
        "peak": Function(("peak",), Type.NUMBER, "peak('suicide')"),
        "peak_before": Function(("peak",), Type.NUMBER, "peak_before('suicide')"),
        "count": Function(("rule", "window"), Type.COUNT, "count('rule-id', '1h')"),
        "asked": Function(("rung",), Type.BOOL, "asked('intent')"),
        "recent": Function(("recency",), Type.BOOL, "recent('24h')"),
    }
)
"""``trend``: change per turn over the last turns, a least-squares slope. ``peak``: as ``session.peak.*``. ``count``: how
often a rule fired, the last eight times at most. ``asked``: the safety question that was open when the person wrote was on
that rung (``now``: "are you safe right now?"). ``recent``: the behaviour that this turn tells of lies within that time; of
unknown time counts as within three months."""

CHOICES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "peak": PEAK_CLASSES,
        "trended": TRENDED,
        "rung": ("now", *LADDER_RUNGS),
        "recency": _RECENCY[:4],
    }
)

_WINDOW: Final = re.compile(r"([1-9]\d{0,3})(m|h|d)")
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86400}


def window(text: str) -> int | None:
    """Seconds of ``30m``, ``1h`` or ``7d``; ``None`` where it is no such thing."""
    match = _WINDOW.fullmatch(text)
    return int(match[1]) * _SECONDS[match[2]] if match is not None else None


def nearest(word: str, choices: Iterable[str] | Collection[str]) -> str | None:
    """A hint that names the choice most like ``word``, ``None`` where none is like it."""
    choices = list(choices)
    found = difflib.get_close_matches(word, choices, 1, 0.6)
    if not found:
        tail = word.rsplit(".", 1)[-1]
        found = [choice for choice in choices if choice.rsplit(".", 1)[-1] == tail][:1]
    return f"did you mean {found[0]!r}?" if found else None
