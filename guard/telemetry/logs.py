"""Logs: one JSON object a line on stderr, made of what is known to be harmless and of nothing else.

What a person wrote must not get into a log by any way, also not by a mistake of ours or of a library:

- A message is shown only if it is a constant of the code that logged it. One that was put together at run time (an
  f-string, a joined text, an exception as message) is withheld, and the line says where it came from instead.
- An argument is shown only if its kind cannot carry text: numbers, truth values, UUIDs, times, enum members, classes, and
  the name of an exception class. Every other string is withheld; what an operator should read goes into ``extra``.
  A library's arguments are never shown, and below WARNING a library is not heard at all.
- Of ``extra``, only the names in :data:`FIELDS` are taken, each only in its own form, and only from our own code.
- An exception is its type and the places in code that it went through. Its message is shown only for our own errors whose
  messages are declared free of text.
- One place in the code is heard at most twenty times in ten seconds; its next line says how many were left out.
- What would be printed past the log (an uncaught exception in any thread, a failing handler) goes through it.
"""

from __future__ import annotations

import logging
import math
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import PurePath
from types import CodeType, FrameType, TracebackType
from typing import Any, Final, TextIO
from uuid import UUID

import orjson

from detectors.errors import DetectorError
from guard.errors import HandrailError

__all__ = ["FIELDS", "TEXT_FREE", "configure"]

TEXT_FREE: Final[tuple[type[BaseException], ...]] = (HandrailError, DetectorError)
"""Our own errors whose messages never carry chat text (their modules say so)."""

_OURS: Final = ("guard", "detectors", "policies", "dashboards", "migrations")
_WITHHELD: Final = "[withheld]"
_TOKEN: Final = re.compile(r"[A-Za-z0-9/][A-Za-z0-9_.:@/+-]{0,79}", re.ASCII)
_FRAMES: Final = 12
_CHAIN: Final = 4
_LONGEST: Final = 2000  # characters of a message
_STORM_SECONDS: Final = 10.0
_STORM_LINES: Final = 20
_STORM_PLACES: Final = 1000


def _number(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return round(value, 6)
    return _WITHHELD


def _token(value: object) -> object:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, type):
        value = value.__qualname__
    if isinstance(value, bool | int):
        return _number(value)
    return value if isinstance(value, str) and _TOKEN.fullmatch(value) else _WITHHELD


def _id(value: object) -> object:
    if isinstance(value, UUID):
        return str(value)
    try:
        return str(UUID(value)) if isinstance(value, str) else _WITHHELD
    except ValueError:
        return _WITHHELD


def _path(value: object) -> object:
    return str(value) if isinstance(value, PurePath) else _WITHHELD


FIELDS: Final[Mapping[str, Callable[[object], object]]] = {
    **dict.fromkeys(("tenant", "turn", "case", "delivery", "outbox"), _id),
    **dict.fromkeys(
        ("seconds", "count", "bytes", "attempt", "severity", "port", "code", "child", "waiting", "limit", "late_seconds"),
        _number,
    ),
    **dict.fromkeys(
        (
            "action", "channel", "component", "detector", "device", "error", "kind", "method", "migration", "model",
            "outcome", "policy", "protocol", "queue", "reason", "route", "rule", "setting", "signal", "stage", "state",
            "table", "task", "version",
        ),
        _token,
    ),
    **dict.fromkeys(("file", "folder", "socket"), _path),
}  # fmt: skip
"""What ``extra`` may say, and in which form: ids are UUIDs, paths are ``Path`` objects, words are one token of ours."""


