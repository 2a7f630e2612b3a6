"""The stored text of a turn, opened for as long as it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from guard.records.encryption import DataKey, open_text, unwrap
from guard.records.errors import KeyUnusable
from guard.records.keys import Keys

__all__ = ["opened"]


def opened(keys: Keys, tenant_id: UUID, row: Mapping[str, Any], side: str, *, turn_id: UUID | None = None) -> str | None:
    """What was said on ``side`` (``user`` or ``reply``) of a row with ``text_key``, ``wrapped`` and the sealed text.

    ``None`` where none is stored, where its key was destroyed, and where it does not open. ``turn_id``: by default the row's
    ``id``.
    """
    sealed = row[f"text_{side}"]
    if sealed is None or row["text_key"] is None or row["wrapped"] is None:
        return None
    try:
        sealer = unwrap(keys, DataKey(tenant_id, row["text_key"], bytes(row["wrapped"])))
        return open_text(sealer, bytes(sealed), tenant_id=tenant_id, turn_id=turn_id or row["id"], field=side)
    except KeyUnusable:
        return None
