"""What a policy is compiled to at load: a row of values, and closures over it.

A decision first lays out the values that the policy names as one row (a list), then asks each rule's closure. Nothing is
looked up by name after load.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from detectors.signals import IMPLIED_BY_YES, LADDER_RUNGS, Side, Tier, position
from policies.bands import band_of, step
from policies.decision import Band, Facts, Moment
from policies.expression.evaluate import Condition
from policies.expression.names import scored, window
from policies.expression.nodes import Call, Name
from policies.model import Rule

__all__ = ["CONTEXT", "Plan", "Prepared", "PreparedBand", "Row", "answered", "reader"]

Row = list[Any]
Reader = Callable[[Facts], Any]

_SAID: Final = 0.5
"""From where an answer counts as given."""

CONTEXT: Final = (
    "context.figurative", "context.past", "context.protective", "context.minor", "concern.suicide", "concern.harm",
    "concern.child", "risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_ge5",
    "risk.suicide_high", "risk.suicide_imminent", "risk.suicide_behaviour", "risk.method_seeking", "violence.intent",
)  # fmt: skip
"""What is read of every user turn, whether rules name it or not: context, and what context may not lower."""

_RAISED: Final[Mapping[int, tuple[str, ...]]] = {0: ("risk.suicide_imminent",), **IMPLIED_BY_YES}
"""What a yes to the question on a rung is evidence of; on rung 0 ("are you safe right now?") a no."""

_RECENT: Final = ("now", "24h", "month", "3months")


@dataclass(frozen=True, slots=True)
class PreparedBand:
    """A band with the slots of its signal and of itself."""

    name: str
    slot: int
    signal: int
    watch: float
    elevated: float
    high: float
    release: float


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rule, its condition, and the exceptions to it with the last day that each holds."""

    rule: Rule
    condition: Condition
    exemptions: tuple[tuple[Condition, date], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that :func:`policies.decide.decide` needs, by moment. ``silent``: a row in which the person and the reply
    say nothing; ``spoken``: the slots that a turn's words decide; ``resting``: of each signal that may be off, its slot and
    those of what is computed from it."""

    size: int
    slots: Mapping[str, int]
    user: tuple[tuple[int, int], ...]
    reply: tuple[tuple[int, int], ...]
    readers: tuple[tuple[int, Reader], ...]
    bands: tuple[PreparedBand, ...]
    rules: Mapping[Moment, tuple[Prepared, ...]]
    spoken: tuple[tuple[int, Any], ...]
    context: Mapping[str, int]
    resting: Mapping[str, tuple[int, ...]]

    def row(self, facts: Facts) -> tuple[Row, dict[str, Band]]:
        """The values of one moment, and the band of each name after it."""
        row: Row = [None] * self.size
        for scores, slots in ((facts.user, self.user), (facts.reply, self.reply)):
            if scores is None:
                continue
            values, tiers = scores.values, scores.tiers
            for slot, at in slots:
                if tiers[at] >= Tier.LEXICON:
                    row[slot] = values[at]
                elif tiers[at] == Tier.OFF:
                    row[slot] = math.nan
        for slot, read in self.readers:
            row[slot] = read(facts)
        for name in facts.off:
            for slot in self.resting.get(name, ()):
                row[slot] = math.nan
        if facts.session.question_open is not None:
            self._raise(row, facts)
        return row, self._bands(row, facts)

    def _raise(self, row: Row, facts: Facts) -> None:
        rung = facts.session.question_open
        word, value = answered(facts)
        if rung is None or word != ("deny" if rung == 0 else "affirm"):
            return
        for name in _RAISED.get(rung, ()):
            slot = self.slots.get(name)
            if slot is not None:
                row[slot] = value if row[slot] is None else max(row[slot], value)

    def _bands(self, row: Row, facts: Facts) -> dict[str, Band]:
        stood = facts.session.bands
        after: dict[str, Band] = {}
        for band in self.bands:
            before, value = stood.get(band.name, Band.OFF), row[band.signal]
            now = step(before, value, band.watch, band.elevated, band.high, band.release)
            row[band.slot] = value if now is None else now  # missing stays missing, off stays off
            after[band.name] = before if now is None else now
        return after

    def without_memory(self, row: Row) -> Row:
        """The row with every band as this turn's value alone makes it."""
        fresh = row.copy()
        for band in self.bands:
            value = row[band.signal]
            known = value is not None and not math.isnan(value)
            fresh[band.slot] = band_of(value, band.watch, band.elevated, band.high) if known else value
        return fresh

    def silent(self, row: Row) -> Row:
        """The row as it would be had nothing been said this turn."""
        quiet = row.copy()
        for slot, nothing in self.spoken:
            quiet[slot] = nothing
        return quiet


def answered(facts: Facts) -> tuple[str | None, float]:
    """What this turn says to the open question, and how surely: affirm, deny, declines; ``None`` for none of them.

    At a tie the more careful reading wins: yes before no before a refusal to answer.
    """
    best, word = _SAID, None
    if facts.user is None or facts.session.question_open is None:
        return None, 0.0
    order = ("declines", "affirm", "deny") if facts.session.question_open == 0 else ("declines", "deny", "affirm")
    for name in order:
        value = facts.user.value(f"answer.{name}")
        if value is not None and value >= best:
            best, word = value, name
    return word, best


def reader(node: Name | Call) -> Reader | None:
    """How a field or a function gets its value from the facts; ``None`` for a scored signal or a band."""
    if isinstance(node, Call):
        return _function(node)
    name = node.text
    if name.startswith("band.") or scored(name) is not None:
        return None
    root, _, rest = name.partition(".")
    if root == "tenant":
        return lambda facts: getattr(facts.tenant, rest)
    if root == "person":
        return lambda facts: getattr(facts.person, rest)
    if name == "reply.whole":
        return lambda facts: facts.moment is Moment.REPLY_END
    if name == "reliance":
        return lambda facts: facts.session.reliance
    if name == "session.question_open":
        return lambda facts: facts.session.question_open is not None
    for kind in ("ladder", "peak_before", "peak"):
        if rest.startswith(f"{kind}."):
            return _remembered(kind, rest.removeprefix(f"{kind}."))
    return lambda facts: getattr(facts.session, rest)


def _remembered(kind: str, name: str) -> Reader:
    # What the session does not hold has never been seen in it, which is known and not missing.
    if kind == "ladder":
        return lambda facts: facts.session.ladder.get(name, "not_asked")
    if kind == "peak":
        return lambda facts: facts.session.peaks.get(name, 0.0)
    return lambda facts: facts.session.peaks_before.get(name, 0.0)


def _function(node: Call) -> Reader:
    values = [argument.value for argument in node.arguments]
    first = str(values[0])
    match node.function:
        case "peak" | "peak_before":
            return _remembered(node.function, first)
        case "trend":
            steps = int(values[1])
            return lambda facts: _slope(facts.session.trend.get(first, ()), steps)
        case "count":
            span = timedelta(seconds=window(str(values[1])) or 0)
            return lambda facts: sum(facts.now - at <= span for at in facts.session.fired.get(first, ()))
        case "asked":
            rung = 0 if first == "now" else LADDER_RUNGS.index(first) + 1
            return lambda facts: facts.session.question_open == rung
    within = _RECENT[: _RECENT.index(first) + 1]

    def recent(facts: Facts) -> bool | None:
        if facts.user is None:
            return None
        # The span of a yes to "have you done anything?" is not known, like that of an attempt without a date.
        tag = facts.user.tags.get("risk.suicide_behaviour", "unknown")
        return ("3months" if tag == "unknown" else tag) in within

    return recent


def _slope(values: Sequence[float], steps: int) -> float | None:
    """Least-squares slope per turn of the last ``steps`` values; ``None`` where there are fewer."""
    if len(values) < steps:
        return None
    last = values[-steps:]
    middle = (steps - 1) / 2
    mean = sum(last) / steps
    spread = sum((at - middle) ** 2 for at in range(steps))
    return sum((at - middle) * (value - mean) for at, value in enumerate(last)) / spread


def position_of(name: str) -> int | None:
    """Where a signal stands in its side's scores."""
    side = scored(name)
    return position(side)[name] if side in (Side.USER, Side.REPLY) else None
