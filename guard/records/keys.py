"""The master key and what is derived from it: keyed hashes for people, sessions and turns, and sealed secrets.

The master key is a file under the data folder, mode 0600, made once. Without it keyed hashes cannot be linked to ids and
nothing that is encrypted can be read: back it up apart from the database. One line a key version, the last one is current.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from guard.records.errors import KeyUnusable

__all__ = ["KEY_FILE", "Keys", "Sealer"]

KEY_FILE: Final = "master.key"
_SIZE: Final = 32
_NONCE: Final = 12
_PREFIX: Final = "handrail-master-key"
_MOST_DERIVED: Final = 4096


class Sealer:
    """AES-256-GCM under one key. A sealed value: one byte of key version, 12 bytes of nonce, ciphertext and tag."""

    def __init__(self, key: bytes, version: int = 1) -> None:
        self._cipher = AESGCM(key)
        self._version = version

    def seal(self, plain: bytes, bound_to: bytes) -> bytes:
        """Encrypts ``plain``; it opens only together with the same ``bound_to``."""
        nonce = os.urandom(_NONCE)
        return bytes([self._version]) + nonce + self._cipher.encrypt(nonce, plain, bound_to)

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """What :meth:`seal` was given. Raises :class:`~guard.records.errors.KeyUnusable` for any other bytes."""
        try:
            return self._cipher.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], bound_to)
        except (InvalidTag, ValueError):
            raise KeyUnusable(
                "a sealed value does not open: it was sealed with another key, for another place, or was changed"
            ) from None


class Keys:
    """All keys of one installation. ``masters``: key version (1 to 255) -> 32 bytes; the highest is the current one."""

    def __init__(self, masters: Mapping[int, bytes]) -> None:
        if not masters or any(len(key) != _SIZE or not 1 <= version <= 255 for version, key in masters.items()):
            raise KeyUnusable(f"a master key needs a version from 1 to 255 and {_SIZE} bytes")
        self._masters = dict(masters)
        self.version: Final = max(masters)
        self._derived: OrderedDict[tuple[UUID, str], bytes] = OrderedDict()
        self._sealers: dict[tuple[str, int], Sealer] = {}

    @classmethod
    def load(cls, home: Path) -> Keys:
        """The keys of the data folder ``home``; makes folder and key where there are none yet.

        Several processes may call this at once: one key wins and all get it. Raises
        :class:`~guard.records.errors.KeyUnusable` for a file that cannot be read, is not a key, or that others can read.
        """
        path = home / KEY_FILE
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                _create(path)
            mode = path.stat().st_mode & 0o777
            if mode & 0o077:
                raise KeyUnusable(f"{KEY_FILE} can be read by others (mode {mode:04o}); run chmod 600 on it")
            lines = path.read_text("ascii").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise KeyUnusable(f"{KEY_FILE} in the data folder cannot be used: {type(error).__name__}") from None
        return cls(_parse([line for line in lines if line.strip()]))

    @classmethod
    def exist(cls, home: Path) -> bool:
        """Whether the data folder ``home`` has a master key. Makes nothing."""
        return (home / KEY_FILE).exists()

    @property
    def fingerprints(self) -> dict[int, bytes]:
        """By key version 32 bytes that name the key and do not tell it."""
        return {version: _derive(key, b"handrail/fingerprint") for version, key in self._masters.items()}

    def hashed(self, tenant_id: UUID, purpose: str, material: bytes) -> bytes:
        """HMAC-SHA256 of ``material`` under this tenant's key for this purpose (``person``, ``session``, ``turn``,
        ``thread``, ``completion``, ...): 32 bytes. Hashes of two tenants, or of two purposes, cannot be matched."""
        return hmac.digest(self._tenant_key(tenant_id, purpose), material, "sha256")

    def sealer(self, purpose: str, version: int | None = None) -> Sealer:
        """Encrypts what belongs to the installation (``journal``, ``channel``, ``data-key``) under the master key."""
        at = self.version if version is None else version
        found = self._sealers.get((purpose, at))
        if found is None:
            if at not in self._masters:
                raise KeyUnusable(f"{KEY_FILE} has no key version {at}; restore the line of that version")
            key = _derive(self._masters[at], b"handrail/seal/" + purpose.encode())
            found = self._sealers[purpose, at] = Sealer(key, at)
        return found

    def seal(self, purpose: str, plain: bytes, bound_to: bytes) -> bytes:
        """Encrypts with the current key version."""
        return self.sealer(purpose).seal(plain, bound_to)

    def open(self, purpose: str, sealed: bytes, bound_to: bytes) -> bytes:
        """Opens what any key version sealed."""
        return self.sealer(purpose, sealed[0] if sealed else 0).open(sealed, bound_to)

    def _tenant_key(self, tenant_id: UUID, purpose: str) -> bytes:
        at = (tenant_id, purpose)
        key = self._derived.get(at)
        if key is None:
            key = _derive(self._masters[self.version], b"handrail/hash/" + tenant_id.bytes + b"/" + purpose.encode())
            self._derived[at] = key
            if len(self._derived) > _MOST_DERIVED:
                self._derived.popitem(last=False)
        return key


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_SIZE, salt=None, info=purpose).derive(master)


def _create(path: Path) -> None:
    draft = path.with_name(f".{KEY_FILE}.{secrets.token_hex(8)}")
    key = base64.b64encode(os.urandom(_SIZE)).decode()
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{_PREFIX} 1 {key}\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: its key is the key
            os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _parse(lines: list[str]) -> dict[int, bytes]:
    masters = {}
    for number, line in enumerate(lines, 1):
        parts = line.split()
        try:
            prefix, version, encoded = parts
            key = base64.b64decode(encoded, validate=True) if prefix == _PREFIX else b""
            masters[int(version)] = key
        except (ValueError, binascii.Error):
            key = b""
        if len(key) != _SIZE:
            raise KeyUnusable(
                f"line {number} of {KEY_FILE} is no key; restore the file from your backup (a new key cannot read old data)"
            )
    return masters
