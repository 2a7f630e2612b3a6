"""The log lines: what is shown, and that nothing else ever is."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.errors import ScorerUnavailable
from guard.errors import RecordsUnavailable
from guard.telemetry.logs import FIELDS, configure
from policies.decision import Action

OURS = logging.getLogger("guard.turns")
THEIRS = logging.getLogger("library.http")
PLANTED = "i don't want to be here any more"


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def last(stream: io.StringIO) -> dict[str, Any]:
    return lines(stream)[-1]


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause  # noqa: TRY301  (an exception has its trace only from being raised)
    except BaseException as caught:
        return caught


def test_a_line_says_when_where_and_what(stream: io.StringIO) -> None:
    configure("gateway", form="json", stream=stream)
    turn = uuid.uuid4()
    OURS.info(
        "turn %s took %d of %.2f s, %s", turn, 3, 1.5, Action.COMPLETE,
        extra={
            "turn": turn, "seconds": 1.5, "reason": "deadline", "file": Path("/a/b"), "error": ValueError,
            "kind": Action.TRIM,
        },
    )  # fmt: skip
    line = last(stream)
    assert line["at"].endswith("Z")
    assert line["where"].startswith("test_logs:")
    assert line["event"] == f"turn {turn} took 3 of 1.50 s, COMPLETE"
    assert (line["level"], line["role"], line["logger"]) == ("INFO", "gateway", "guard.turns")
    assert (line["turn"], line["seconds"], line["reason"], line["file"]) == (str(turn), 1.5, "deadline", "/a/b")
    assert (line["error"], line["kind"]) == ("ValueError", 5)
    assert "exception" not in line


def test_a_library_is_heard_from_warning_on_and_only_with_what_its_code_says(stream: io.StringIO) -> None:
    configure("gateway", form="json", stream=stream)
    THEIRS.setLevel(logging.DEBUG)
    THEIRS.debug("request")
    THEIRS.info("request")
    assert lines(stream) == []
    THEIRS.warning("retrying %s after %d", PLANTED, 3, extra={"reason": "deadline"})
    assert last(stream)["event"] == "retrying %s after %d"
    assert "reason" not in last(stream)


def test_an_error_of_ours_tells_its_message_and_another_only_its_type_and_way(stream: io.StringIO) -> None:
    configure("gateway", form="json", stream=stream)
    OURS.error("a", exc_info=raised(RecordsUnavailable("no answer in 2 s"), raised(ValueError(PLANTED))))
    ours, cause = last(stream)["exception"]
    assert ours["type"] == "guard.errors.RecordsUnavailable: no answer in 2 s"
    assert cause["type"] == "ValueError"
    assert cause["trace"][-1].endswith(" raised")
    assert cause["trace"][-1].startswith("tests.unit.telemetry.test_logs:")
    OURS.error("scorer away (%s)", ScorerUnavailable("deadline"))
    assert "did not answer (deadline)" in last(stream)["event"]

    class Stranger(RecordsUnavailable):
        """Of ours by descent only: nobody declared its messages."""

    Stranger.__module__ = "library.errors"
    OURS.error("b", exc_info=raised(Stranger(PLANTED)))
    assert PLANTED not in stream.getvalue()


def test_the_name_of_an_exception_is_a_word_and_another_string_is_not(stream: io.StringIO) -> None:
    configure("gateway", form="json", stream=stream)
    OURS.error("%s and %s and %s", type(RecordsUnavailable("x")).__name__, "ValueErrors", "deadline")
    assert last(stream)["event"] == "RecordsUnavailable and [withheld] and [withheld]"


def test_a_group_tells_the_types_in_it(stream: io.StringIO) -> None:
    configure("worker", form="json", stream=stream)
    OURS.error("many", exc_info=raised(ExceptionGroup(PLANTED, [ValueError(PLANTED), KeyError(PLANTED)])))
    (told,) = last(stream)["exception"]
    assert told["among"] == ["ValueError", "KeyError"]
    assert PLANTED not in stream.getvalue()


def test_a_person_at_a_terminal_gets_a_line_to_read(stream: io.StringIO) -> None:
    configure("console", form="text", stream=stream)
    OURS.warning("something is late", extra={"seconds": 2.5})
    OURS.error("broken", exc_info=raised(ValueError(PLANTED)))
    text = stream.getvalue()
    assert "WARNING  console guard.turns: something is late seconds=2.5 (test_logs:" in text
    assert "  ValueError" in text
    assert PLANTED not in text


def test_a_terminal_decides_the_form(stream: io.StringIO) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    configure("console", stream=terminal)
    OURS.warning("hello")
    assert not terminal.getvalue().startswith("{")
    configure("console", stream=stream)
    OURS.warning("hello")
    assert stream.getvalue().startswith("{")


def _as_argument(text: str) -> None:
    OURS.warning("got %s", text)


def _as_named_argument(text: str) -> None:
    OURS.warning("got %(text)s", {"text": text})


def _as_wrong_argument(text: str) -> None:
    OURS.warning("got %d", text)


def _as_too_many_arguments(text: str) -> None:
    OURS.warning("got nothing", text, text)


def _in_a_container(text: str) -> None:
    OURS.warning("got %s %s %r", [text], {"a": text}, (text,))


def _in_an_f_string(text: str) -> None:
    OURS.warning(f"got {text}")


def _joined(text: str) -> None:
    OURS.warning("got " + text)


def _as_the_message(text: str) -> None:
    OURS.warning(text)


def _as_an_unknown_field(text: str) -> None:
    OURS.warning("got it", extra={"text": text, "user_text": text, "data": {"text": text}})


def _as_a_known_field(text: str) -> None:
    # "!" is no part of any word of ours.
    OURS.warning("got it", extra=dict.fromkeys(FIELDS, f"!{text}"))


def _in_an_exception(text: str) -> None:
    try:
        int(f"!{text}")
    except ValueError:
        OURS.exception("failed")


def _in_a_library_exception(text: str) -> None:
    try:
        dict[str, str]()[text]
    except KeyError:
        THEIRS.exception("failed on %s", text)


def _as_an_exception_message(text: str) -> None:
    OURS.error(ValueError(text))


def _as_an_exception_argument(text: str) -> None:
    OURS.error("failed: %s", ValueError(text))


def _in_a_note(text: str) -> None:
    error = ValueError()
    error.add_note(text)
    OURS.error("failed", exc_info=error)


def _in_a_chain(text: str) -> None:
    OURS.error("failed", exc_info=raised(RuntimeError(), raised(RecordsUnavailable("away"), raised(OSError(text)))))


def _through_a_library(text: str) -> None:
    THEIRS.warning("got %s", text)
    THEIRS.error(f"got {text}")


def _with_a_stack(text: str) -> None:
    OURS.warning("here", stack_info=True, extra={"text": text})


def _in_a_warning(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn(text, UserWarning, stacklevel=1)


def _uncaught(text: str) -> None:
    error = raised(ValueError(text))
    sys.excepthook(ValueError, error, error.__traceback__)


def _uncaught_in_a_thread(text: str) -> None:
    def work() -> None:
        raise ValueError(text)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def _in_a_forgotten_task(text: str) -> None:
    loop = asyncio.new_event_loop()
    try:
        loop.call_exception_handler({"message": f"lost: {text}", "exception": ValueError(text), "task": text})
    finally:
        loop.close()


class _Liar:
    """Says what it likes of itself."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return self.text


