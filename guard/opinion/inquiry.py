"""Asks: claims a question, reads the stored text, redacts it, puts it to the endpoint and writes down what came of it."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import orjson

from detectors.errors import ScorerUnavailable
from detectors.pii.entity import EntityFinder
from detectors.signals import Side
from guard.escalation.store import Store
from guard.opinion.agreement import pairs
from guard.opinion.breaker import pause
from guard.opinion.client import Client, Outcome, Reading, quotation
from guard.opinion.endpoint import Endpoint
from guard.opinion.record import scores_in
from guard.opinion.redaction import SEARCH_SECONDS, Finders, redacted
from guard.opinion.rubric import RUBRICS, Rubric, find
from guard.opinion.sealed import opened
from guard.opinion.thresholds import thresholds_of
from guard.records.keys import Keys

__all__ = ["BATCH", "LANE", "Batch", "Due", "Inquiry", "Meter"]

_log = logging.getLogger(__name__)

BATCH: Final = 8
"""Questions in one message to the broker."""

LANE: Final = "handrail.opinions/lane"
"""What one task holds while it asks."""
_BUSY_SECONDS: Final = 5.0
_LEASE_SECONDS: Final = 90.0  # longer than the longest task
_WORKING_SECONDS: Final = 38.0  # a task is told to end at 40: no further question begins that may not end before
_MOST_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class Due:
    """A question whose time has come. ``attempts``: how many were begun; the fence of the next one."""

    id: UUID
    attempts: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions of one tenant that one task asks, one after the other."""

    tenant_id: UUID
    due: tuple[Due, ...]


class Meter(Protocol):
    """What is counted of second opinions."""

    def opinion(self, outcome: str, seconds: float | None) -> None:
        """A question ended: ``answered``, ``refused``, ``failed``, ``away`` or ``no_text``; ``seconds``: how long the
        endpoint took, ``None`` where it was not asked."""
        ...

    def comparable(self, signals: Iterable[str]) -> None:
        """What may be compared: counted from zero."""
        ...

    def compared(self, signal: str, agreement: str) -> None:
        """A signal's score was set beside an opinion; ``agreement``: see :attr:`guard.opinion.agreement.Pair.word`."""
        ...


