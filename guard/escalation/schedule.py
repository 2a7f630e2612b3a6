"""When a delivery is tried again, and when not any more. Pure: the answer to one attempt follows from what came back.

The intervals are those that the Standard Webhooks specification suggests (standardwebhooks.com, specification 1.0.0,
"Deliverability and reliability").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

__all__ = ["STANDARD", "Answer", "Schedule", "Settlement", "Verdict", "retry_after_seconds", "settle"]

_HOUR: Final = 3600.0
_LONGEST_PAUSE: Final = _HOUR  # the most that a receiver may ask for: a case has its own clock
_JITTER: Final = 0.1
_THROTTLED: Final = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds to wait before each attempt; the first is usually 0. As many attempts as entries."""

    waits: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.waits or any(wait < 0 for wait in self.waits):
            raise ValueError("a schedule needs at least one wait, none of them negative")


STANDARD: Final = Schedule((0.0, 5.0, 300.0, 1800.0, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR))


@dataclass(frozen=True, slots=True)
class Answer:
    """What one attempt met. ``status``: the HTTP status, if one came. ``error``: a code if none came, never a body.
    ``final``: trying again cannot help (the address or the secret itself is wrong)."""

    status: int | None = None
    error: str | None = None
    retry_after: float | None = None
    final: bool = False


class Verdict(StrEnum):
    """What becomes of a delivery."""

    DELIVERED = "delivered"
    PENDING = "pending"
    FAILED = "failed"  # given up because the receiver or the channel says so
    DEAD = "dead"  # given up because the schedule is exhausted


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is written of an attempt. ``wait``: seconds until the next one, where there is one."""

    verdict: Verdict
    error: str | None = None
    wait: float | None = None
    disable: bool = False


def settle(answer: Answer, attempt: int, schedule: Schedule, jitter: float = 0.0) -> Settlement:
    """What follows from ``answer`` to the attempt number ``attempt`` (from 1).

    2xx is delivered. 410 disables the channel, as the specification says. 429, 502, 503 and 504 wait as long as
    ``Retry-After`` asks, an hour at most and never less than the schedule. Everything else, redirects included, follows the
    schedule; ``jitter`` in [0, 1) lengthens a wait by up to a tenth, so that receivers that come back are not met by
    everybody at once.
    """
    if answer.status is not None and 200 <= answer.status < 300:
        return Settlement(Verdict.DELIVERED)
    error = answer.error or f"status_{answer.status}"
    if answer.status == 410:
        return Settlement(Verdict.FAILED, "gone", disable=True)
    if answer.final:
        return Settlement(Verdict.FAILED, error)
    if attempt >= len(schedule.waits):
        return Settlement(Verdict.DEAD, error)
    wait = schedule.waits[attempt] * (1 + _JITTER * jitter)
    if answer.status in _THROTTLED and answer.retry_after is not None:
        wait = max(wait, min(answer.retry_after, _LONGEST_PAUSE))
    return Settlement(Verdict.PENDING, error, wait)


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110, 10.2.3: seconds or a date), or ``None`` where it says
    nothing that can be read. Never negative."""
    if value is None or len(value) > 64:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value), 10**9))
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - now) / timedelta(seconds=1))
