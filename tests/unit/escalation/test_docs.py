"""The receiver in the documentation works as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from guard.escalation.schedule import STANDARD
from guard.escalation.signing import body, headers, secret_key
from tests.unit.escalation.test_signing import new_secret

_TEXT = (Path(__file__).parents[3] / "docs" / "escalation.md").read_text()


def _receive() -> Callable[..., int]:
    found = re.search(r"```python\n(.*?)```", _TEXT, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found.group(1), names)  # noqa: S102  (the text is ours)
    receive: Callable[..., int] = names["receive"]
    return receive


def test_the_example_takes_ours_once_and_refuses_others(capsys: pytest.CaptureFixture[str]) -> None:
    receive, secret, seen = _receive(), new_secret(), set[str]()
    content = body("case.opened", datetime.now(UTC), {"case_id": "c-1", "severity": 4})
    signed = headers("msg_1", datetime.now(UTC), content, secret_key(secret), secret_key(new_secret()))
    assert [receive(secret, content, signed, seen) for _ in range(2)] == [204, 204]
    assert capsys.readouterr().out == "case c-1 severity 4\n"
    assert receive(new_secret(), content, signed, seen) == 401
    assert receive(secret, content.replace(b"4", b"1"), signed, seen) == 401


def test_the_schedule_in_words_is_the_schedule() -> None:
    assert "after 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h" in _TEXT
    assert [round(wait) for wait in STANDARD.waits] == [
        0, 5, 300, 1800, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)),
    ]  # fmt: skip
