"""Bodies and signatures, judged by the reference library."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from guard.escalation.errors import SecretUnusable
from guard.escalation.signing import body, headers, secret_key, thin, webhook_id


def new_secret() -> str:
    return f"whsec_{base64.b64encode(os.urandom(32)).decode()}"


_AT = datetime(2026, 11, 24, 12, 30, 0, 123456, tzinfo=UTC)


@given(
    case=st.uuids(),
    severity=st.integers(0, 4),
    rules=st.lists(st.from_regex(r"[a-z][a-z-]{0,30}", fullmatch=True), max_size=5),
)
@settings(max_examples=40)
def test_the_reference_library_accepts_what_is_signed(case: UUID, severity: int, rules: list[str]) -> None:
    secret = new_secret()
    content = body("case.opened", _AT, {"case_id": str(case), "severity": severity, "rules": rules})
    signed = headers("msg_1", datetime.now(UTC), content, secret_key(secret))
    message = Webhook(secret).verify(content, signed)
    assert message["type"] == "case.opened"
    assert message["timestamp"] == "2026-11-24T12:30:00.123Z"
    assert message["data"] == {"case_id": str(case), "severity": severity, "rules": rules}


def test_while_a_secret_is_rotated_either_key_verifies() -> None:
    old, new = new_secret(), new_secret()
    content = body("case.opened", _AT, {"severity": 3})
    signed = headers("msg_1", datetime.now(UTC), content, secret_key(new), secret_key(old))
    assert len(signed["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert Webhook(secret).verify(content, signed)["data"] == {"severity": 3}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(content, signed)
    with pytest.raises(ValueError, match="unsigned"):
        headers("msg_1", datetime.now(UTC), content)


def test_a_changed_byte_or_another_secret_is_refused() -> None:
    secret = new_secret()
    content = body("case.opened", _AT, {"severity": 3})
    signed = headers("msg_1", datetime.now(UTC), content, secret_key(secret))
    for data, key in ((content.replace(b"3", b"1"), secret), (content, new_secret())):
        with pytest.raises(WebhookVerificationError):
            Webhook(key).verify(data, signed)


def test_the_body_is_the_same_at_every_attempt() -> None:
    one = body("case.raised", _AT, {"severity": 3, "case_id": "x", "act_by": "2026-11-24T14:00:00Z"})
    two = body("case.raised", _AT, {"act_by": "2026-11-24T14:00:00Z", "case_id": "x", "severity": 3})
    assert one == two


def test_an_id_belongs_to_one_message_on_one_channel() -> None:
    message, other, channel = uuid4(), uuid4(), uuid4()
    assert webhook_id(message, channel) == webhook_id(message, channel)
    assert len({webhook_id(message, channel), webhook_id(other, channel), webhook_id(message, other)}) == 3
    assert "." not in webhook_id(message, channel)  # the specification's separator


def test_what_the_records_write_of_a_case_leaves_whole() -> None:
    payload = {
        "case_id": str(uuid4()),
        "turn_id": str(uuid4()),
        "session_id": None,
        "severity": 4,
        "acknowledge_by": "2026-11-24T12:35:00.123456+00:00",
        "act_by": "2026-11-24T12:40:00Z",
    }
    assert thin(payload) == payload


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", "hello"), ("person", "a" * 64), ("user", "u1"), ("message", "x"), ("rules", "a whole sentence of words"),
        ("rules", ["fine", "not fine at all"]), ("kind", "line\nbreak"), ("severity", {"nested": 1}), ("rules", [["deep"]]),
        ("assigned_to", "x" * 129), ("rules", ["r"] * 65), ("kind", "Grüße"),
    ],
)  # fmt: skip
def test_what_is_not_an_id_stays_inside(name: str, value: Any) -> None:
    assert thin({name: value, "case_id": "c1"}) == {"case_id": "c1"}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["rules", "kind", "text", "case_id", "person", "severity"]), _JSON))
@settings(max_examples=150)
def test_no_payload_lets_a_sentence_out(payload: dict[str, Any]) -> None:
    data = json.loads(body("case.opened", _AT, payload))["data"]
    assert not {"text", "person"} & set(data)
    flat = [item for value in data.values() for item in (value if isinstance(value, list) else [value])]
    assert not any(isinstance(item, str) and (" " in item or len(item) > 128) for item in flat)


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_!!!!", base64.b64encode(b"k" * 32).decode(), "whsec_" + base64.b64encode(b"short").decode(),
     "whsec_" + base64.b64encode(b"k" * 65).decode(), "whsec_ü"],
)  # fmt: skip
def test_a_bad_secret_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(SecretUnusable) as caught:
        secret_key(secret)
    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in str(caught.value)
