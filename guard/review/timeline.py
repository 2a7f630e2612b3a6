"""A session turn by turn, as a case page shows it: numbers, states, actions and rules in words. Never text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from detectors.signals import BY_ID, SCREENS, SIGNALS, Kind, Scores, Side
from guard.records.packing import unpack
from guard.review import wording

__all__ = ["Estimate", "RuleLine", "Turn", "estimates", "read_scores", "trace", "turns"]

_RISKS: Final = tuple(
    signal.name
    for signal in SIGNALS.values()
    if signal.side is Side.USER
    and signal.kind is Kind.PROBABILITY
    and signal.name.startswith(("risk.", "abuse.", "concern."))
)
_TOLD: Final = (
    "risk.",
    "violence.",
    "abuse.",
    "concern.",
    "warning.",
    "context.",
    "answer.",
    "screen.",
    "harm.",
    "refusal.",
    "companion.",
)
_KEPT_BACK: Final = "context.stated."  # for choosing words with; said once, shown to nobody
_FAINT: Final = 0.1
_MOST: Final = 8


@dataclass(frozen=True, slots=True)
class RuleLine:
    """What became of one rule. ``outcome``: fired, suppressed or missing. ``why``: what held it back, in words."""

    id: str
    words: str
    severity: int
    outcome: str
    why: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """One signal of one turn: what it means, how sure the estimate is in words, and the number."""

    name: str
    meaning: str
    words: str
    value: float


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn. ``distress`` and ``risk`` in [0, 1], ``None`` where nobody answered; ``risk_of`` names the signal that
    ``risk`` is the value of. ``state``: the session after it. ``has_text``: whether its text is stored and can be opened."""

    id: UUID
    at: datetime
    number: int
    attempt: int
    distress: float | None
    risk: float | None
    risk_of: str
    state: str
    action: str
    severity: int
    status: str
    delivered: str
    replayed: int
    unscored: tuple[str, ...]
    has_text: bool
    of_case: bool
    rules: tuple[RuleLine, ...]


def read_scores(rows: Iterable[Mapping[str, Any]]) -> dict[UUID, dict[Side, Scores]]:
    """Rows of ``scores_of_turns.sql`` by turn and side."""
    found: dict[UUID, dict[Side, Scores]] = {}
    for row in rows:
        side = Side(row["side"])
        scores = unpack(
            side, row["ids"], row["values"], bytes(row["tiers"]), model=row["model"], tags=row["tags"],
            language=row["language"], covered=row["covered"],
        )  # fmt: skip
        found.setdefault(row["turn_id"], {})[side] = scores
    return found


def turns(
    rows: Sequence[Mapping[str, Any]], scores: Mapping[UUID, Mapping[Side, Scores]], case_id: UUID
) -> tuple[Turn, ...]:
    """Rows of ``turns_of_session.sql`` with their scores, oldest first."""
    return tuple(_turn(row, scores.get(row["id"], {}).get(Side.USER), case_id) for row in reversed(rows))


def _turn(row: Mapping[str, Any], user: Scores | None, case_id: UUID) -> Turn:
    known = [(value, name) for name in _RISKS if user is not None and (value := user.value(name)) is not None]
    risk, risk_of = max(known, default=(None, ""))
    return Turn(
        id=row["id"],
        at=row["at"],
        number=row["ordinal"],
        attempt=row["attempt"],
        distress=user.value("distress") if user is not None else None,
        risk=risk,
        risk_of=SIGNALS[risk_of].meaning if risk is not None and risk >= _FAINT else "",
        state=str((row["session"] or {}).get("session.state") or "unknown"),
        action=row["action"],
        severity=row["severity"],
        status=row["status"],
        delivered=row["delivered"],
        replayed=row["replayed"],
        unscored=tuple(row["unscored"]),
        has_text=row["has_text"],
        of_case=row["case_id"] == case_id,
        rules=trace(row["rules"]),
    )


def trace(rules: Iterable[Mapping[str, Any]]) -> tuple[RuleLine, ...]:
    """A turn's rules in words: what fired first, the gravest of each kind first."""
    order = {"fired": 0, "suppressed": 1, "missing": 2}
    lines = [
        RuleLine(
            rule["id"],
            wording.rule_words(rule["id"]),
            rule["severity"],
            rule["outcome"],
            wording.lacking(rule["by"]) if rule["outcome"] == "missing" else wording.suppressed_by(rule["by"]),
        )
        for rule in rules
    ]
    return tuple(sorted(lines, key=lambda line: (order.get(line.outcome, 3), -line.severity, line.id)))


def estimates(sides: Mapping[Side, Scores], *, screens: bool) -> tuple[Estimate, ...]:
    """The strongest signals that a case can rest on, strongest first, and after them :data:`~detectors.signals.SCREENS`
    where the tenant asks for them."""
    found: list[Estimate] = []
    beside: list[Estimate] = []
    for scores in sides.values():
        for signal in BY_ID.values():
            if signal.side is not scores.side or signal.kind is not Kind.PROBABILITY:
                continue
            if not signal.name.startswith(_TOLD) or signal.name.startswith(_KEPT_BACK):
                continue
            score = scores.get(signal.name)
            if score.value is not None and score.value >= _FAINT:
                told = Estimate(signal.name, signal.meaning, wording.confidence(score.value, score.tier), score.value)
                (beside if signal.name in SCREENS else found).append(told)
    strongest = sorted(found, key=lambda estimate: -estimate.value)[:_MOST]
    return tuple(strongest + beside) if screens else tuple(strongest)
