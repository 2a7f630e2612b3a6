"""One attempt to hand an e-mail to the installation's mail server, within hard bounds of time and size."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from enum import StrEnum
from typing import Any, BinaryIO, Final
from urllib.parse import parse_qs, unquote, urlsplit

from guard.errors import SettingsInvalid
from guard.escalation.addresses import MOST_ADDRESSES, Resolve, system_resolve
from guard.escalation.errors import AddressRefused
from guard.escalation.letter import compose, mail_address
from guard.escalation.schedule import Answer
from guard.escalation.webhook import Limits
from guard.settings import Settings

__all__ = ["MailServer", "Mailer", "Security"]

_MOST_REPLY_BYTES: Final = 64 * 1024  # of all replies in one session
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class Security(StrEnum):
    """How a connection is protected. ``NONE`` is for a mail server on this machine alone."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where e-mails are handed in. ``sender``: the address that they come from."""

    host: str
    port: int
    security: Security
    sender: str
    user: str | None = None
    password: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> MailServer | None:
        """The server of the settings, or ``None`` where none is set. Raises :class:`~guard.errors.SettingsInvalid`."""
        if settings.smtp_url is None:
            return None
        parts = urlsplit(settings.smtp_url.get_secret_value())
        host = parts.hostname or ""
        plain = parse_qs(parts.query).get("starttls") == ["no"]
        if settings.mail_from is None:
            raise SettingsInvalid(
                "HANDRAIL_SMTP_URL is set and HANDRAIL_MAIL_FROM is not; give the address e-mails come from"
            )
        try:
            sender = mail_address(settings.mail_from)
        except AddressRefused:
            raise SettingsInvalid("HANDRAIL_MAIL_FROM is no plain e-mail address such as handrail@example.org") from None
        try:
            port = parts.port
        except ValueError:
            port = 0
        if parts.scheme not in ("smtp", "smtps") or not host or port == 0:
            raise SettingsInvalid(
                "HANDRAIL_SMTP_URL cannot be read; give smtps://user:password@host (TLS) or smtp:// instead (STARTTLS)"
            )
        if plain and (parts.scheme == "smtps" or host not in _LOOPBACK or parts.username):
            raise SettingsInvalid(
                "starttls=no in HANDRAIL_SMTP_URL is for smtp:// to a mail server on this machine, without a password"
            )
        security = Security.TLS if parts.scheme == "smtps" else Security.NONE if plain else Security.STARTTLS
        ports = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}
        user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
        return cls(host, port or ports[security], security, sender, user, password)


