"""What a body may be."""

from __future__ import annotations

import pytest

from guard.gateway.body import parse_object
from guard.gateway.errors import BadRequest


@pytest.mark.parametrize(("body", "reason"), [
    (b'{"a": {"b": 1, "b": 2}}', "duplicate_key"), (b'{"a": 1, "\\u0061": 2}', "duplicate_key"),
    (b'{"a": Infinity}', "bad_json"), (b'{"a": "\\udc00"}', "bad_json"), (b"[1]", "bad_json"), (b"", "bad_json"),
    (b'{"a": [[[1]]]}', "too_deep"),
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
