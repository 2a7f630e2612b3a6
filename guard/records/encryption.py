"""Chat text at rest: a data key a tenant, wrapped by the master key. Destroying the wrapped key destroys the text.

What is encrypted is bound to its tenant, turn and field: moved to another row it does not open.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from guard.records.errors import TextDestroyed
from guard.records.ids import new_id
from guard.records.keys import Keys, Sealer

__all__ = ["DataKey", "open_text", "seal_text", "unwrap", "wrap_new"]

_PURPOSE: Final = "data-key"
_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class DataKey:
    """A tenant's data key. ``wrapped``: as stored; ``None`` once destroyed."""

    tenant_id: UUID
    id: UUID
    wrapped: bytes | None


def wrap_new(keys: Keys, tenant_id: UUID) -> DataKey:
    """A new random data key, wrapped."""
    key_id = new_id()
    return DataKey(tenant_id, key_id, keys.seal(_PURPOSE, os.urandom(_SIZE), tenant_id.bytes + key_id.bytes))


def unwrap(keys: Keys, key: DataKey) -> Sealer:
    """The sealer of a data key. Raises :class:`~guard.records.errors.TextDestroyed` once it was destroyed."""
    if key.wrapped is None:
        raise TextDestroyed(f"data key {key.id} was destroyed, and what it encrypted with it")
    return Sealer(keys.open(_PURPOSE, key.wrapped, key.tenant_id.bytes + key.id.bytes))


def seal_text(sealer: Sealer, text: str, *, tenant_id: UUID, turn_id: UUID, field: str) -> bytes:
    """``text`` encrypted for ``field`` (``user`` or ``reply``) of one turn. Lone surrogates survive."""
    return sealer.seal(text.encode("utf-8", "surrogatepass"), tenant_id.bytes + turn_id.bytes + field.encode())


def open_text(sealer: Sealer, sealed: bytes, *, tenant_id: UUID, turn_id: UUID, field: str) -> str:
    """What :func:`seal_text` was given. Raises :class:`~guard.records.errors.KeyUnusable` for another place or key."""
    return sealer.open(sealed, tenant_id.bytes + turn_id.bytes + field.encode()).decode("utf-8", "surrogatepass")
