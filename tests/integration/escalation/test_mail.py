"""E-mail through a real mail server: TLS, passwords, refusals, and servers that misbehave."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from guard.escalation.channels import add_email
from guard.escalation.errors import AddressRefused, ChannelRefused
from guard.escalation.mail import Mailer, MailServer, Security
from guard.escalation.schedule import Answer, Schedule, Verdict, settle
from guard.escalation.signing import webhook_id
from guard.escalation.webhook import Limits
from guard.records.errors import NameTaken
from tests.integration.escalation.certificate import certify
from tests.integration.escalation.house import House
from tests.integration.escalation.mailbox import badly, mailbox
from tests.integration.escalation.receiver import Receiver
from tests.integration.escalation.test_pass_on import _on, _read

_LIMITS = Limits(connect_seconds=0.5, total_seconds=1.5)
_AT = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
_NAME = "mail.example.org"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext, Path]:
    """The server's context, the context of a client that trusts it, and the file of what to trust."""
    context, chain = certify(tmp_path_factory.mktemp("mail"), _NAME)
    return context, ssl.create_default_context(cafile=str(chain)), chain


@pytest.fixture(autouse=True)
def _disconnected(house: House) -> Iterator[None]:
    yield
    house.disconnect()


def _mailer(port: int, security: Security, tls: ssl.SSLContext | None = None, **server: Any) -> Mailer:
    where = MailServer(server.pop("host", _NAME), port, security, "handrail@example.com", **server)
    return Mailer(
        where, public_url="https://h.example.org", limits=_LIMITS, resolve=lambda host, port: ["127.0.0.1"], tls=tls
    )


def _send(mailer: Mailer, *, to: str = "mailto:on-call@example.org", **payload: Any) -> Answer:
    return asyncio.run(mailer.send(to, "case.opened", _AT, {"severity": 4, "case_id": "c-1", **payload}, "msg_1"))


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
@pytest.mark.parametrize("user", [None, "handrail"])
def test_handed_in_over_tls(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext, Path], security: Security, user: str | None
) -> None:
    served, trusting, _ = certificate
    which = {"starttls": served} if security is Security.STARTTLS else {"tls": served}
    with mailbox(**which, auth=user is not None) as box:
        mailer = _mailer(box.port, security, trusting, user=user, password=box.password if user else None)
        assert _send(mailer, text="a sentence that was said") == Answer(status=250)
        assert _send(mailer) == Answer(status=250)
    assert box.known == [user is not None] * 2
    first, second = box.letters
    assert first["Message-ID"] == second["Message-ID"] == "<msg_1@example.com>"
    assert first["To"] == "on-call@example.org"
    assert "https://h.example.org/review/cases/c-1" in first.get_content()
    assert "sentence" not in first.as_string()
    assert first.as_bytes() == second.as_bytes()
    assert [(e.mail_from, e.rcpt_tos) for e in box.envelopes] == [("handrail@example.com", ["on-call@example.org"])] * 2


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
@pytest.mark.parametrize(("host", "trust"), [("other.example.org", True), (_NAME, False)])
def test_a_certificate_of_somebody_else_is_refused(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext, Path], security: Security, host: str, trust: bool
) -> None:
    served, trusting, _ = certificate
    which = {"starttls": served} if security is Security.STARTTLS else {"tls": served}
    with mailbox(**which) as box:  # type: ignore[arg-type]
        answer = _send(_mailer(box.port, security, trusting if trust else ssl.create_default_context(), host=host))
    assert answer == Answer(error="tls_failed")
    assert not box.letters


def test_nothing_goes_in_the_clear_unless_it_was_said(certificate: tuple[ssl.SSLContext, ssl.SSLContext, Path]) -> None:
    with mailbox() as box:
        refused = _send(_mailer(box.port, Security.STARTTLS, certificate[1], user="handrail", password=box.password))
        assert refused == Answer(error="smtp_no_tls")
        assert not box.letters
        assert _send(_mailer(box.port, Security.NONE)) == Answer(status=250)


def test_a_wrong_password_is_an_error_that_the_operator_can_mend(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext, Path],
) -> None:
    with mailbox(starttls=certificate[0], auth=True) as box:
        answer = _send(_mailer(box.port, Security.STARTTLS, certificate[1], user="handrail", password="wrong"))
    assert answer == Answer(error="smtp_auth")
    assert settle(answer, 1, Schedule((0.0, 5.0))).verdict is Verdict.PENDING


@pytest.mark.parametrize(
    ("recipient", "data", "error", "final"),
    [
        ("550 no such box", None, "smtp_550", True),
        ("450 later", None, "smtp_450", False),
        ("410 odd", None, "smtp_410", False),
        (None, "554 no", "smtp_554", True),
        (None, "452 full", "smtp_452", False),
        (None, "421 closing", "smtp_421", False),
    ],
)
def test_refusals_have_codes(recipient: str | None, data: str | None, error: str, final: bool) -> None:
    with mailbox() as box:
        box.recipient_answers += [recipient] if recipient else []
        box.data_answers += [data] if data else []
        answer = _send(_mailer(box.port, Security.NONE))
    assert answer == Answer(error=error, final=final)
    outcome = settle(answer, 1, Schedule((0.0, 5.0)))
    assert (outcome.verdict, outcome.disable) == (Verdict.FAILED if final else Verdict.PENDING, False)


