"""What an operator does to channels: adds an e-mail address, rotates a secret, moves a channel on the ladder.

Each function is one statement on the caller's connection. A secret is returned once and stored sealed.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from guard.escalation.errors import ChannelRefused
from guard.escalation.ladder import HIGHEST
from guard.escalation.letter import mail_address
from guard.records.errors import NameTaken, NotFound
from guard.records.ids import new_id
from guard.records.keys import Keys

__all__ = ["LONGEST_OVERLAP", "OVERLAP", "TOPICS", "add_email", "rotate_secret", "set_rung"]

TOPICS: Final = ("case.opened", "case.raised", "alert.opened")
"""What a channel can ask for. Who asks for a topic of cases is on call for them: the ladder tells them as well."""
OVERLAP: Final = timedelta(hours=24)
"""For how long the secret before signs too, unless told otherwise."""
LONGEST_OVERLAP: Final = timedelta(days=30)

_SECRET_BYTES: Final = 32
_PURPOSE: Final = "channel"

_ADD: Final = """
insert into channels (tenant_id, id, name, kind, url, topics, severity_from, rung)
values (%(tenant_id)s, %(id)s, %(name)s, 'email', %(url)s, %(topics)s, %(severity_from)s, %(rung)s)
on conflict (tenant_id, name) do nothing
returning id
"""
_ROTATE: Final = """
update channels
set previous_secret = case when %(overlap)s > interval '0' then secret end,
    previous_until = case when %(overlap)s > interval '0' then now() + %(overlap)s end,
    secret = %(secret)s
where tenant_id = %(tenant_id)s and name = %(name)s and kind = 'webhook'
    and (%(overlap)s = interval '0' or previous_until is null or previous_until <= now())
returning id
"""
_STANDING: Final = "select kind, previous_until from channels where tenant_id = %(tenant_id)s and name = %(name)s"
_RUNG: Final = "update channels set rung = %(rung)s where tenant_id = %(tenant_id)s and name = %(name)s returning id"


async def add_email(
    connection: AsyncConnection[Any],
    tenant_id: UUID,
    name: str,
    address: str,
    *,
    topics: Sequence[str] = TOPICS,
    severity_from: int = 0,
    rung: int = 1,
) -> None:
    """A new channel by e-mail. ``name`` is stored as it is: the caller checks its form.

    Raises :class:`~guard.escalation.errors.AddressRefused` for what is no plain address,
    :class:`~guard.records.errors.NameTaken`, and :class:`~guard.escalation.errors.ChannelRefused` for an unknown topic, a
    severity outside 0 to 4 or a rung outside 1 to 9.
    """
    plain = mail_address(address)
    unknown = sorted(set(topics) - set(TOPICS))
    if unknown or not topics:
        raise ChannelRefused(f"topics are {', '.join(TOPICS)}; there is no {', '.join(unknown) or 'empty list'}")
    if not 0 <= severity_from <= 4:
        raise ChannelRefused(f"severity {severity_from} does not exist; give 0 to 4")
    _check_rung(rung)
    values = {"tenant_id": tenant_id, "id": new_id(), "name": name, "url": f"mailto:{plain}", "topics": list(topics)}
    if await _one(connection, _ADD, values | {"severity_from": severity_from, "rung": rung}) is None:
        raise NameTaken(f"there is a channel {name!r} already")


async def rotate_secret(
    connection: AsyncConnection[Any], keys: Keys, tenant_id: UUID, name: str, *, overlap: timedelta = OVERLAP
) -> str:
    """A new signing secret for a webhook, returned once. Until ``overlap`` is over both secrets sign each message, so that a
    receiver can change over without losing one; zero drops the old one at once, as after a leak.

    Raises :class:`~guard.records.errors.NotFound`, and :class:`~guard.escalation.errors.ChannelRefused` for a channel
    without a secret, an overlap outside 0 to 30 days, or one that still runs: a third secret would drop the first too early.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise ChannelRefused(f"an overlap lasts up to {LONGEST_OVERLAP.days} days; 0 drops the old secret at once")
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    named = {"tenant_id": tenant_id, "name": name}
    sealed = keys.seal(_PURPOSE, secret.encode(), tenant_id.bytes)
    if await _one(connection, _ROTATE, named | {"secret": sealed, "overlap": overlap}) is not None:
        return secret
    found = await _one(connection, _STANDING, named)
    if found is None:
        raise NotFound(f"there is no channel {name!r}")
    if found["kind"] != "webhook":
        raise ChannelRefused(f"channel {name} is of kind {found['kind']}: it has no signing secret")
    until: datetime = found["previous_until"]
    raise ChannelRefused(
        f"the secret before still signs until {until:%Y-%m-%d %H:%M %Z}; wait, or drop it at once with an overlap of 0"
    )


async def set_rung(connection: AsyncConnection[Any], tenant_id: UUID, name: str, rung: int) -> None:
    """Moves a channel on the ladder: 1 is told first. Raises :class:`~guard.records.errors.NotFound`, and
    :class:`~guard.escalation.errors.ChannelRefused` outside 1 to 9."""
    _check_rung(rung)
    if await _one(connection, _RUNG, {"tenant_id": tenant_id, "name": name, "rung": rung}) is None:
        raise NotFound(f"there is no channel {name!r}")


def _check_rung(rung: int) -> None:
    if not 1 <= rung <= HIGHEST:
        raise ChannelRefused(f"rung {rung} does not exist; give 1 (told first) to {HIGHEST}")


async def _one(
    connection: AsyncConnection[Any], statement: LiteralString, values: Mapping[str, Any]
) -> dict[str, Any] | None:
    cursor = await connection.cursor(row_factory=dict_row).execute(statement, values)
    return await cursor.fetchone()
