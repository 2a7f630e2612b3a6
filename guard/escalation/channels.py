"""A channel's secret: made here, shown once, stored sealed with the master key and bound to its tenant."""

from __future__ import annotations

import base64
import secrets
from typing import Final
from uuid import UUID

from guard.escalation.courier import Unseal
from guard.escalation.errors import SecretUnusable
from guard.escalation.signing import secret_key
from guard.records.keys import Keys

__all__ = ["new_secret", "seal_secret", "unsealer"]

_PURPOSE: Final = "channel"
_SIZE: Final = 32


def new_secret() -> str:
    """A fresh secret in the form of Standard Webhooks: ``whsec_`` and the base64 of 32 random bytes."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SIZE)).decode()}"


def seal_secret(keys: Keys, tenant_id: UUID, secret: str) -> bytes:
    """What ``channels.secret`` holds. Raises :class:`SecretUnusable` where ``secret`` is not of that form."""
    secret_key(secret)
    return keys.seal(_PURPOSE, secret.encode("ascii"), tenant_id.bytes)


def unsealer(keys: Keys) -> Unseal:
    """Opens what :func:`seal_secret` sealed, for the same tenant only; raises
    :class:`~guard.records.errors.KeyUnusable` else."""

    def unseal(tenant_id: UUID, sealed: bytes) -> str:
        try:
            return keys.open(_PURPOSE, sealed, tenant_id.bytes).decode("ascii")
        except UnicodeDecodeError:
            raise SecretUnusable("the channel's secret is not ASCII; set a new one") from None

    return unseal
