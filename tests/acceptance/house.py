"""A running Handrail with two gateway workers before a chatbot of the tests', and what it has recorded."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import psycopg
from psycopg.rows import dict_row

from guard.records.keys import Keys
from tests.acceptance.chatbot import Chatbot
from tests.running import Running

__all__ = ["House"]


@dataclass
class House:
    """``running``: the supervisor and its processes. ``chatbot``: the upstream, which counts what it meets."""

    running: Running
    chatbot: Chatbot

    @property
    def key(self) -> str:
        """The first tenant's key."""
        return (self.running.home / "first-key").read_text().strip()

    def client(self, *, person: str | None = None, session: str | None = None, **options: Any) -> openai.OpenAI:
        """The official client. Each has connections of its own."""
        headers = {}
        if person is not None:
            headers["x-handrail-user"] = person
        if session is not None:
            headers["x-handrail-session"] = session
        options.setdefault("max_retries", 0)
        options.setdefault("timeout", 30.0)
        return openai.OpenAI(base_url=f"{self.running.address}/v1", api_key=self.key, default_headers=headers, **options)

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Rows straight from the database; waits for one that is being restarted."""
        until = time.monotonic() + 20
        while True:
            try:
                with psycopg.connect(self.running.url, row_factory=dict_row, autocommit=True) as connection:
                    return connection.execute(statement.encode(), values).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def record(self, turn: str) -> dict[str, Any]:
        """``GET /v1/turns/{id}`` once its reply has been recorded as delivered or not."""
        found: dict[str, Any] = {}
        until = time.monotonic() + 20
        while time.monotonic() < until:
            answer = httpx.get(
                f"{self.running.address}/v1/turns/{turn}", headers={"authorization": f"Bearer {self.key}"}, timeout=10
            )
            if answer.status_code == 200:
                found = answer.json()
                if found["delivered"] != "none":
                    break
            time.sleep(0.05)
        return found

    def turns_of(self, session: str) -> list[dict[str, Any]]:
        """The rows of a session's turns, in the order of their attempts."""
        (tenant,) = self.rows("select id from tenants where name = 'default'")
        key = Keys.load(self.running.home).hashed(tenant["id"], "session", session.encode())
        return self.rows(
            "select t.* from turns t join sessions s on s.tenant_id = t.tenant_id and s.id = t.session_id "
            "where s.tenant_id = %s and s.key = %s order by t.at, t.attempt",
            tenant["id"],
            key,
        )

    def pid(self, role: str) -> int:
        """The process id of the supervisor's own child with this role."""
        return self.pids(role)[0]

    def pids(self, role: str) -> list[int]:
        """Those of all of them."""
        pattern = role if " " in role else f"children {role}"
        own = self.running.process.pid
        return sorted(pid for pid, command in self.running.children().items() if pattern in command and _parent(pid) == own)

    def kill(self, role: str) -> int:
        """SIGKILL; returns whom it met."""
        pid = self.pid(role)
        os.kill(pid, signal.SIGKILL)
        return pid

    @contextmanager
    def only(self, worker: int) -> Iterator[None]:
        """While it lasts only this gateway worker answers: the others are stopped."""
        workers = self.pids("gateway")
        others = [pid for pid in workers if pid != workers[worker]]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)

    def until(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        """Waits for a condition."""
        self.running.until(condition, seconds)

    def send_raw(self, body: bytes, headers: dict[str, str] | None = None) -> socket.socket:
        """A chat request on a socket of its own, sent whole; nothing is read."""
        where = urlsplit(self.running.address)
        connection = socket.create_connection((where.hostname or "", where.port or 80), timeout=30)
        lines = [
            "POST /v1/chat/completions HTTP/1.1",
            f"host: {where.netloc}",
            f"authorization: Bearer {self.key}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return connection


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0
