"""Passwords: argon2id in threads of their own, as long for a name that does not exist, and what a new one must be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from starlette.exceptions import HTTPException

__all__ = ["LEAST", "MOST", "Passwords", "weakness"]

LEAST: Final = 12
MOST: Final = 256
_THREADS: Final = 2  # each takes a core and 64 MiB for a tenth of a second
_WAITING: Final = 32

_T = TypeVar("_T")


class Passwords:
    """Verifies and hashes. At most 32 wait for it; who comes then is answered 503. To be closed.

    ``hasher``: what new hashes cost; a stored one is verified at the cost that it was made with."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        self._nobody: str | None = None

    async def matches(self, stored: str | None, given: str) -> bool:
        """Whether ``given`` is the password whose hash is ``stored``. Where there is none (``None``) a hash of the same
        cost is computed all the same, and the answer is no."""
        return await self._aside(lambda: self._verify(stored, given))

    async def hashed(self, password: str) -> str:
        """Its argon2id hash."""
        return await self._aside(lambda: self._hasher.hash(password))

    def outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Ends its threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str | None, given: str) -> bool:
        if self._nobody is None:
            self._nobody = self._hasher.hash("nobody has this password")
        try:
            return self._hasher.verify(stored or self._nobody, given) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    async def _aside(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= _WAITING:
            raise HTTPException(503, "Many people sign in at this moment. Try again in a few seconds.", {"retry-after": "5"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def weakness(password: str, *about: str) -> str | None:
    """What is wrong with a new password, as a sentence; ``None`` where nothing is. ``about``: words that it may not hold,
    such as the reviewer's name. Length is what counts (NIST SP 800-63B, 2017): no classes of characters are asked for."""
    if len(password) < LEAST:
        return f"A password has at least {LEAST} characters."
    if len(password) > MOST:
        return f"A password has at most {MOST} characters."
    if len(set(password.lower())) < 6:
        return "This password repeats a few characters. Choose one that is harder to guess."
    if any(len(word) > 3 and word.lower() in password.lower() for word in about):
        return "A password may not hold your name, your tenant's or this product's."
    return None
