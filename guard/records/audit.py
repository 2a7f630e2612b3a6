"""The audit log: what was done, by whom, to what. A hash chain a tenant, that only grows. Never text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection

from guard.records.errors import RequestRefused
from guard.records.queries import query

__all__ = ["Detail", "append"]

Detail = Mapping[str, str | int | bool | None]

_NOTHING: Final[Detail] = MappingProxyType({})
_ACTION: Final = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)*")
_LONGEST_ACTION: Final = 80
_LONGEST: Final = 200  # characters of an actor, a subject, a name or a value
_MOST_BYTES: Final = 4096


async def append(
    connection: AsyncConnection[Any], *, tenant_id: UUID, actor: str, action: str, subject: str, detail: Detail = _NOTHING
) -> None:
    """One row of the tenant's chain, in the caller's transaction: it stands exactly if what it tells of stands.

    ``actor``: ``cli``, ``reviewer:ID``, a process's name. ``action``: words joined by dots, ``case.claimed``. ``subject``:
    what it was done to, ``case:ID``. ``detail``: ids, codes, numbers; never text, a person's hash or a secret. Within
    :func:`~guard.records.scope.tenant_scope` every role may append to its own tenant's chain.

    The chain is locked until the transaction ends: append last, and do not wait for others after it. Raises
    :class:`~guard.records.errors.RequestRefused` for a field that is empty, over 200 characters, or not printable.
    """
    if not _ACTION.fullmatch(action) or len(action) > _LONGEST_ACTION:
        raise RequestRefused("an action of the audit log is small words joined by dots, at most 80 characters")
    for what, value in (("actor", actor), ("subject", subject)):
        if not value or not _fits(value):
            raise RequestRefused(f"the {what} of an audit row has 1 to {_LONGEST} printable characters")
    for name, entry in detail.items():
        if not _fits(name) or (isinstance(entry, str) and not _fits(entry)):
            raise RequestRefused(f"details of an audit row have at most {_LONGEST} printable characters each")
    written = json.dumps(dict(detail), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if len(written.encode()) > _MOST_BYTES:
        raise RequestRefused(f"the details of an audit row have at most {_MOST_BYTES} bytes")
    values = {"tenant_id": tenant_id, "actor": actor, "action": action, "subject": subject, "detail": written}
    await connection.execute(query("append_audit"), values)


def _fits(value: str) -> bool:
    return len(value) <= _LONGEST and value.isprintable()
