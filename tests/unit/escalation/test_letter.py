"""E-mails: what they say, what they can never say, and that no value becomes a header."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.errors import SettingsInvalid
from guard.escalation.errors import AddressRefused
from guard.escalation.letter import compose, mail_address
from guard.escalation.mail import MailServer, Security
from guard.settings import load_settings

_AT = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
_CASE = str(uuid4())


def _letter(topic: str = "case.opened", **payload: Any) -> Any:
    return compose(
        topic, _AT, {"severity": 4, "case_id": _CASE} | payload,
        message_id="msg_1", to="mailto:on-call@example.org", sender="handrail@example.com", public_url="https://h.example",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "payload", "subject"),
    [
        ("case.opened", {}, "Handrail: a case of severity 4 waits for you"),
        ("case.opened", {"synthetic": True}, "[test] Handrail: a case of severity 4 waits for you"),
        ("case.raised", {"reason": "severity"}, "Handrail: now a case of severity 4"),
        ("case.raised", {"reason": "evidence"}, "Handrail: new evidence in a case of severity 4"),
        ("case.unacknowledged", {"rung": 2}, "Handrail: nobody has answered a case of severity 4"),
        ("case.unacknowledged", {"rung": 1, "reason": "abandoned"},
         "Handrail: a case of severity 4 was taken, and nobody is at it any more"),
        ("case.unacknowledged", {"rung": 1, "reason": "handed_off"},
         "Handrail: a case of severity 4 was handed off and waits to be taken"),
        ("alert.opened", {"kind": "case_overdue"}, "Handrail: the installation needs attention (case_overdue)"),
        ("report.ready", {}, "Handrail: report.ready"),
        ("case.opened", {"severity": "4\r\nBcc: x@y"}, "Handrail: a case of severity unknown waits for you"),
    ],
)  # fmt: skip
def test_the_subject_says_what_is_wanted(topic: str, payload: dict[str, Any], subject: str) -> None:
    assert _letter(topic, **payload)["Subject"] == subject


def test_what_it_says() -> None:
    letter = _letter(
        "case.unacknowledged", everybody=True, acknowledge_by="2026-11-24T12:35:00.123456+00:00",
        act_by="2026-11-24T14:40:00+02:00", text="a sentence that was said", person="ab" * 32,
    )  # fmt: skip
    text = letter.get_content()
    for part in (
        f"Case: {_CASE}", "Acknowledge by: 2026-11-24 12:35 UTC", "Act by: 2026-11-24 12:40 UTC",
        f"https://h.example/review/cases/{_CASE}", "Everybody on call is told of it now.",
        "acknowledged when somebody who has signed in to the console takes it; to look at its page is not enough.",
    ):  # fmt: skip
        assert part in text
    assert "sentence" not in text
    assert "abab" not in text
    assert letter["Message-ID"] == "<msg_1@example.com>"
    assert (letter["From"], letter["To"]) == ("handrail@example.com", "on-call@example.org")
    assert letter["Auto-Submitted"] == "auto-generated"


def test_every_attempt_has_the_same_bytes() -> None:
    assert _letter(act_by="2026-11-24T14:40:00+00:00").as_bytes() == _letter(act_by="2026-11-24T14:40:00+00:00").as_bytes()


@pytest.mark.parametrize(
    "address",
    ["a@b", "on-call@example.org", "first.last+tag@sub.example.co.uk", "mailto:x@example.org", "o'neil@example.org"],
)
def test_plain_addresses(address: str) -> None:
    assert mail_address(address) == address.removeprefix("mailto:")


@pytest.mark.parametrize(
    "address",
    ["", "nobody", "@example.org", "a@", "a@b@c", "a b@example.org", "a@example.org,b@example.org", "A <a@example.org>",
     "a@example.org\r\nBcc: b@example.org", "a@example.org\n", "a\x00@example.org", "ü@example.org", "a@exämple.org",
     "a..b@example.org", ".a@example.org", "a@-example.org", "a@example..org", "a@[127.0.0.1]", '"a b"@example.org',
     "a" * 65 + "@example.org", "a@" + "b" * 63 + ".c" * 120, "a@example.org?cc=b@example.org"],
)  # fmt: skip
def test_anything_else_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        mail_address(address)
    assert caught.value.code == "address_invalid"


@given(
    topic=st.text(max_size=30),
    severity=st.text() | st.integers() | st.none(),
    kind=st.text(),
    rules=st.text(),
    case=st.text(),
)
@settings(max_examples=150, deadline=None)
def test_no_payload_adds_a_header_or_a_line(topic: str, severity: Any, kind: str, rules: str, case: str) -> None:
    payload = {"severity": severity, "kind": kind, "rules": rules, "case_id": case, "opened_at": kind}
    try:
        letter = compose(
            topic, _AT, payload, message_id="msg_1", to="on-call@example.org", sender="handrail@example.com", public_url=None
        )
    except AddressRefused:
        return
    parsed = message_from_bytes(letter.as_bytes(), policy=SMTP)
    assert parsed.keys() == [
        "Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "X-Handrail-Message",
        "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    ]  # fmt: skip
    assert parsed["To"] == "on-call@example.org"


def _server(url: str, sender: str | None = "handrail@example.com") -> MailServer | None:
    return MailServer.of(load_settings({"smtp_url": url, "mail_from": sender}))


def test_mail_servers() -> None:
    assert MailServer.of(load_settings()) is None
    assert _server("smtps://u%40x:p%2Fw@mail.example.org") == MailServer(
        "mail.example.org", 465, Security.TLS, "handrail@example.com", "u@x", "p/w"
    )
    starttls = _server("smtp://mail.example.org")
    assert starttls is not None
    assert (starttls.port, starttls.security, starttls.user) == (587, Security.STARTTLS, None)
    local = _server("smtp://localhost:2525?starttls=no")
    assert local is not None
    assert (local.port, local.security) == (2525, Security.NONE)


@pytest.mark.parametrize(
    ("url", "sender", "words"),
    [
        ("http://mail.example.org", "a@example.org", "smtps://user"),
        ("smtp://", "a@example.org", "smtps://user"),
        ("smtp://host:99999", "a@example.org", "cannot be read"),
        ("smtp://mail.example.org", None, "HANDRAIL_MAIL_FROM"),
        ("smtp://mail.example.org", "a@b\nBcc: c@d", "HANDRAIL_MAIL_FROM"),
        ("smtp://mail.example.org?starttls=no", "a@example.org", "on this machine"),
        ("smtp://u:p@localhost?starttls=no", "a@example.org", "without a password"),
    ],
)
def test_settings_that_cannot_be_used_are_named_without_the_password(url: str, sender: str | None, words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words) as caught:
        _server(url, sender)
    assert "u:p" not in str(caught.value)
