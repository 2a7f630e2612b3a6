"""Texts longer than one frame: overlapping windows, and how their scores become one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["MOST", "Plan", "combine", "plan"]

MOST: Final = 16
"""Windows of one text that are scored."""

_SIZES: Final = (120, 240, 500)
_LARGEST: Final = (500,)
_OVERLAP: Final = 0.2
_READ_WHERE_RISK_IS: Final = ("context.past", "context.figurative")
_RISK: Final = ("risk.suicide", "risk.self_harm", "risk.emergency_now", "risk.method_seeking", "concern.suicide")


@dataclass(frozen=True, slots=True)
class Plan:
    """``windows``: half-open ranges of tokens. ``covered``: whether together they hold all tokens."""

    windows: tuple[tuple[int, int], ...]
    covered: bool


def plan(size: int, weigh: Callable[[int, int], float] | None = None, *, whole: bool = False) -> Plan:
    """Windows over ``size`` tokens, as short as 16 allow, for the model was trained on short texts; of a ``whole`` reply,
    whose passages are read beside it, as long as can be.

    Where not even the largest are enough, those with the highest weight are taken (``weigh`` of a range of tokens), and the
    first and the last always; without ``weigh`` they are spread evenly.
    """
    sizes = _LARGEST if whole else _SIZES
    if size <= sizes[0]:
        return Plan(((0, size),), covered=True)
    every: list[tuple[int, int]] = []
    for length in sizes:
        step = round(length * (1 - _OVERLAP))
        every = [
            (start, min(start + length, size)) for start in range(0, max(size - length, 0) + step, step) if start < size
        ]
        # A last window that lies within the one before says nothing new.
        if len(every) > 1 and every[-2][1] >= size:
            every.pop()
        if len(every) <= MOST:
            return Plan(tuple(every), covered=True)
    if weigh is None:
        places = sorted({round(at * (len(every) - 1) / (MOST - 1)) for at in range(MOST)})
    else:
        ranked = sorted(range(1, len(every) - 1), key=lambda at: (-weigh(*every[at]), at))
        places = sorted({0, len(every) - 1, *ranked[: MOST - 2]})
    return Plan(tuple(every[at] for at in places), covered=False)


def combine(windows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """One text's probabilities from those of its windows: the highest, save that whether a risk is past or figurative is
    read in the window where the risk is highest."""
    if len(windows) == 1:
        return dict(windows[0])
    found = {name: max(window[name] for window in windows) for name in windows[0]}
    risky = max(windows, key=lambda window: max((window.get(name, 0.0) for name in _RISK), default=0.0))
    found.update({name: risky[name] for name in _READ_WHERE_RISK_IS if name in risky})
    return found