def _drip(piece: bytes, pause: float) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        while True:
            connection.sendall(piece)
            time.sleep(pause)

    return answer


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (lambda connection: time.sleep(4), "timeout"),
        (lambda connection: None, "protocol_error"),
        (lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "protocol_error"),
        (lambda connection: connection.sendall(b"\x00\xff" * 40_000), "smtp_500"),
        (lambda connection: connection.sendall(b"554 not you\r\n"), "smtp_554"),
        (_drip(b"220-x\r\n" * 1000, 0), "protocol_error"),  # an endless greeting
        (_drip(b"2", 0.1), "timeout"),  # one that never ends its line
    ],
)
def test_servers_that_misbehave_are_left_in_time(behaviour: Callable[[socket.socket], None], error: str) -> None:
    with badly(behaviour) as port:
        began = time.monotonic()
        answer = _send(_mailer(port, Security.NONE))
        assert time.monotonic() - began < _LIMITS.total_seconds + 2
    assert answer == Answer(error=error)


def test_a_server_that_is_away_and_a_name_that_is_not() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        assert _send(_mailer(held.getsockname()[1], Security.NONE)) == Answer(error="connect_failed")

    def nowhere(host: str, port: int) -> list[str]:
        raise OSError

    mailer = Mailer(MailServer(_NAME, 25, Security.NONE, "a@example.com"), limits=_LIMITS, resolve=nowhere)
    assert _send(mailer) == Answer(error="name_not_found")


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that answers no attempt to connect, as behind a firewall that drops it: its queue is full."""
    with ExitStack() as held:
        listening = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        while True:
            waiting = held.enter_context(socket.socket())
            waiting.settimeout(0.2)
            try:
                waiting.connect(listening.getsockname())
            except TimeoutError:
                break
        yield listening.getsockname()[1]


@pytest.mark.parametrize(("connect_seconds", "error", "seconds"), [(0.1, "connect_failed", 0.4), (1.0, "timeout", 1.5)])
def test_an_attempt_at_many_silent_addresses_ends_in_time(
    silent: int, connect_seconds: float, error: str, seconds: float
) -> None:
    limits = Limits(connect_seconds=connect_seconds, total_seconds=1.5)
    server = MailServer(_NAME, silent, Security.NONE, "handrail@example.com")
    mailer = Mailer(server, limits=limits, resolve=lambda host, port: ["127.0.0.1"] * 40)
    began = time.monotonic()
    assert _send(mailer) == Answer(error=error)
    assert seconds <= time.monotonic() - began < seconds + 1


@pytest.mark.parametrize("to", ["a@example.org\r\nBcc: b@example.org", "a@example.org, b@example.org", "nobody"])
def test_an_address_that_is_none_is_given_up_before_anything_is_sent(to: str) -> None:
    with mailbox() as box:
        assert _send(_mailer(box.port, Security.NONE), to=to) == Answer(error="address_invalid", final=True)
    assert not box.envelopes


def test_an_email_channel_is_added_told_and_takes_over(house: House, receiver: Receiver) -> None:
    tenant, path = house.tenant(), f"/{uuid4()}"
    hook = house.channel(tenant, receiver.url(path), topics=["case.opened"], name="hook")
    house.rows("update channels set url = 'http://127.0.0.1:9/h' where id = %s", [hook])
    _on(house, lambda c: add_email(c, tenant, "desk", "on-call@example.org", topics=["case.opened"], rung=2))
    with pytest.raises(NameTaken):
        _on(house, lambda c: add_email(c, tenant, "desk", "on-call@example.org"))
    with pytest.raises(AddressRefused):
        _on(house, lambda c: add_email(c, tenant, "other", "a@example.org\nBcc: x@example.org"))
    for wrong in ({"topics": ["case.closed"]}, {"rung": 10}, {"severity_from": 5}):
        with pytest.raises(ChannelRefused):
            _on(house, lambda c, wrong=wrong: add_email(c, tenant, "other", "a@example.org", **wrong))
    case = house.case(tenant, 4)
    message = house.tell(tenant, case_id=str(case))
    assert house.round(waits=(0.0, 60.0)) == 0
    assert house.round(waits=(0.0, 60.0)) == 0  # no mail server is set: said, and tried again
    assert {entry.channel: entry.error for entry in _read(house, tenant)} == {"hook": "connect_failed", "desk": "smtp_unset"}
    assert "escalation_delivery_refused" in house.alerts(tenant)
    with mailbox() as box:
        house.rows("update deliveries set next_at = now() where outbox_id = %s and instead_of is not null", [message])
        assert house.round(waits=(0.0, 0.0, 60.0), mailer=_mailer(box.port, Security.NONE)) == 1
    (channel,) = house.rows("select id from channels where tenant_id = %s and name = 'desk'", [tenant])
    assert [letter["X-Handrail-Message"] for letter in box.letters] == [webhook_id(message, channel["id"])]
    assert house.events(case) == ["notified"]


def test_a_worker_sends_it_over_starttls(
    house: House, certificate: tuple[ssl.SSLContext, ssl.SSLContext, Path], tmp_path: Path
) -> None:
    context, chain = certify(tmp_path, "localhost")
    tenant = house.tenant()
    _on(house, lambda c: add_email(c, tenant, "desk", "on-call@example.org"))
    with mailbox(starttls=context, auth=True) as box:
        worker = house.work(
            HANDRAIL_SMTP_URL=f"smtp://{box.user}:pass%20word@localhost:{box.port}",
            HANDRAIL_MAIL_FROM="handrail@example.com",
            SSL_CERT_FILE=str(chain),
        )
        message = house.tell(tenant, case_id=str(house.case(tenant)))
        row = house.settled(message, "delivered")
        worker.stop()
    assert (row["attempts"], row["last_status"]) == (1, 250)
    (letter,) = box.letters
    assert letter["Subject"] == "Handrail: a case of severity 4 waits for you"
    assert "pass%20word" not in worker.log.read_text()
