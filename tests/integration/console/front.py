"""A console over a real database with a clock that the test sets, and browsers that come to it from an address each."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pyotp
from argon2 import PasswordHasher
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from guard.records import admin
from guard.records.ids import new_id
from guard.records.keys import Keys
from guard.review.app import create_app
from guard.review.passwords import Passwords
from guard.review.process import connections
from guard.settings import load_settings

__all__ = ["HASHER", "PASSWORD", "Browser", "Front", "front"]

HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""Argon2id as cheap as it goes: a test that guesses thirty times is no test of patience."""

PASSWORD = "seven quiet herons at dusk"
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass
class Browser:
    """One browser. Its forms come from its own pages, as a browser's do."""

    client: httpx.AsyncClient
    tenant: str

    async def get(self, path: str) -> httpx.Response:
        """A page."""
        return await self.client.get(f"/review{path}")

    async def csrf(self) -> str:
        """The token of this browser's forms as they are now."""
        found = _CSRF.search((await self.get("/nowhere")).text)
        assert found is not None
        return found.group(1)

    async def post(self, path: str, fields: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        """A form, sent."""
        return await self.client.post(f"/review{path}", data={"csrf": await self.csrf(), **(fields or {})}, **more)

    async def sign_in(self, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        """The login's form."""
        return await self.post("/login", {"tenant": self.tenant, "name": name, "password": password, **fields})

    async def inside(self) -> bool:
        """Whether it is signed in."""
        return (await self.get("/account")).status_code == 200

    def cookie(self, answer: httpx.Response, name: str) -> str:
        """The ``set-cookie`` of one cookie."""
        (found,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{name}=")]
        return found


@dataclass
class Front:
    """One console, its database and its clock."""

    app: Any
    url: str
    keys: Keys
    tenant: str
    tenant_id: UUID
    now: datetime = field(default_factory=lambda: datetime(2026, 11, 27, 9, 0, tzinfo=UTC))

    def later(self, **span: float) -> None:
        """Time passes."""
        self.now += timedelta(**span)

    def browser(self, address: str = "192.0.2.1", *, https: bool = False, **headers: str) -> Browser:
        """A new browser at ``address``."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app, client=(address, 4711)),
            base_url=f"{'https' if https else 'http'}://console.test",
            headers=headers,
        )
        return Browser(client, self.tenant)

    async def reviewer(self, *roles: str, password: str = PASSWORD) -> str:
        """A new reviewer; returns the name."""
        name = f"r-{secrets.token_hex(4)}"
        await self.rows(
            "insert into reviewers (tenant_id, id, name, password_hash, roles) values (%s, %s, %s, %s, %s)",
            self.tenant_id,
            new_id(),
            name,
            HASHER.hash(password),
            list(roles or ("reviewer",)),
        )
        return name

    async def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Rows straight from the database."""
        async with await AsyncConnection.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            cursor = await connection.execute(statement.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    async def audited(self, name: str) -> list[str]:
        """What the audit log says of a reviewer since it was made."""
        rows = await self.rows(
            "select a.action from audit_log a join reviewers r on r.tenant_id = a.tenant_id"
            " where a.tenant_id = %s and r.name = %s and a.subject = 'reviewer:' || r.id order by a.seq",
            self.tenant_id,
            name,
        )
        return [row["action"] for row in rows if not row["action"].startswith("reviewer.")]

    async def enrol(self, browser: Browser) -> tuple[pyotp.TOTP, list[str]]:
        """Turns one-time codes on for whoever is signed in: the generator and the recovery codes."""
        offered = await browser.post("/account/totp", {"current": PASSWORD}, follow_redirects=True)
        key = re.search(r'id="totp-key">([A-Z2-7 ]+)<', offered.text)
        assert key is not None, offered.text
        generator = pyotp.TOTP(key.group(1).replace(" ", ""))
        shown = await browser.post("/account/totp/confirm", {"code": generator.at(self.now)})
        codes = re.findall(r"<li>([a-z2-9]{5}-[a-z2-9]{5}-[a-z2-9]{5})</li>", shown.text)
        assert len(codes) == 8, shown.text
        return generator, codes


@asynccontextmanager
async def front(url: str, home: Path) -> AsyncIterator[Front]:
    """A console of a tenant of its own."""
    keys, settings = Keys.load(home), load_settings({"data_dir": home, "database_url": url})
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        tenant = f"t-{secrets.token_hex(4)}"
        tenant_id = await admin.create_tenant(connection, tenant)
    pool = connections(url)
    await pool.open()
    try:
        made = Front(None, url, keys, tenant, tenant_id)
        cheap = Passwords(HASHER)
        made.app = create_app(pool=pool, settings=settings, keys=keys, clock=lambda: made.now, passwords=cheap)
        yield made
    finally:
        await pool.close()
