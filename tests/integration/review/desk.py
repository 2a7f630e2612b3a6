"""A console over a real database, with people who are signed in and cases that turns have opened."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from detectors.signals import Scores, Side, Tier
from guard.records.contract import SessionChange, TurnText
from guard.records.ids import new_id
from guard.records.store import PostgresRecords
from guard.review.app import create_app
from guard.review.cookies import SESSION
from guard.review.identity import Reviewer, digest_of, roles_of
from guard.review.process import connections
from guard.turns.contract import Identity
from guard.turns.session import SessionState, to_json
from policies.decision import Outcome, RuleResult
from tests.integration.records.world import World

__all__ = ["Console", "Desk", "Person", "desk"]

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in, and is."""

    tenant: Identity
    id: UUID
    name: str
    token: str
    roles: tuple[str, ...]
    session: UUID

    @property
    def reviewer(self) -> Reviewer:
        """The same, as the console's functions take it."""
        return Reviewer(self.tenant.tenant_id, self.id, self.name, roles_of(list(self.roles)), self.session)


@dataclass
class Console:
    """One person's browser."""

    client: httpx.AsyncClient
    person: Person
    pages: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, expect: int = 200) -> httpx.Response:
        """A page."""
        answer = await self.client.get(f"/review{path}")
        assert answer.status_code == expect, (path, answer.status_code, answer.text[-2000:])
        return answer

    async def csrf(self) -> str:
        """The token of this browser's forms."""
        if "csrf" not in self.pages:
            found = _CSRF.search((await self.client.get("/review/account")).text)
            assert found is not None
            self.pages["csrf"] = found.group(1)
        return self.pages["csrf"]

    async def post(self, path: str, fields: Mapping[str, Any] | None = None, expect: int = 303) -> httpx.Response:
        """A form, sent."""
        form = {
            "csrf": await self.csrf(),
            "once": str(new_id()),
            **{key: str(value) for key, value in (fields or {}).items()},
        }
        answer = await self.client.post(f"/review{path}", data=form)
        assert answer.status_code == expect, (path, answer.status_code, answer.text[-2000:])
        return answer


@dataclass
class Desk:
    """Everything of one test module."""

    world: World
    records: PostgresRecords
    app: Any
    offset: timedelta = timedelta(0)

    def clock(self) -> datetime:
        """The console's time."""
        return datetime.now(UTC) + self.offset

    def person(self, tenant: Identity, name: str, *roles: str) -> Person:
        """A new reviewer of the tenant, signed in."""
        person = Person(tenant, new_id(), f"{name}-{secrets.token_hex(3)}", secrets.token_urlsafe(32), roles, new_id())
        self.world.run(
            "insert into reviewers (tenant_id, id, name, password_hash, roles) values (%s, %s, %s, 'none', %s)",
            tenant.tenant_id,
            person.id,
            person.name,
            list(roles),
        )
        self.world.run(
            "insert into review_sessions (tenant_id, id, reviewer_id, digest, started_at, seen_at, expires_at)"
            " values (%s, %s, %s, %s, now(), now(), now() + interval '11 hours')",
            tenant.tenant_id,
            person.session,
            person.id,
            digest_of(person.token),
        )
        return person

    def browser(self, person: Person) -> Console:
        """A browser in which ``person`` is signed in."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app), base_url="http://console", cookies={SESSION: person.token}
        )
        return Console(client, person)

    async def turn(
        self,
        tenant: Identity,
        session: str,
        name: str,
        *,
        severity: int = 0,
        user: str = "",
        reply: str = "",
        rules: Sequence[RuleResult] | None = None,
        scores: Mapping[str, float] | None = None,
        state: SessionState | None = None,
        **more: Any,
    ) -> tuple[UUID, UUID | None]:
        """A turn as the gateway records it; its id and its case's."""
        claim = self.world.claim(tenant, name, session=session)
        claimed = await self.records.claim(claim)
        assert claimed.session is not None
        values = scores if scores is not None else {"distress": 0.4, "risk.suicide": 0.2}
        entry = self.world.entry(
            claim,
            claimed,
            severity=severity,
            user=Scores.of(Side.USER, "encoder@7", values, tier=Tier.FULL),
            rules=tuple(rules) if rules is not None else (RuleResult("intent-or-plan", severity, Outcome.FIRED),),
            case=self.world.case(claim, severity, rules=("intent-or-plan",)) if severity >= 3 else None,
            text=TurnText(user, reply),
            session=SessionChange(
                claimed.session.id, claimed.session.version, lambda stored: to_json(state), lambda after: None
            )
            if state is not None
            else None,
            **more,
        )
        return claimed.turn_id, await self.records.commit(entry)

    async def case(self, tenant: Identity, *, severity: int = 3, **more: Any) -> UUID:
        """A new case of a new session."""
        name = secrets.token_hex(6)
        _, case_id = await self.turn(tenant, f"session-{name}", f"turn-{name}", severity=severity, **more)
        assert case_id is not None
        return case_id

    def rows_of(self, table: str, tenant: Identity) -> list[dict[str, Any]]:
        """All rows of a tenant in a table."""
        statement = sql.SQL("select * from {} where tenant_id = %s").format(sql.Identifier(table))
        with psycopg.connect(self.world.url, row_factory=dict_row) as connection:
            return connection.execute(statement, [tenant.tenant_id]).fetchall()

    def case_row(self, case_id: UUID | str) -> dict[str, Any]:
        """A case as stored."""
        return self.world.rows("select * from cases where id = %s", case_id)[0]

    def events(self, case_id: UUID | str) -> list[str]:
        """What happened to a case, in order."""
        return [
            row["kind"] for row in self.world.rows("select kind from case_events where case_id = %s order by id", case_id)
        ]

    def audited(self, subject: str) -> list[str]:
        """What the audit log says was done to a subject, in order."""
        rows = self.world.rows("select action from audit_log where subject = %s order by seq", subject)
        return [row["action"] for row in rows]

    def token(self, case_id: UUID | str) -> UUID:
        """The lease's token."""
        found: UUID = self.world.rows("select token from case_leases where case_id = %s", case_id)[0]["token"]
        return found


@asynccontextmanager
async def desk(url: str, home: Path) -> AsyncIterator[Desk]:
    """A desk over the database ``url``."""
    world = World(url, home)
    pool = connections(url)
    await pool.open()
    try:
        async with world.records() as records:
            made = Desk(world, records, None)
            made.app = create_app(pool=pool, settings=world.settings, keys=world.keys, clock=made.clock)
            yield made
    finally:
        await pool.close()
