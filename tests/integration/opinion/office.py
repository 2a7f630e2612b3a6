"""Tenants whose turns are in a grey zone, over a real database, and what asks about them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import DictRow

from detectors.pii.entity import EntityFinder
from detectors.pii.forms import FormsFinder
from detectors.signals import Scores, Side, Tier
from guard.escalation.store import Store
from guard.opinion.endpoint import Endpoint as Address
from guard.opinion.inquiry import Inquiry
from guard.opinion.planner import Planner
from guard.opinion.redaction import Finders
from guard.opinion.thresholds import shipped_model, thresholds_of
from guard.records.contract import TurnText
from guard.turns.contract import Identity
from tests.integration.opinion.endpoint import Endpoint
from tests.integration.records.world import World

__all__ = ["MODEL", "Counts", "Office", "near", "scored"]

MODEL = shipped_model() or "none"


def scored(side: Side = Side.USER, **values: float) -> Scores:
    """Scores of the installed model: names with ``_`` for the first dot."""
    named = {name.replace("_", ".", 1): value for name, value in values.items()}
    return Scores.of(side, MODEL, named, tier=Tier.FULL)


@asynccontextmanager
async def forms() -> AsyncIterator[EntityFinder]:
    """Finds what has a form. Names are found by the scorer, which the worker's own test has."""
    yield FormsFinder()


@dataclass
class Counts:
    """What was counted."""

    outcomes: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    agreement: dict[str, str] = field(default_factory=dict)

    def opinion(self, outcome: str, seconds: float | None) -> None:
        """A question ended."""
        self.outcomes.append(outcome)
        if seconds is not None:
            self.seconds.append(seconds)

    def comparable(self, signals: Iterable[str]) -> None:
        """Starts from nothing."""

    def compared(self, signal: str, agreement: str) -> None:
        """A signal's score was set beside an opinion."""
        self.agreement[signal] = agreement


class _Store(Store):
    """Closes what it opened."""

    def __init__(self, url: str, opened: list[psycopg.Connection[DictRow]]) -> None:
        super().__init__(url, package="guard.opinion")
        self._opened = opened

    def connection(self) -> psycopg.Connection[DictRow]:
        found = super().connection()
        if found not in self._opened:
            self._opened.append(found)
        return found


@dataclass
class Office:
    """One installation and the endpoint that it asks."""

    url: str
    folder: Path
    endpoint: Endpoint
    counts: Counts = field(default_factory=Counts)
    opened: list[psycopg.Connection[DictRow]] = field(default_factory=list)
    planners: dict[tuple[tuple[str, Any], ...], Planner] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world = World(self.url, self.folder)

    def address(self, **changes: Any) -> Address:
        """The endpoint as the settings would have it."""
        values: dict[str, Any] = {"model": "second-1", "daily": 100_000, "seconds": 5.0, "key": "sk-test"}
        return Address(self.endpoint.url, **values | changes)

    def store(self) -> Store:
        """A store of its own, closed with the office."""
        return _Store(self.url, self.opened)

    def tidy(self) -> None:
        """What the worker does every few minutes."""
        self.store().run("tidy", {"waits": 3600.0, "lives": 86_400.0})

    def planner(self, **changes: Any) -> Planner:
        """Looks at turns at once. One for each way to be set, for what reads words takes its time to be made."""
        key = tuple(sorted(changes.items()))
        if key not in self.planners:
            self.planners[key] = Planner(self.store(), self.world.keys, self.address(**changes), settled=0.0)
        return self.planners[key]

    def inquiry(self, finders: Finders = forms, **changes: Any) -> Inquiry:
        """Asks."""
        return Inquiry(self.store(), self.world.keys, self.address(**changes), self.counts, finders)

    def tenant(self, *, on: bool = True, store_text: bool = True) -> Identity:
        """A tenant that was switched on a while ago."""
        tenant = self.world.tenant(store_text=store_text)
        if on:
            since = datetime.now(UTC) - timedelta(minutes=30)
            self.world.run("update tenants set opinion_since = %s where id = %s", since, tenant.tenant_id)
        return tenant

    def turn(
        self,
        tenant: Identity,
        *,
        user: str = "",
        reply: str = "",
        of_user: Scores | None = None,
        of_reply: Scores | None = None,
    ) -> UUID:
        """A turn as the gateway records it, near the threshold of one signal unless scores are given."""

        async def record() -> UUID:
            async with self.world.records() as records:
                claim = self.world.claim(tenant, secrets.token_hex(8), session=secrets.token_hex(8))
                claimed = await records.claim(claim)
                scores = {"user": of_user or near(), "reply": of_reply or scored(Side.REPLY, harm_method=0.0)}
                said = TurnText(user, reply)
                entry = replace(self.world.entry(claim, claimed), text=said, user=scores["user"], reply=scores["reply"])
                await records.commit(entry)
                return claimed.turn_id

        return asyncio.run(record())

    def go(self, **changes: Any) -> list[dict[str, Any]]:
        """Plans, and asks whatever is due until nothing is; the opinions then."""
        self.planner(**changes).plan()
        inquiry = self.inquiry(**changes)
        while (batch := inquiry.dispatch()) is not None:
            inquiry.ask(batch)
        return self.opinions()

    def opinions(self) -> list[dict[str, Any]]:
        """All of them, in the order of their making."""
        return self.world.rows("select * from opinions order by id")

    def clean(self) -> None:
        """As if nothing had been asked yet, and no tenant were switched on."""
        self.world.run("delete from opinions")
        self.world.run("delete from opinion_endpoints")
        self.world.run("update tenants set opinion_since = null")
        self.counts = Counts()
        self.endpoint.seen.clear()
        self.endpoint.behaviours.clear()

    def close(self) -> None:
        """Closes every connection."""
        while self.opened:
            self.opened.pop().close()


def near(side: Side = Side.USER, name: str = "risk.suicide") -> Scores:
    """Words whose ``name`` is at its threshold."""
    return Scores.of(side, MODEL, {name: thresholds_of(MODEL)[name]}, tier=Tier.FULL)
