"""What goes over the wire: the thin body and its signature, as the Standard Webhooks specification says."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5

from guard.escalation.errors import SecretUnusable

__all__ = ["body", "headers", "secret_key", "thin", "webhook_id"]

_PREFIX: Final = "whsec_"
_SHORTEST, _LONGEST = 24, 64  # bytes of a secret, by the specification

# The fields that may leave. A name that is not here stays inside, whatever a writer of outbox rows put there.
_FIELDS: Final = frozenset(
    {
        "acknowledge_by", "act_by", "alert_id", "assigned_to", "case_id", "closed_at", "count", "everybody", "kind", "live",
        "opened_at", "raised_at", "reason", "rules", "rung", "session_id", "severity", "state", "synthetic", "turn_id",
        "version",
    }
)  # fmt: skip
# Ids, instants, names of rules and teams. No spaces: a sentence cannot pass.
_TOKEN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+/@-]{0,127}")
_LONGEST_LIST: Final = 64


def webhook_id(outbox_id: UUID, channel_id: UUID) -> str:
    """The ``webhook-id`` of a message on a channel: the same for every attempt, another for every other message."""
    return f"msg_{uuid5(channel_id, outbox_id.hex).hex}"


def thin(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What of ``payload`` may leave: ids, numbers, instants and names, under known fields. Chat text and people cannot pass,
    because neither their fields nor their form are known here."""
    return {name: payload[name] for name in sorted(payload) if name in _FIELDS and _plain(payload[name])}


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= _LONGEST_LIST and all(not isinstance(item, list) and _plain(item) for item in value)
    if isinstance(value, str):
        return _TOKEN.fullmatch(value) is not None
    return value is None or isinstance(value, bool | int | float)


def body(topic: str, created_at: datetime, payload: Mapping[str, Any]) -> bytes:
    """The request's body: ``type``, ``timestamp`` (when it happened), ``data``. The same bytes at every attempt."""
    message = {
        "type": topic,
        "timestamp": created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": thin(payload),
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def secret_key(secret: str) -> bytes:
    """The bytes of a ``whsec_`` secret. Raises :class:`SecretUnusable` where it is none."""
    try:
        prefix, encoded = secret[: len(_PREFIX)], secret[len(_PREFIX) :]
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True) if prefix == _PREFIX else b""
    except (ValueError, binascii.Error):
        raise SecretUnusable("the channel's secret is not of the form whsec_ and base64; set a new one") from None
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise SecretUnusable(
            f"the channel's secret is not whsec_ and the base64 of {_SHORTEST} to {_LONGEST} bytes; set a new one"
        )
    return key


def headers(message_id: str, at: datetime, content: bytes, *keys: bytes) -> dict[str, str]:
    """The signed headers of one attempt at ``at``. One signature a key, the newest key first: while a secret is rotated a
    receiver verifies with either. Raises ``ValueError`` without a key."""
    if not keys:
        raise ValueError("nothing is sent unsigned; give at least one key")
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), content))
    signatures = (f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
        "content-type": "application/json",
        "user-agent": "Handrail-Webhooks",
    }
