"""One-time codes (TOTP, RFC 6238: SHA-1, 30 seconds, six digits) and recovery codes. Pure: the time is given."""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

import pyotp

from guard.records.keys import Keys

__all__ = [
    "RECOVERY_CODES",
    "matching_step",
    "new_recovery_codes",
    "new_secret",
    "open_secret",
    "otpauth",
    "recovery_digest",
    "seal_secret",
]

RECOVERY_CODES: Final = 8
_STEP_SECONDS: Final = 30
_DRIFT: Final = 1  # steps to either side: clocks of telephones are not exact
_PURPOSE: Final = "totp"
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_RECOVERY: Final = re.compile(r"[a-z2-9]{15}")


def new_secret() -> str:
    """160 random bits in base 32, as authenticator apps take them."""
    return pyotp.random_base32(32)


def matching_step(secret: str, code: str, now: datetime, last: int | None) -> int | None:
    """The step (30 seconds since 1970) of which ``code`` is the code, among this one and its neighbours; ``None`` where it
    is of none, or of one that is not after ``last``: a code is taken once."""
    digits = "".join(code.split())
    current = int(now.timestamp()) // _STEP_SECONDS
    generator = pyotp.TOTP(secret)
    found = None
    for step in range(max(0, current - _DRIFT), current + _DRIFT + 1):
        expected = generator.generate_otp(step)
        if hmac.compare_digest(expected.encode(), digits.encode("utf-8", "replace")) and (last is None or step > last):
            found = step
    return found


def otpauth(secret: str, name: str, tenant: str) -> str:
    """The address that an authenticator app reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=f"{name}@{tenant}", issuer_name="Handrail")


def seal_secret(keys: Keys, tenant_id: UUID, reviewer_id: UUID, secret: str) -> bytes:
    """As it is stored: under the master key, for this reviewer alone."""
    return keys.seal(_PURPOSE, secret.encode("ascii"), tenant_id.bytes + reviewer_id.bytes)


def open_secret(keys: Keys, tenant_id: UUID, reviewer_id: UUID, sealed: bytes) -> str:
    """What :func:`seal_secret` was given. Raises :class:`~guard.records.errors.KeyUnusable` for another's."""
    return keys.open(_PURPOSE, sealed, tenant_id.bytes + reviewer_id.bytes).decode("ascii")


def new_recovery_codes() -> tuple[str, ...]:
    """Eight codes of 74 random bits, in groups of five."""
    codes = ("".join(secrets.choice(_ALPHABET) for _ in range(15)) for _ in range(RECOVERY_CODES))
    return tuple("-".join((code[:5], code[5:10], code[10:])) for code in codes)


def recovery_digest(keys: Keys, tenant_id: UUID, reviewer_id: UUID, code: str) -> bytes | None:
    """What is stored of a recovery code, however it was typed; ``None`` for what cannot be one."""
    plain = re.sub(r"[\s-]", "", code).lower()
    if not _RECOVERY.fullmatch(plain):
        return None
    return keys.hashed(tenant_id, "recovery-code", reviewer_id.bytes + plain.encode("ascii"))