class Inquiry:
    """One of a process. At any moment one task in the whole installation asks: a session lock in the database holds the
    lane, so that no endpoint that hangs takes more than one of a worker's processes."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        endpoint: Endpoint,
        meter: Meter,
        finders: Finders,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``finders``: find what is personal, which is taken out before anything is sent."""
        self._store, self._keys, self._endpoint, self._meter = store, keys, endpoint, meter
        self._finders, self._tls = finders, tls

    def dispatch(self) -> Batch | None:
        """Leases what is due, of one tenant; ``None`` where nothing is, where the lane is taken and while the endpoint is
        left alone."""
        with self._store.alone(LANE) as free:
            if not free:
                return None
            values = {"batch": BATCH, "lease": _LEASE_SECONDS, "endpoint": self._endpoint.digest}
            ours = {"model": self._endpoint.model, "rubrics": [rubric.id for rubric in RUBRICS.values()]}
            rows = self._store.rows("dispatch", values | ours)
        return Batch(rows[0]["tenant_id"], tuple(Due(row["id"], row["attempts"]) for row in rows)) if rows else None

    def ask(self, batch: Batch) -> int:
        """Asks as many of ``batch`` as there is time for, and returns how many ended for good.

        What was claimed before is not claimed again: safe to repeat. Raises ``psycopg.OperationalError`` where the database
        went away; then what was not written down is asked again when its lease ends.
        """
        began = time.monotonic()
        with self._store.alone(LANE) as free:
            if not free:
                self._put_off(batch.tenant_id, batch.due, _BUSY_SECONDS)
                return 0
            return asyncio.run(self._ask_all(batch, began + _WORKING_SECONDS))

    async def _ask_all(self, batch: Batch, until: float) -> int:
        ended = 0
        async with Client(self._endpoint, tls=self._tls) as client, self._finders() as finder:
            for place, due in enumerate(batch.due):
                if place and time.monotonic() + SEARCH_SECONDS + self._endpoint.seconds > until:
                    self._put_off(batch.tenant_id, batch.due[place:], 0.0)
                    break
                outcome = await self._one(client, finder, batch.tenant_id, due)
                ended += outcome not in (None, Outcome.AWAY)
                if outcome is Outcome.AWAY:  # the others would meet the same
                    self._put_off(batch.tenant_id, batch.due[place + 1 :], 0.0)
                    break
        return ended

    async def _one(self, client: Client, finder: EntityFinder, tenant_id: UUID, due: Due) -> Outcome | None:
        values = {"tenant_id": tenant_id, "id": due.id, "attempts": due.attempts, "lease": _LEASE_SECONDS}
        rows = self._store.rows("claim", values)
        if not rows:
            return None
        row = rows[0]
        rubric = find(row["rubric"])
        said, cut = self._said(tenant_id, row, rubric) if rubric is not None else ({}, False)
        if rubric is None or not said:
            reason = "no_text" if rubric is not None else "other_rubric"
            self._settle(tenant_id, row, Reading(Outcome.FAILED, reason=reason), cut=False)
            self._meter.opinion(reason if reason == "no_text" else "failed", None)
            return Outcome.FAILED
        try:
            sent = await redacted(finder, said)
        except ScorerUnavailable as error:
            _log.warning("nothing is asked: the scorer did not search for names", extra={"error": type(error)})
            # Tries are few: they last as long for a scorer that is away as for an endpoint.
            wait = pause(row["attempts"], jitter=random.random())  # noqa: S311  (spreads load; protects nothing)
            self._put_off(tenant_id, [Due(due.id, row["attempts"])], wait, reason="unsearched")
            return Outcome.AWAY
        self._note(tenant_id, row)
        reading = await client.ask(rubric, sent)
        self._meter.opinion(reading.outcome.value, reading.seconds)
        if reading.outcome is Outcome.AWAY:
            self._away(tenant_id, Due(due.id, row["attempts"]), reading)
        else:
            self._store.run("endpoint_answers", {"endpoint": self._endpoint.digest})
            if self._settle(tenant_id, row, reading, cut=cut):
                self._compare(rubric, row, reading)
        return reading.outcome

    def _said(self, tenant_id: UUID, row: Mapping[str, Any], rubric: Rubric) -> tuple[dict[str, str], bool]:
        """What is asked about, bounded, and whether something was cut; nothing where it is not stored."""
        sides = {"person": "user"} if rubric.side is Side.USER else {"person": "user", "reply": "reply"}
        said, any_cut = {}, False
        for name, side in sides.items():
            text = opened(self._keys, tenant_id, row, side, turn_id=row["turn_id"])
            if text:
                short, cut = quotation(text)
                said[name], any_cut = short, any_cut or cut
        asked_about = "person" if rubric.side is Side.USER else "reply"
        return (said, any_cut) if asked_about in said else ({}, False)

    def _note(self, tenant_id: UUID, row: Mapping[str, Any]) -> None:
        detail = {"host": self._endpoint.host, "model": self._endpoint.model, "opinion": str(row["id"]), "side": row["side"]}
        written = orjson.dumps(detail, option=orjson.OPT_SORT_KEYS).decode()
        self._store.rows("note_asked", {"tenant_id": tenant_id, "subject": f"turn:{row['turn_id']}", "detail": written})

    def _settle(self, tenant_id: UUID, row: Mapping[str, Any], reading: Reading, *, cut: bool) -> int:
        return self._store.run(
            "settle",
            {
                "tenant_id": tenant_id,
                "id": row["id"],
                "attempts": row["attempts"],
                "state": reading.outcome.value,
                "reason": reading.reason,
                "labels": orjson.dumps(dict(reading.labels)).decode() if reading.labels is not None else None,
                "seconds": reading.seconds or None,
                "cut": cut,
            },
        )

    def _compare(self, rubric: Rubric, row: Mapping[str, Any], reading: Reading) -> None:
        scored = self._store.rows("scores_of", {"id": row["id"]}) if reading.labels is not None else ()
        for found in scored:
            scores = scores_in(found)
            for pair in pairs(rubric, reading.labels or {}, scores, thresholds_of(scores.model), row["turn_id"]):
                self._meter.compared(pair.signal, pair.word)

    def _away(self, tenant_id: UUID, due: Due, reading: Reading) -> None:
        at = {"endpoint": self._endpoint.digest}
        failures = self._store.rows("endpoint_away", at | {"reason": reading.reason})[0]["failures"]
        wait = pause(failures, reading.retry_after, random.random())  # noqa: S311  (spreads load; protects nothing)
        self._store.run("endpoint_shut", at | {"wait": wait})
        self._put_off(tenant_id, [due], wait, reason=reading.reason)
        _log.warning(
            "the endpoint of second opinions does not answer; it is left alone for a while",
            extra={"reason": reading.reason, "seconds": wait, "attempt": failures},
        )

    def _put_off(self, tenant_id: UUID, due: Sequence[Due], wait: float, *, reason: str | None = None) -> None:
        if not due:
            return
        values = {"tenant_id": tenant_id, "ids": [one.id for one in due], "attempts": [one.attempts for one in due]}
        for row in self._store.rows("put_off", values | {"wait": wait, "most": _MOST_ATTEMPTS, "reason": reason}):
            if row["state"] == "failed":
                self._meter.opinion("failed", None)
