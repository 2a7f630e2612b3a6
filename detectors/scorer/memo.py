"""A memo of scores by digest: what was scored once need not be scored again, and no text is kept to know it by."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from typing import Final

__all__ = ["Memo"]

_OVERHEAD: Final = 200  # bytes that an entry costs beside its value: key, dictionary slot, object headers


class Memo:
    """Least recently used entries leave first. Bounded by entries and by bytes.

    The key is a keyed BLAKE2b-128 digest whose secret lives as long as the process: it cannot be compared with a digest
    made elsewhere, so what is in memory does not tell which known text was seen.
    """

    __slots__ = ("_bytes", "_entries", "_kept", "_max_bytes", "_secret", "hits", "misses")

    def __init__(self, entries: int, max_bytes: int) -> None:
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._entries = entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._secret = secrets.token_bytes(32)
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes in use, with an estimate of what each entry costs beside its value."""
        return self._bytes

    def key(self, item: bytes, revision: str) -> bytes:
        """The digest of an encoded item (text, context, question, language and all) under a model's revision."""
        digest = hashlib.blake2b(item, digest_size=16, key=self._secret)
        digest.update(revision.encode())
        return digest.digest()

    def get(self, key: bytes) -> bytes | None:
        """The value kept under ``key``, which becomes the most recently used."""
        value = self._kept.get(key)
        if value is None:
            self.misses += 1
            return None
        self.hits += 1
        self._kept.move_to_end(key)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Keeps ``value``; the least recently used leave until the bounds hold."""
        cost = len(value) + _OVERHEAD
        if self._entries <= 0 or cost > self._max_bytes:
            return
        old = self._kept.pop(key, None)
        if old is not None:
            self._bytes -= len(old) + _OVERHEAD
        self._kept[key] = value
        self._bytes += cost
        while len(self._kept) > self._entries or self._bytes > self._max_bytes:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= len(gone) + _OVERHEAD

    def clear(self) -> None:
        """Forgets everything."""
        self._kept.clear()
        self._bytes = 0