class _LyingNumber(int):
    text = ""

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def _as_an_object(text: str) -> None:
    number = _LyingNumber(3)
    number.text = text
    OURS.warning("got %s %r", _Liar(text), number)


def _as_a_logger_name(text: str) -> None:
    logging.getLogger("guard." + text.replace("\n", " ") + "!").warning("here")


WAYS: list[Callable[[str], None]] = [
    _as_argument, _as_named_argument, _as_wrong_argument, _as_too_many_arguments, _in_a_container, _in_an_f_string, _joined,
    _as_the_message, _as_an_unknown_field, _as_a_known_field, _in_an_exception, _in_a_library_exception,
    _as_an_exception_message, _as_an_exception_argument, _in_a_note, _in_a_chain, _through_a_library, _with_a_stack,
    _in_a_warning, _uncaught, _uncaught_in_a_thread, _in_a_forgotten_task, _as_an_object, _as_a_logger_name,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
@pytest.mark.parametrize("form", ["json", "text"])
def test_no_way_leads_a_text_into_a_log(stream: io.StringIO, way: Callable[[str], None], form: str) -> None:
    @settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.text(st.characters(codec="utf-8"), min_size=3, max_size=40))
    def never(text: str) -> None:
        configure("gateway", form=form, stream=stream)
        stream.seek(0)
        stream.truncate()
        planted = f"zq{text}qz"
        way(planted)
        written = stream.getvalue()
        assert written, "something is said all the same"
        assert "zq" not in written
        assert "qz" not in written

    never()


def test_the_way_a_line_fails_tells_nothing_either(stream: io.StringIO, capfd: pytest.CaptureFixture[str]) -> None:
    configure("gateway", form="json", stream=stream)

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(PLANTED)

    record = OURS.makeRecord("guard.turns", 30, "f", 1, PLANTED, (), None)
    record.created = Broken()  # type: ignore[assignment]
    logging.getLogger().handle(record)
    assert last(stream)["event"] == "a log line could not be made"
    stream.close()
    OURS.warning("nobody reads")
    captured = capfd.readouterr()
    assert PLANTED not in captured.out + captured.err + ""


def test_handlers_that_were_there_are_gone(stream: io.StringIO) -> None:
    other = io.StringIO()
    THEIRS.addHandler(logging.StreamHandler(other))
    THEIRS.propagate = False
    configure("gateway", form="json", stream=stream)
    THEIRS.error("got %s", PLANTED)
    assert other.getvalue() == ""
    assert last(stream)["logger"] == "library.http"


@pytest.mark.parametrize("name", ["httpx", "httpcore", "asyncio", "uvicorn.error", "celery", "psycopg", "aiohttp.client"])
def test_no_library_talks_at_info(stream: io.StringIO, name: str) -> None:
    configure("gateway", form="json", stream=stream)
    logging.getLogger(name).info("GET %s", PLANTED)
    assert stream.getvalue() == ""


def test_a_storm_of_one_line_is_cut_short_and_the_next_line_says_so(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("guard.telemetry.logs.time.monotonic", lambda: now)
    configure("gateway", form="json", stream=stream)

    def storm() -> None:
        OURS.error("away")

    for _ in range(500):
        storm()
    OURS.error("something else")
    assert len(lines(stream)) == 21
    assert last(stream)["event"] == "something else"
    now += 10
    storm()
    assert last(stream)["suppressed"] == 480
    storm()
    assert "suppressed" not in last(stream)