def configure(
    role: str,
    *,
    form: str = "auto",
    level: int = logging.INFO,
    stream: TextIO | None = None,
    text_free: tuple[type[BaseException], ...] = TEXT_FREE,
) -> None:
    """Makes this process log in the one way there is. Called once, at its start, before libraries set up theirs.

    ``role``: which process this is (gateway, scorer, worker, console, supervisor). ``form``: json, text, or auto: text on a
    terminal. Handlers that libraries made so far are taken away; give those that make them later no configuration of their
    own (uvicorn: ``log_config=None``; Celery: connect to ``setup_logging``).
    """
    out = stream or sys.stderr
    as_text = form == "text" or (form == "auto" and out.isatty())
    handler = _Handler(out, _Line(role, text_free), as_text)
    root = logging.getLogger()
    for logger in (root, *logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    logging.lastResort = handler
    logging.captureWarnings(True)
    _catch_the_uncaught()


class _Handler(logging.Handler):
    """Writes a line, and never a word more, whatever goes wrong."""

    def __init__(self, stream: TextIO, line: _Line, as_text: bool) -> None:
        super().__init__()
        self._stream = stream
        self._line = line
        self._as_text = as_text
        self._storm = _Storm()

    def filter(self, record: logging.LogRecord) -> bool:
        """A library below WARNING is not heard, whatever level it gave itself."""
        return record.levelno >= logging.WARNING or _is_ours(record.name)

    def emit(self, record: logging.LogRecord) -> None:
        suppressed = self._storm.admits((record.pathname, record.lineno), time.monotonic())
        if suppressed is None:
            return
        try:
            fields = self._line.of(record)
            if suppressed:
                fields["suppressed"] = suppressed
            raw = _as_text(fields) if self._as_text else orjson.dumps(fields).decode()
        except Exception as error:
            raw = orjson.dumps(
                {"level": "ERROR", "event": "a log line could not be made", "error": type(error).__name__}
            ).decode()
        try:
            self._stream.write(raw + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # nobody reads any more
            pass

    def handleError(self, record: logging.LogRecord) -> None:
        """The library would print the message and its arguments here."""


class _Storm:
    """Lets one place in the code say its line so often in a while and no more: an outage must not fill a disk."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, int], list[float]] = {}  # since when, how often, how often in vain

    def admits(self, place: tuple[str, int], now: float) -> int | None:
        """How many lines of this place were left out before this one; ``None`` where this one is left out, too."""
        seen = self._places.get(place)
        if seen is None or now - seen[0] >= _STORM_SECONDS:
            left_out = 0 if seen is None else int(seen[2])
            if seen is None and len(self._places) >= _STORM_PLACES:
                self._places.clear()
            self._places[place] = [now, 1, 0]
            return left_out
        seen[1] += 1
        if seen[1] <= _STORM_LINES:
            return 0
        seen[2] += 1
        return None


class _Line:
    """What a record comes to."""

    def __init__(self, role: str, text_free: tuple[type[BaseException], ...]) -> None:
        self._role = role
        self._text_free = text_free

    def of(self, record: logging.LogRecord) -> dict[str, object]:
        ours = _is_ours(record.name)
        fields: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname if record.levelno in logging.getLevelNamesMapping().values() else record.levelno,
            "role": self._role,
            "pid": os.getpid(),
            "logger": _token(record.name),
            "event": self._event(record, ours),
            "where": f"{record.module}:{record.lineno}",
        }
        if ours:
            for name, form in FIELDS.items():
                if name in record.__dict__:
                    fields[name] = form(record.__dict__[name])
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is None and isinstance(record.msg, BaseException):
            error = record.msg
        if error is not None:
            fields["exception"] = list(self._exceptions(error))
        return fields

    def _event(self, record: logging.LogRecord, ours: bool) -> str:
        template = record.msg
        if not isinstance(template, str) or not _is_constant(template, record):
            return _WITHHELD
        if not ours or not record.args:
            return template[:_LONGEST]
        try:
            if isinstance(record.args, Mapping):
                return (template % {key: self._argument(value) for key, value in record.args.items()})[:_LONGEST]
            return (template % tuple(self._argument(value) for value in record.args))[:_LONGEST]
        except (TypeError, ValueError, KeyError):  # a withheld argument where a number was to be formatted
            return template[:_LONGEST]

    def _argument(self, value: object) -> object:
        # By exact type where a subclass could say of itself what it likes.
        if value is None or type(value) in (bool, int, float):
            return value
        if isinstance(value, BaseException):
            return self._brief(value)
        if isinstance(value, type):
            return value.__qualname__
        if isinstance(value, Enum):
            return value.name
        if type(value) in (UUID, datetime, date, timedelta) or isinstance(value, PurePath):
            return str(value)
        if type(value) is str and _names_an_exception(value):
            return value
        return _WITHHELD

    def _brief(self, error: BaseException) -> str:
        """The type of an exception, and the message of one that is declared free of text."""
        kind = type(error)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        if isinstance(error, self._text_free) and _is_ours(kind.__module__):
            return f"{name}: {str(error)[:_LONGEST]}"
        return name

    def _exceptions(self, error: BaseException | None) -> Iterator[dict[str, object]]:
        """The exception and those behind it, the outermost first."""
        for _ in range(_CHAIN):
            if error is None:
                return
            told: dict[str, object] = {"type": self._brief(error), "trace": _trace(error.__traceback__)}
            if isinstance(error, BaseExceptionGroup):
                told["among"] = [self._brief(one) for one in error.exceptions[:_FRAMES]]
            yield told
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_ours(name: str) -> bool:
    return name.split(".", 1)[0] in _OURS


def _trace(traceback: TracebackType | None) -> list[str]:
    places: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        module = traceback.tb_frame.f_globals.get("__name__", "?")
        places.append(f"{module}:{traceback.tb_lineno} {code.co_qualname}")
        traceback = traceback.tb_next
    return places[-_FRAMES:]


def _is_constant(template: str, record: logging.LogRecord) -> bool:
    """Whether the message stands in the code that logged it, word for word.

    That code is still on the stack. Where it is not (a record that came from another thread or process) nothing is known of
    the message, and it is withheld.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if frame.f_lineno == record.lineno and code.co_filename == record.pathname and code.co_name == record.funcName:
            return _holds(code, template)
        frame = frame.f_back
    return False


def _holds(code: CodeType, template: str) -> bool:
    return any(type(constant) is str and constant == template for constant in code.co_consts)


def _names_an_exception(word: str) -> bool:
    """Whether a word is the name of an exception class of this process, as ``type(error).__name__`` gives it."""
    classes: list[type[BaseException]] = [BaseException]
    while classes:
        found = classes.pop()
        if found.__name__ == word:
            return True
        classes.extend(found.__subclasses__())
    return False


def _as_text(fields: dict[str, object]) -> str:
    """One line for a person at a terminal, and under it the exceptions."""
    head = [str(fields.pop(name)) for name in ("at", "level", "role", "logger", "event")]
    line = f"{head[0][11:23]} {head[1]:<8} {head[2]} {head[3]}: {head[4]}"
    exceptions: Any = fields.pop("exception", [])
    where = fields.pop("where")
    fields.pop("pid")
    rest = "".join(f" {name}={value}" for name, value in fields.items())
    text = _printable(f"{line}{rest} ({where})")
    for told in exceptions:
        text += "".join(f"\n    {_printable(place)}" for place in told["trace"])
        text += f"\n  {_printable(told['type'])}"
    return text


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _catch_the_uncaught() -> None:
    """What the interpreter would print by itself, message and all, is logged instead."""
    log = logging.getLogger("guard.telemetry")

    def uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            log.critical("uncaught exception", exc_info=(kind, error, traceback))

    def in_thread(told: threading.ExceptHookArgs) -> None:
        if told.exc_value is not None and not issubclass(told.exc_type, SystemExit):
            log.critical("uncaught exception in a thread", exc_info=(told.exc_type, told.exc_value, told.exc_traceback))

    def unraisable(told: sys.UnraisableHookArgs) -> None:
        if told.exc_value is not None:
            log.error("exception that could not be raised", exc_info=(told.exc_type, told.exc_value, told.exc_traceback))

    sys.excepthook = uncaught
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