class Mailer:
    """Hands e-mails in, a connection each. May be used from several threads at once. ``public_url``: where reviewers reach
    the console; the e-mail then says where the case is."""

    def __init__(
        self,
        server: MailServer,
        *,
        public_url: str | None = None,
        limits: Limits | None = None,
        resolve: Resolve = system_resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._public_url = public_url
        self._limits = limits or Limits()
        self._resolve = resolve
        self._tls = tls

    async def send(self, url: str, topic: str, created_at: datetime, payload: Mapping[str, Any], message_id: str) -> Answer:
        """What came back of one attempt; delivered means that the mail server took it. Never raises for anything that a
        server or a network can do."""
        try:
            message = compose(
                topic, created_at, payload,
                message_id=message_id, to=url, sender=self._server.sender, public_url=self._public_url,
            )  # fmt: skip
        except AddressRefused as error:
            return Answer(error=error.code, final=True)
        return await asyncio.to_thread(self._hand_in, message)

    def _hand_in(self, message: EmailMessage) -> Answer:
        self._tls = self._tls or ssl.create_default_context()  # here: reading the authorities is slow, and seldom needed
        session = _Session(self._server, self._limits, self._tls)
        watchdog = threading.Timer(self._limits.total_seconds, session.cut)
        watchdog.daemon = True
        watchdog.start()
        try:
            return self._converse(session, message)
        except Exception as error:
            if session.over:
                return Answer(error="timeout")
            return _answer(error)
        finally:
            watchdog.cancel()
            session.close()

    def _converse(self, session: _Session, message: EmailMessage) -> Answer:
        try:
            addresses = self._resolve(self._server.host, self._server.port)
        except OSError:
            return Answer(error="name_not_found")
        session.open(addresses)
        server = self._server
        session.ehlo_or_helo_if_needed()
        if server.security is Security.STARTTLS:
            session.starttls(context=self._tls)
            session.ehlo_or_helo_if_needed()
        if server.user is not None:
            try:
                session.login(server.user, server.password or "")
            except smtplib.SMTPServerDisconnected:
                raise
            except smtplib.SMTPException:
                return Answer(error="smtp_auth")
        session.send_message(message)
        # Taken: what the server says to the goodbye changes nothing.
        with suppress(smtplib.SMTPException, OSError):
            session.quit()
        return Answer(status=250)


class _Session(smtplib.SMTP):
    """A session that connects to judged addresses, reads a bounded amount, and can be cut off from another thread."""

    def __init__(self, server: MailServer, limits: Limits, tls: ssl.SSLContext) -> None:
        # A name without a dot is enough for a greeting; asking the resolver for a better one can take half a minute.
        super().__init__(local_hostname="localhost", timeout=limits.total_seconds)
        self._server = server
        self._limits = limits
        self._context = tls
        self._host = server.host  # what STARTTLS verifies the certificate against
        self._until = time.monotonic() + limits.total_seconds
        self._read = 0
        self.was_cut = False

    @property
    def over(self) -> bool:
        """Whether the attempt's time is over."""
        return self.was_cut or time.monotonic() >= self._until

    def open(self, addresses: Sequence[str]) -> None:
        """Connects to the first of a few addresses that answers, and reads the greeting. Raises ``TimeoutError`` where
        the attempt's time is over before."""
        plain = self._connect(addresses)
        plain.settimeout(max(0.1, self._until - time.monotonic()))
        self.sock = plain
        if self.was_cut:  # before there was a socket to end
            raise TimeoutError
        if self._server.security is Security.TLS:
            self.sock = self._context.wrap_socket(plain, server_hostname=self._server.host)
        code, _ = self.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, b"")

    def _connect(self, addresses: Sequence[str]) -> socket.socket:
        for address in addresses[:MOST_ADDRESSES]:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            with suppress(OSError):
                return socket.create_connection((address, self._server.port), min(self._limits.connect_seconds, left))
        raise _ConnectFailed

    def getreply(self) -> tuple[int, bytes]:
        """As smtplib's; an endless reply is an error."""
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"), self)
        return super().getreply()

    def count(self, size: int) -> None:
        """Counts what was read."""
        self._read += size
        if self._read > _MOST_REPLY_BYTES:
            raise OSError("the replies are too long")

    def cut(self) -> None:
        """Ends what is read or written now. From another thread."""
        self.was_cut = True
        if self.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _Bounded:
    """The part of a file that smtplib reads with."""

    def __init__(self, file: BinaryIO, session: _Session) -> None:
        self._file = file
        self._session = session

    def readline(self, size: int = -1) -> bytes:
        """One line."""
        line = self._file.readline(size)
        self._session.count(len(line))
        return line

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class _ConnectFailed(Exception):
    """No address of the server answers."""


def _answer(error: Exception) -> Answer:
    """A code for what went wrong; never what the server wrote."""
    match error:
        case _ConnectFailed():
            return Answer(error="connect_failed")
        case smtplib.SMTPNotSupportedError():
            return Answer(error="smtp_no_tls")
        case smtplib.SMTPRecipientsRefused():
            code = next((reply[0] for reply in error.recipients.values()), 0)
            return Answer(error=f"smtp_{code}", final=500 <= code < 600)
        case smtplib.SMTPDataError():
            code = int(error.smtp_code)
            return Answer(error=f"smtp_{code}", final=500 <= code < 600)
        case smtplib.SMTPResponseException():
            return Answer(error=f"smtp_{int(error.smtp_code)}" if 0 < int(error.smtp_code) < 1000 else "protocol_error")
        case ssl.SSLError():
            return Answer(error="tls_failed")
        case TimeoutError():
            return Answer(error="timeout")
        case _:
            return Answer(error="protocol_error")
