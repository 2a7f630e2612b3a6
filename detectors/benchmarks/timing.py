"""How often something can be done in a second: rounds after a warm-up, their median and their spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Effort", "Rate", "rate"]


@dataclass(frozen=True, slots=True)
class Effort:
    """``rounds`` of at least ``seconds`` each, after one of ``warm_seconds`` that does not count."""

    rounds: int = 7
    seconds: float = 0.5
    warm_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Rate:
    """Units a second: the median of ``rounds``, the slowest and the fastest."""

    median: float
    low: float
    high: float
    rounds: int
    calls: int

    def times(self, factor: float) -> Rate:
        """The same in other units."""
        return Rate(self.median * factor, self.low * factor, self.high * factor, self.rounds, self.calls)


def rate(
    call: Callable[[], object],
    units: float,
    effort: Effort,
    *,
    finish: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Rate:
    """How many units a second ``call`` does, of which each call does ``units``. ``finish``: waits until what was begun is
    done, where calls return before that; its time counts."""
    _round(call, effort.warm_seconds, finish, clock)
    rates = []
    calls = 0
    for _ in range(effort.rounds):
        done, seconds = _round(call, effort.seconds, finish, clock)
        rates.append(done * units / seconds)
        calls += done
    return Rate(statistics.median(rates), min(rates), max(rates), effort.rounds, calls)


def _round(
    call: Callable[[], object], seconds: float, finish: Callable[[], object], clock: Callable[[], float]
) -> tuple[int, float]:
    """Calls until ``seconds`` are over, looking at the clock ever more rarely where calls are short."""
    finish()
    began = clock()
    done, step = 0, 1
    while True:
        for _ in range(step):
            call()
        done += step
        finish()
        passed = clock() - began
        if passed >= seconds:
            return done, passed
        step = max(1, min(2 * step, int(done * (seconds - passed) / passed) + 1))
