"""How long an endpoint, or a scorer, that does not answer is left alone. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["pause"]

_FIRST: Final = 10.0
_LONGEST: Final = 900.0
_LONGEST_ASKED: Final = 3600.0
_JITTER: Final = 0.2
_DOUBLINGS: Final = 10


def pause(failures: int, retry_after: float | None = None, jitter: float = 0.0) -> float:
    """Seconds after the ``failures``-th failure in a row (from 1) during which nobody asks.

    10 s, doubled each time, a quarter of an hour at most; as long as the endpoint itself asks where that is more, an hour at
    most. ``jitter`` in [0, 1) lengthens it by up to a fifth: several installations do not come back together.
    """
    own = min(_LONGEST, _FIRST * 2.0 ** min(max(failures, 1) - 1, _DOUBLINGS)) * (1.0 + _JITTER * jitter)
    return max(own, min(retry_after, _LONGEST_ASKED)) if retry_after is not None else own
