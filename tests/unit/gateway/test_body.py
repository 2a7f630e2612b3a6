"""What a body may be."""

from __future__ import annotations

import orjson
import pytest

from guard.gateway.body import parse_object, read_object
from guard.gateway.errors import BadRequest


@pytest.mark.parametrize(("body", "reason"), [
    (b'{"a": {"b": 1, "b": 2}}', "duplicate_key"), (b'{"a": 1, "\\u0061": 2}', "duplicate_key"),
    (b'{"a": Infinity}', "bad_json"), (b"[1]", "bad_json"), (b"", "bad_json"), (b'{"a": [[[1]]]}', "too_deep"),
    (b'{"a": "\\ud800", "b": NaN}', "bad_json"), (b'{"a": "\\ud800', "bad_json"), (b'{"a": "\xed\xa0\x80"}', "bad_json"),
    (b'{"a": [[["\\ud800"]]]}', "too_deep"), (b'{"\\ud800": 1, "\\ud801": 2}', "duplicate_key"),
])  # fmt: skip
def test_refused(body: bytes, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_object(body, 3)
    assert caught.value.reason == reason


def test_error_never_quotes_the_body() -> None:
    with pytest.raises(BadRequest) as caught:
        parse_object(b'{"a": "private words', 3)
    assert "private" not in str(caught.value)


def test_depth_at_the_bound_is_read() -> None:
    assert parse_object(b'{"a": [[1]], "b": [[2]]}', 3) == {"a": [[1]], "b": [[2]]}


@pytest.mark.parametrize(("said", "read"), [
    (rb"cut \ud83d", "cut \ufffd"), (rb"\uDE00 cut", "\ufffd cut"), (rb"\ude00\ud83d", "\ufffd\ufffd"),
    (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"), (rb"\\ud83d \ud83dx", "\\ud83d \ufffdx"),
    (rb"\\\ud83d\ude00\ud83d\\ude00", "\\\U0001f600\ufffd\\ude00"),
])  # fmt: skip
def test_half_a_character_is_read_as_one_that_is_lost(said: bytes, read: str) -> None:
    value, body = read_object(b'{ "a": 1.50, "b": "' + said + b'"}', 3)
    assert value == {"a": 1.5, "b": read}
    assert orjson.loads(body) == value
    assert body.startswith(b'{ "a": 1.50, ')


def test_whole_bodies_are_what_came() -> None:
    body = rb'{"a": "\ud83d\ude00 \\ud83d"}'
    assert read_object(body, 3)[1] is body
