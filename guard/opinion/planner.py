"""Finds turns in the grey zone among those on record, and takes up as many as the day allows.

Off every turn's path: it reads what the gateway has committed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from detectors.contract import Item
from detectors.lexicon import LexiconScorer
from detectors.signals import Scores, Side
from guard.escalation.store import Store
from guard.opinion.endpoint import Endpoint
from guard.opinion.grey import Why, allowance, draw, grey
from guard.opinion.rubric import RUBRICS
from guard.opinion.sealed import opened
from guard.opinion.thresholds import thresholds_of
from guard.records.ids import new_id
from guard.records.keys import Keys
from guard.records.packing import unpack

__all__ = ["Planner"]

_log = logging.getLogger(__name__)

_SETTLED: Final = 120.0  # seconds from a turn's beginning after which its reply, too, is on record
_DESK: Final = "handrail.opinions/plan"
_BACK: Final = 3600.0
_TURNS: Final = 500  # of one tenant in one call
_ROUNDS: Final = 4


@dataclass(frozen=True, slots=True)
class _Grey:
    side: Side
    why: Why
    turn: Mapping[str, Any]


class Planner:
    """One of a process. ``settled``: seconds since a turn began before it is looked at."""

    def __init__(self, store: Store, keys: Keys, endpoint: Endpoint, *, settled: float = _SETTLED) -> None:
        self._store, self._keys, self._endpoint, self._settled = store, keys, endpoint, settled
        self._lexicon: LexiconScorer | None = None
        self._thresholds: dict[str, Mapping[str, float]] = {}

    def plan(self) -> int:
        """Looks at what is new of each tenant that is switched on, and takes up what the day allows. Returns how many
        questions were taken up. Safe to repeat: a turn is planned once a side, rubric and model."""
        with self._store.alone(_DESK) as free:  # two at once would take up the day's number twice
            return sum(self._tenant(row) for row in self._store.rows("tenants", {"back": _BACK})) if free else 0

    def _tenant(self, tenant: Mapping[str, Any]) -> int:
        at, turn_id = tenant["at"], tenant["turn_id"]
        for _ in range(_ROUNDS):
            values = {"tenant_id": tenant["id"], "at": at, "turn_id": turn_id, "settled": self._settled, "limit": _TURNS}
            rows = self._store.rows("turns", values)
            if not rows:
                break
            at, turn_id = rows[-1]["at"], rows[-1]["id"]
            self._store.run("plan", self._rows(tenant["id"], self._grey(tenant, rows), at, turn_id))
            if len({row["id"] for row in rows}) < _TURNS:
                break
        allowed = allowance(self._endpoint.daily, tenant["taken"], tenant["now"])
        if not allowed:
            return 0
        ask = {"tenant_id": tenant["id"], "allowed": allowed, "model": self._endpoint.model}
        return self._store.run("admit", {**ask, "rubrics": [rubric.id for rubric in RUBRICS.values()]})

    def _grey(self, tenant: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[_Grey]:
        for row in rows:
            if row["key"] is not None:
                why = self._why(tenant["id"], row)
                if why is not None:
                    yield _Grey(Side(row["side"]), why, row)

    def _why(self, tenant_id: UUID, row: Mapping[str, Any]) -> Why | None:
        scores = unpack(
            Side(row["side"]), row["ids"], row["values"], bytes(row["tiers"]), model=row["model"], language=row["language"],
            covered=row["covered"],
        )  # fmt: skip
        if scores.model not in self._thresholds:
            if len(self._thresholds) >= 64:  # models that were ever in service: a handful
                self._thresholds.clear()
            self._thresholds[scores.model] = thresholds_of(scores.model)
        thresholds = self._thresholds[scores.model]
        why = grey(scores, thresholds)
        # A reply's scores are of its sentences; only a person's turn can be read again as it was.
        if why is None and scores.side is Side.USER:
            text = opened(self._keys, tenant_id, row, "user")
            if text:
                why = grey(scores, thresholds, self._words(text, scores))
        return why

    def _words(self, text: str, scores: Scores) -> Mapping[str, float]:
        self._lexicon = self._lexicon or LexiconScorer()
        return dict(self._lexicon.score_one(Item(Side.USER, text, language=scores.language)).answered())

    def _rows(self, tenant_id: UUID, found: Iterator[_Grey], at: Any, turn_id: UUID) -> dict[str, Any]:
        grey_turns = list(found)
        return {
            "tenant_id": tenant_id,
            "at": at,
            "turn_id": turn_id,
            "ids": [new_id() for _ in grey_turns],
            "turn_ids": [one.turn["id"] for one in grey_turns],
            "turn_ats": [one.turn["at"] for one in grey_turns],
            "attempts": [one.turn["attempt"] for one in grey_turns],
            "sides": [one.side.value for one in grey_turns],
            "rubrics": [RUBRICS[one.side].id for one in grey_turns],
            "models": [self._endpoint.model] * len(grey_turns),
            "whys": [one.why.value for one in grey_turns],
            "draws": [draw(bytes(one.turn["key"])) for one in grey_turns],
        }
