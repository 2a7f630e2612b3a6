"""Celery's consumer with shorter pauses: by default it comes back up to half a minute after its broker did."""

from __future__ import annotations

import logging
from typing import Any, Final

from celery.worker import consumer as base  # type: ignore[import-untyped]
from celery.worker.state import maybe_shutdown  # type: ignore[import-untyped]

__all__ = ["Consumer"]

_log = logging.getLogger(__name__)

_FIRST_SECONDS: Final = 0.2
_STEP_SECONDS: Final = 0.3
_LONGEST_SECONDS: Final = 1.0


class Consumer(base.Consumer):  # type: ignore[misc]
    """Tries for ever, at most a second apart, and ends at once when the worker is told to stop."""

    def ensure_connected(self, conn: Any) -> Any:
        """``conn`` when it is connected."""

        def failed(error: BaseException, interval: float) -> None:
            _log.warning("the broker cannot be reached; trying again", extra={"error": type(error), "seconds": interval})

        connected = conn.ensure_connection(
            failed,
            None,
            interval_start=_FIRST_SECONDS,
            interval_step=_STEP_SECONDS,
            interval_max=_LONGEST_SECONDS,
            callback=maybe_shutdown,
        )
        self.first_connection_attempt = False
        self.broker_connection_retry_attempt = 0
        return connected
