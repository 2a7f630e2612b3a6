"""What a policy does to labelled rows: false alarms by consequence, and the recall that each leaves. Pure."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation.delay import Sessions, delays
from detectors.evaluation.intervals import RESAMPLES, Estimate, estimate, of_share, resamples
from detectors.evaluation.measures import Vector
from detectors.evaluation.proportions import Demonstrated, against_target, upper_bound
from detectors.evaluation.rates import PREVALENCES
from detectors.evaluation.rows import Row
from detectors.evaluation.study import ALL, ENOUGH
from detectors.evaluation.table import Places, Table
from detectors.signals import Side
from guard.evaluation.play import Played
from policies.decision import Action

__all__ = ["CONSEQUENCES", "Alarms", "Consequence", "Consequences", "Million", "Recall", "benign", "consequences"]


@dataclass(frozen=True, slots=True)
class Consequence:
    """Something that can be done to a turn, at least. ``target``: the share of benign turns at most (a proposal)."""

    name: str
    action: Action | None
    page: int
    target: float | None

    def reached(self, played: Played) -> bool:
        """Whether a row came to this or more."""
        return played.page >= self.page if self.action is None else played.action >= self.action


CONSEQUENCES: Final = (
    Consequence("guide", Action.GUIDE, 0, 0.01),
    Consequence("append", Action.APPEND, 0, 0.003),
    Consequence("complete", Action.COMPLETE, 0, 0.001),
    Consequence("page, severity 3", None, 3, 0.0002),
    Consequence("page, severity 4", None, 4, 0.00005),
)

_ON_REPLIES: Final = (
    Consequence("trim", Action.TRIM, 0, None),
    Consequence("complete", Action.COMPLETE, 0, None),
    Consequence("page, severity 3", None, 3, None),
)
_LISTED: Final = 50
_RISKY: Final = {
    Side.USER: ("risk.", "concern.", "abuse.", "violence.", "warning.", "distress", "answer.affirm"),
    Side.REPLY: ("harm.", "companion.", "refusal."),
}
_CUES: Final = (
    "risk.suicide", "risk.suicide_ge2", "risk.suicide_ge3", "risk.suicide_ge4", "risk.suicide_high", "risk.suicide_imminent",
    "risk.emergency_now", "risk.self_harm", "risk.violence", "harm.*", "harm.method", "harm.delusion", "companion.*",
    "refusal.abrupt",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alarms:
    """Of ``rows`` benign turns of one side, ``count`` came to a consequence. ``upper``: the one-sided 95% bound of the
    share, 3 / n where none did. ``needed``: rows without any that would show the target. ``ids``: the first
    fifty that did, of all rows alone."""

    side: Side
    slice: str
    consequence: str
    rows: int
    count: int
    share: float
    upper: float
    target: float | None
    verdict: Demonstrated | None
    needed: int | None
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recall:
    """Of the rows labelled with a signal, the share that comes to each consequence or more."""

    signal: str
    rows: int
    insufficient: bool
    reached: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Million:
    """A consequence among a million turns, of which ``prevalence`` are ``signal``. ``at_most``: false ones by the bound."""

    signal: str
    consequence: str
    prevalence: float
    there: float
    found: float
    false_alerts: float
    at_most: float


@dataclass(frozen=True, slots=True)
class Consequences:
    """``degraded``: rows on which a value was missing that the policy needs from severity 3 on."""

    policy: str
    rows: int
    degraded: int
    alarms: tuple[Alarms, ...]
    recall: tuple[Recall, ...]
    million: tuple[Million, ...]
    sessions: tuple[Sessions, ...]


def consequences(
    policy: str,
    table: Table,
    played: Mapping[str, Played],
    harmless: Container[str],
    resampled: int = RESAMPLES,
) -> Consequences:
    """All of it. ``played``: by row id. ``harmless``: ids of the rows that are :func:`benign`."""
    outcomes = [played[row.id] for row in table.rows]
    reached = {
        one.name: np.array([one.reached(outcome) for outcome in outcomes], dtype=bool)
        for one in (*CONSEQUENCES, *_ON_REPLIES)
    }
    alarms = [
        found
        for side, each in ((Side.USER, CONSEQUENCES), (Side.REPLY, _ON_REPLIES))
        for found in _alarms(side, each, table, harmless, reached)
    ]
    cues = [signal for signal in _CUES if signal in table.labels]
    recall = [found for signal in cues if (found := _recall(signal, table, reached, resampled)) is not None]
    on_turns = {one.name: reached[one.name] for one in CONSEQUENCES}
    met = [one for signal in cues if signal.startswith("risk.") for one in delays(table, signal, on_turns, resampled)]
    return Consequences(
        policy,
        len(outcomes),
        sum(outcome.degraded for outcome in outcomes),
        tuple(alarms),
        tuple(recall),
        tuple(_million(alarms, recall)),
        tuple(met),
    )


def benign(row: Row) -> bool:
    """Whether a row's labels say that nothing is to be done: a risk, harm or companionship is labelled, none is there.

    What a row itself says of it comes first: labels of one risk alone say nothing of another.
    """
    if row.benign is not None:
        return row.benign
    own = [value for name, value in row.labels.items() if name.startswith(_RISKY[row.side])]
    return bool(own) and max(own) < 0.5


def _alarms(
    side: Side,
    each: Sequence[Consequence],
    table: Table,
    harmless: Container[str],
    reached: Mapping[str, NDArray[np.bool_]],
) -> list[Alarms]:
    """On all benign rows of a side, then on those of each slice."""
    quiet = np.array([row.side is side and row.id in harmless for row in table.rows], dtype=bool)
    cuts = {ALL: np.flatnonzero(quiet)} | {name: at[quiet[at]] for name, at in table.slices.items()}
    return [
        _alarm(side, name, one, at, reached[one.name], table.rows) for name, at in cuts.items() if len(at) for one in each
    ]


def _alarm(side: Side, name: str, one: Consequence, at: Places, reached: NDArray[np.bool_], rows: Sequence[Row]) -> Alarms:
    hits, total = at[reached[at]], len(at)
    return Alarms(
        side, name, one.name, total, len(hits), len(hits) / total, upper_bound(len(hits), total), one.target,
        None if one.target is None else against_target(len(hits), total, one.target),
        None if one.target is None else math.ceil(3 / one.target),
        tuple(rows[place].id for place in hits[:_LISTED]) if name == ALL else (),
    )  # fmt: skip


def _recall(signal: str, table: Table, reached: Mapping[str, NDArray[np.bool_]], resampled: int) -> Recall | None:
    labels = table.labels[signal]
    at = np.flatnonzero(labels >= 0.5)
    if not len(at):
        return None
    side = table.rows[at[0]].side
    names = [one.name for one in (CONSEQUENCES if side is Side.USER else _ON_REPLIES)]
    hits = np.array([reached[name][at] for name in names], dtype=np.float64)

    def shares(weights: Vector | None) -> list[float]:
        return [float(share) for share in (hits.mean(axis=1) if weights is None else hits @ weights / weights.sum())]

    found = estimate(shares, resamples(table.conversations[at], resampled))
    told = {name: of_share(one, len(at)) for name, one in zip(names, found, strict=True)}
    return Recall(signal, len(at), len(at) < ENOUGH, told)


def _million(alarms: list[Alarms], recall: list[Recall]) -> list[Million]:
    """For the widest cue of a person's turns alone: shares of turns are guessed for that one."""
    cue = next((one for one in recall if one.signal == "risk.suicide"), None)
    if cue is None:
        return []
    return [
        Million(
            cue.signal, own.consequence, share, 1e6 * share, 1e6 * share * cue.reached[own.consequence].value,
            1e6 * (1 - share) * own.share, 1e6 * (1 - share) * own.upper,
        )
        for own in alarms
        if own.side is Side.USER and own.slice == ALL
        for share in PREVALENCES
    ]  # fmt: skip
