"""From a device that may fail to the CPU and back: a breaker around a backend."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.encoder.backend import Backend, Logits
from detectors.encoder.errors import DeviceFailed
from detectors.encoder.placement import Placement

__all__ = ["Breaker", "Ladder"]

_log = logging.getLogger(__name__)

_LOWER_TOKENS: Final = 4096  # of one call to a CPU, padding included: bounds memory
_NOTHING: Final = np.array([[0, 0]], dtype=np.int64)  # two padding tokens: a probe carries nobody's words
_SEEN: Final = np.array([[1, 1]], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Breaker:
    """``failures``: how many in a row until the device is left alone. It is tried again after ``first_seconds``, then after
    twice as long each time, at most ``most_seconds``."""

    failures: int = 3
    first_seconds: float = 1.0
    most_seconds: float = 60.0


class Ladder:
    """Implements :class:`~detectors.encoder.backend.Backend`: what ``upper`` cannot answer ``lower`` does, in the same call.

    After some failures in a row ``upper`` is left alone, and a thread beside the calls tries it with an empty frame until it
    answers: no turn waits for a device that is known to be away. ``run`` belongs to one thread at a time.
    """

    def __init__(
        self,
        name: str,
        upper: Backend | None,
        lower: Backend,
        *,
        lower_name: str = "cpu",
        absent: DeviceFailed | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        """``upper``: ``None`` where it could not be had at all, for the reason ``absent``."""
        self._name, self._upper, self._lower, self._lower_name = name, upper, lower, lower_name
        self._breaker = breaker or Breaker()
        self._lock = threading.Lock()
        self._open = upper is None
        self._row = 0
        self._failures: Counter[str] = Counter() if absent is None else Counter({absent.reason: 1})
        self._reason = None if absent is None else absent.reason
        self._trouble = None if absent is None else str(absent)
        self._closed = threading.Event()

    @property
    def placement(self) -> Placement:
        """Where calls go now."""
        with self._lock:
            used = self._lower_name if self._open or self._row else self._name
            return Placement(self._name, used, dict(self._failures), self._reason, self._trouble)

    @property
    def tokens(self) -> int | None:
        """How many tokens a call should have at most; ``None``: whatever is usual."""
        found: int | None = getattr(self._lower if self._open else self._upper, "tokens", None)
        return found

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> tuple[Logits, Logits]:
        """See :class:`~detectors.encoder.backend.Backend`. Raises what ``lower`` raises, and nothing else."""
        if self._open or self._upper is None:
            return self._below(ids, mask, types)
        try:
            found = self._upper.run(ids, mask, types)
        except Exception as error:
            # A batch that the CPU cannot read either says nothing of the device.
            below = self._below(ids, mask, types)
            self._failed(error)
            return below
        if self._row:
            with self._lock:
                self._row, self._reason, self._trouble = 0, None, None
        return found

    def _below(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> tuple[Logits, Logits]:
        """What ``lower`` says, in parts where the batch was made for a larger device."""
        size = max(1, _LOWER_TOKENS // ids.shape[1])
        parts = [
            self._lower.run(ids[at : at + size], mask[at : at + size], types[at : at + size])
            for at in range(0, len(ids), size)
        ]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate([logits for logits, _ in parts]), np.concatenate([votes for _, votes in parts])

    def close(self) -> None:
        """Ends the thread that tries the device again."""
        self._closed.set()

    def _failed(self, error: Exception) -> None:
        reason, trouble = _told(error)
        rest = error.rest_seconds if isinstance(error, DeviceFailed) else None
        final = isinstance(error, DeviceFailed) and error.final
        with self._lock:
            self._failures[reason] += 1
            self._row += 1
            self._reason, self._trouble = reason, trouble
            if self._row < self._breaker.failures and rest is None and not final:
                return
            self._open = True
        _log.error("%s; the CPU scores until it is back", trouble, extra={"device": self._lower_name, "reason": reason})
        wait = max(self._breaker.first_seconds, rest or 0.0)
        wait = self._breaker.most_seconds if final else min(wait, self._breaker.most_seconds)
        threading.Thread(target=self._retry, args=(wait,), name="device", daemon=True).start()

    def _retry(self, wait: float) -> None:
        """Tries the device until it answers."""
        while self._upper is not None and not self._closed.wait(wait):
            try:
                self._upper.run(_NOTHING, _SEEN, _SEEN)
            except Exception as error:
                reason, trouble = _told(error)
                with self._lock:
                    self._failures[reason] += 1
                    self._reason, self._trouble = reason, trouble
                wait = min(2 * wait, self._breaker.most_seconds)
                continue
            with self._lock:
                self._open, self._row, self._reason, self._trouble = False, 0, None, None
            _log.warning("the device answers again", extra={"device": self._lower_name})
            return


def _told(error: Exception) -> tuple[str, str]:
    """Reason and words for an operator. Of an error that is not ours only the type: its message may quote what was asked."""
    if isinstance(error, DeviceFailed):
        return error.reason, str(error)
    return "error", f"the device failed ({type(error).__name__})"
