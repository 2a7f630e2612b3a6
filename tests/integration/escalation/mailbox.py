"""A real mail server on this machine, and connections that behave badly in its place."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from aiosmtpd.smtp import SMTP as SMTPServer
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

__all__ = ["Mailbox", "badly", "mailbox"]


@dataclass
class Mailbox:
    """What was handed in. ``answers``: what RCPT and DATA are answered with before they are taken, one each."""

    user: str = "handrail"
    password: str = "pass word"
    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    known: list[bool] = field(default_factory=list)  # whether who handed it in had signed in
    recipient_answers: list[str] = field(default_factory=list)
    data_answers: list[str] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if self.recipient_answers:
            return self.recipient_answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if self.data_answers:
            return self.data_answers.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        letter = message_from_bytes(content, policy=SMTP)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.envelopes.append(envelope)
        self.known.append(bool(session.authenticated))
        return "250 taken"

    def authenticate(self, server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and data == LoginPassword(self.user.encode(), self.password.encode())
        return AuthResult(success=good, handled=good)


@contextmanager
def mailbox(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, auth: bool = False
) -> Iterator[Mailbox]:
    """A server that listens: with STARTTLS, with TLS from the first byte, or plain."""
    found, loop = Mailbox(), asyncio.new_event_loop()

    def protocol() -> SMTPServer:
        return SMTPServer(
            found, hostname="mail.example.org", tls_context=starttls, require_starttls=starttls is not None,
            auth_require_tls=starttls is not None, authenticator=found.authenticate if auth else None, loop=loop,
        )  # fmt: skip

    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0, ssl=tls))
    found.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def end() -> None:
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        yield found
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


@contextmanager
def badly(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where every connection gets ``behave``."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    behave(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(3)
