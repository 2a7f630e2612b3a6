"""Attempts: claims deliveries of one channel, sends them side by side, and writes down what came of each."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from guard.errors import HandrailError
from guard.escalation import signing
from guard.escalation.ledger import Attempt, Ledger
from guard.escalation.mail import Mailer
from guard.escalation.outbox import SHARE, Due
from guard.escalation.schedule import STANDARD, Answer, Schedule, Verdict, settle
from guard.escalation.store import Store
from guard.escalation.webhook import Limits, Sender

__all__ = ["Courier", "Unseal"]

Unseal = Callable[[UUID, bytes], str]
"""Opens a channel's secret of a tenant. Raises a :class:`~guard.errors.HandrailError` where it does not open."""

_log = logging.getLogger(__name__)

_MARGIN_SECONDS: Final = 2.0  # an attempt's lease outlasts the attempt by this
_BUSY_SECONDS: Final = 1.0
_CROWDED_SECONDS: Final = 5.0
# Channels in trouble share so many places in the whole installation: receivers that hang never take every process.
_PLACES: Final = ("handrail.troubled/0", "handrail.troubled/1")
_DRAIN_SECONDS: Final = 5.0  # then the slot is given back, so that no channel keeps it


class Courier:
    """Delivers. One batch of a channel and lane (urgent or not) runs at a time in the whole installation: a session lock in
    the database holds it, and ends with the process that held it."""

    def __init__(
        self,
        store: Store,
        unseal: Unseal,
        *,
        allow_private: bool = False,
        schedule: Schedule = STANDARD,
        limits: Limits | None = None,
        mailer: Mailer | None = None,
    ) -> None:
        self._store = store
        self._ledger = Ledger(store)
        self._mailer = mailer
        self._unseal = unseal
        self._allow_private = allow_private
        self._schedule = schedule
        self._limits = limits or Limits()
        self._lease = self._limits.total_seconds + _MARGIN_SECONDS
        self._tls: ssl.SSLContext | None = None  # reading the authorities takes longer than a delivery: once a process

    def deliver(self, tenant_id: UUID, channel_id: UUID, due: Sequence[Due], *, urgent: bool, troubled: bool = False) -> int:
        """Makes one attempt at each of ``due`` that is still due; returns how many were delivered.

        Safe to repeat: what was claimed before is not claimed again. Raises ``psycopg.OperationalError`` where the database
        went away; then what was not written down is tried again when its lease ends, under the same ``webhook-id``.
        """
        named = _named(tenant_id, channel_id, due)
        with self._held([f"handrail.channel/{tenant_id}/{channel_id}/{urgent}"]) as free:
            if not free:
                self._store.run("release", {**named, "wait": _BUSY_SECONDS})
                return 0
            with self._held(_PLACES if troubled else ()) as room:
                if not room:
                    self._store.run("release", {**named, "wait": _CROWDED_SECONDS})
                    return 0
                attempts = self._claim(tenant_id, channel_id, due)
                return asyncio.run(self._send_all(tenant_id, channel_id, attempts, urgent)) if attempts else 0

    @contextmanager
    def _held(self, names: Sequence[str]) -> Iterator[bool]:
        """Holds the first of ``names`` that nobody holds; false where there is none. No name needs no lock."""
        connection = self._store.connection()
        held = None
        for name in names:
            row = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0)) as taken", [name]).fetchone()
            if row is not None and row["taken"]:
                held = name
                break
        try:
            yield held is not None or not names
        finally:
            if held is not None:
                with suppress(psycopg.Error):  # a lost connection has let go of it already
                    connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [held])

    def _claim(self, tenant_id: UUID, channel_id: UUID, due: Sequence[Due]) -> list[Attempt]:
        rows = self._store.rows("claim", {**_named(tenant_id, channel_id, due), "lease": self._lease})
        return _attempts(rows)

    def _claim_more(self, tenant_id: UUID, channel_id: UUID, urgent: bool) -> list[Attempt]:
        values = {"tenant_id": tenant_id, "channel_id": channel_id, "urgent": urgent, "lease": self._lease, "batch": SHARE}
        return _attempts(self._store.rows("claim_more", values))

    async def _send_all(self, tenant_id: UUID, channel_id: UUID, attempts: list[Attempt], urgent: bool) -> int:
        """Sends ``attempts``, and while the receiver takes everything quickly, what else is due for this channel."""
        delivered = 0
        until = time.monotonic() + _DRAIN_SECONDS
        self._tls = self._tls or ssl.create_default_context()
        async with Sender(allow_private=self._allow_private, limits=self._limits, tls=self._tls) as sender:
            while attempts:
                tasks = [self._send(sender, tenant_id, channel_id, attempt) for attempt in attempts]
                # Each runs to its end: one that fails must not cut the others off between a success and its being written.
                results = await asyncio.gather(*tasks, return_exceptions=True)
                failures = [result for result in results if isinstance(result, BaseException)]
                if failures:
                    raise failures[0]
                done = sum(result is True for result in results)
                delivered += done
                if done < len(attempts) or time.monotonic() > until:
                    break
                attempts = self._claim_more(tenant_id, channel_id, urgent)
        return delivered

    async def _send(self, sender: Sender, tenant_id: UUID, channel_id: UUID, attempt: Attempt) -> bool:
        message_id = signing.webhook_id(attempt.outbox_id, channel_id)
        if attempt.kind == "email":
            answer = await self._mail(attempt, message_id)
        else:
            answer = await self._post(sender, tenant_id, attempt, message_id)
        jitter = random.random()  # noqa: S311  (spreads load; protects nothing)
        outcome = settle(answer, attempt.try_number, self._schedule, jitter)
        # The statement takes a millisecond or two; the other attempts of this batch can wait that long.
        self._ledger.write(tenant_id, channel_id, attempt, answer, outcome)
        return outcome.verdict is Verdict.DELIVERED

    async def _post(self, sender: Sender, tenant_id: UUID, attempt: Attempt, message_id: str) -> Answer:
        try:
            sealed = [secret for secret in (attempt.secret, attempt.previous_secret) if secret is not None]
            keys = [signing.secret_key(self._unseal(tenant_id, secret)) for secret in sealed]
            content = signing.body(attempt.topic, attempt.created_at, attempt.payload)
            signed = signing.headers(message_id, datetime.now(UTC), content, *keys)
        except (HandrailError, ValueError):
            return Answer(error="secret_unusable")
        return await sender.send(attempt.url, content, signed)

    async def _mail(self, attempt: Attempt, message_id: str) -> Answer:
        if self._mailer is None:
            return Answer(error="smtp_unset")
        return await self._mailer.send(attempt.url, attempt.topic, attempt.created_at, attempt.payload, message_id)


def _attempts(rows: Sequence[Mapping[str, Any]]) -> list[Attempt]:
    found = []
    for row in rows:
        payload: dict[str, Any] = row["payload"] if isinstance(row["payload"], dict) else {}
        if row["synthetic"]:
            payload = {**payload, "synthetic": True}
        severity = payload.get("severity", 0)
        found.append(
            Attempt(
                outbox_id=row["outbox_id"],
                number=row["attempts"],
                try_number=row["attempts"] - row["spent"],
                topic=row["topic"],
                created_at=row["created_at"],
                payload=payload,
                severity=severity if isinstance(severity, int) else 0,
                kind=row["kind"],
                url=row["url"],
                secret=row["secret"] and bytes(row["secret"]),
                previous_secret=row["previous_secret"] and bytes(row["previous_secret"]),
            )
        )
    return sorted(found, key=lambda attempt: -attempt.severity)


def _named(tenant_id: UUID, channel_id: UUID, due: Sequence[Due]) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "channel_id": channel_id,
        "outbox_ids": [item.outbox_id for item in due],
        "attempts": [item.attempts for item in due],
    }
