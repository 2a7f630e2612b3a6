"""How often somebody may try: per name and per address, in the database, so that every console counts the same.

The generic cell rate algorithm (ITU-T I.371, 1996): of a key one instant is stored, when what was tried is paid for. A row
whose instant has passed says nothing and goes, so that the table is as large as what was tried of late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from guard.records.keys import Keys
from guard.review.queries import query

__all__ = ["ADDRESS", "CODE", "NAME", "Rate", "allowed", "forgive", "key_of", "network_of", "wait_in_words"]

_EVERYBODY: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` attempts at once, and one more after each ``every``."""

    burst: int
    every: timedelta


NAME: Final = Rate(5, timedelta(minutes=2))
ADDRESS: Final = Rate(30, timedelta(seconds=10))
CODE: Final = Rate(5, timedelta(minutes=1))


async def allowed(connection: AsyncConnection[Any], tries: Mapping[bytes, Rate], now: datetime) -> timedelta | None:
    """Counts one attempt under every key. ``None`` where all of them allow it, else how long to wait; then nothing is
    counted. Of many at once no more are let through than of as many one after the other."""
    longest = timedelta(0)
    async with connection.transaction() as whole:
        await connection.execute(query("forget_attempts"), {"now": now})
        for key in sorted(tries):  # in one order, so that two never wait for each other
            rate = tries[key]
            most = rate.every * rate.burst
            values = {"key": key, "now": now, "every": rate.every, "most": most}
            if await (await connection.execute(query("attempt"), values)).fetchone() is None:
                due = await (await connection.execute(query("attempt_due"), {"key": key})).fetchone()
                wait = due[0] + rate.every - most - now if due else rate.every
                longest = max(longest, wait, timedelta(seconds=1))
        if longest:
            raise psycopg.Rollback(whole)
    return longest or None


async def forgive(connection: AsyncConnection[Any], tries: Mapping[bytes, Rate], wholly: bytes) -> None:
    """After a success: the attempt itself costs nothing, and of the key ``wholly`` everything is forgotten."""
    for key in sorted(tries):
        values = {"key": key, "every": tries[key].every, "wholly": key == wholly}
        await connection.execute(query("forgive_attempt"), values)


def key_of(keys: Keys, kind: str, *parts: str) -> bytes:
    """A key: neither a name nor an address can be read from it."""
    return keys.hashed(_EVERYBODY, "login", "\0".join((kind, *parts)).encode("utf-8", "surrogatepass"))


def network_of(host: str | None) -> str:
    """What counts as one address: an IPv4 address, or the /64 network of an IPv6 one, of which a household has all."""
    try:
        address: IPv4Address | IPv6Address = ip_address(host or "")
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(ip_network((address, 64), strict=False).network_address)
    return str(address)


def wait_in_words(wait: timedelta) -> str:
    """``40 seconds``, ``1 minute``, ``3 minutes``: never less than it is."""
    seconds = -int(-wait.total_seconds() // 1)
    if seconds < 60:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    minutes = -(-seconds // 60)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
