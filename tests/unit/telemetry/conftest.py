"""Logging is the process's own: what a test configures is put back."""

from __future__ import annotations

import io
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    loggers = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate, logger.disabled) for logger in [root, *loggers]]
    last = logging.lastResort
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    shown = warnings.showwarning
    yield io.StringIO()
    logging.captureWarnings(False)
    warnings.showwarning = shown
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.lastResort = last
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and name.split(".")[0] in {"guard", "detectors", "policies", "library"}:
            logger.setLevel(logging.NOTSET)
    for logger, handlers, level, propagate, disabled in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate
        logger.disabled = disabled
