"""Tenants, claims and entries for the tests of the records."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from detectors.signals import SCREENS, VOCABULARY_VERSION, Scores, Side
from guard.records.contract import CaseIntent, Claim, Claimed, SessionChange, SessionRow, TurnEntry
from guard.records.ids import new_id
from guard.records.keys import Keys
from guard.records.store import PostgresRecords
from guard.settings import Settings
from guard.turns.contract import Delivered, Identity, Status
from policies.decision import Action, Outcome, RuleResult

__all__ = ["World", "now"]


def now() -> datetime:
    """This instant."""
    return datetime.now(UTC)


class World:
    """One installation: a data folder, a database and tenants. Where outages are not what a test is about, a database may
    take its time: a disk that other work keeps busy is none."""

    def __init__(self, url: str, home: Path, **settings: Any) -> None:
        self.url = url
        self.settings = Settings(data_dir=home, **{"database_seconds": 20.0} | settings)
        self.keys = Keys.load(home)

    def records(self, **options: Any) -> PostgresRecords:
        """Records of one more process."""
        return PostgresRecords(self.settings, self.url, self.keys, **options)

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Rows straight from the database."""
        with psycopg.connect(self.url, row_factory=dict_row, autocommit=True) as connection:
            connection.execute("set timezone to 'UTC'")
            return connection.execute(statement.encode(), values).fetchall()

    def run(self, statement: str, *values: Any) -> None:
        """A statement straight to the database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode(), values)

    def count(self, table: str, identity: Identity) -> int:
        """How many rows of ``table`` the tenant has."""
        statement = sql.SQL("select count(*) from {} where tenant_id = %s").format(sql.Identifier(table))
        with psycopg.connect(self.url) as connection:
            row = connection.execute(statement, [identity.tenant_id]).fetchone()
        return int(row[0]) if row is not None else 0

    def tenant(self, *, store_text: bool = False, synthetic: bool = False) -> Identity:
        """A new tenant."""
        tenant_id, name = new_id(), f"t-{secrets.token_hex(5)}"
        self.run(
            "insert into tenants (id, name, store_text, synthetic) values (%s, %s, %s, %s)",
            tenant_id,
            name,
            store_text,
            synthetic,
        )
        return Identity(tenant_id, name, store_text=store_text, off=frozenset(SCREENS), synthetic=synthetic)

    def hashed(self, identity: Identity, purpose: str, text: str) -> bytes:
        """A keyed hash."""
        return self.keys.hashed(identity.tenant_id, purpose, text.encode())

    def claim(self, identity: Identity, turn: str, *, session: str | None = None, **more: Any) -> Claim:
        """A claim for a turn that the test calls ``turn``."""
        session_key = self.hashed(identity, "session", session) if session else None
        return Claim(identity, self.hashed(identity, "turn", turn), now(), new_id(), session_key, **more)

    def entry(self, claim: Claim, claimed: Claimed, *, severity: int = 0, **more: Any) -> TurnEntry:
        """An entry for what was claimed."""
        session = claimed.session
        entry = TurnEntry(
            identity=claim.identity,
            turn_id=claimed.turn_id,
            at=claimed.at,
            attempt=claimed.attempt,
            key=claim.key,
            protocol="chat.completions",
            status=Status.FULL,
            action=Action.ALLOW,
            severity=severity,
            policy="hash",
            vocabulary=VOCABULARY_VERSION,
            session_id=session.id if session is not None else None,
            session_key=claim.session_key,
            person=claim.person,
            delivered=Delivered.WHOLE,
            user=Scores.of(Side.USER, "lexicon@1", {"distress": 0.3, "risk.suicide": 0.1}),
            reply=Scores.of(Side.REPLY, "lexicon@1", {"harm.method": 0.0}),
            rules=(RuleResult("floor/rule", severity, Outcome.FIRED),),
            case=self.case(claim, severity) if severity >= 3 else None,
            session=counting(session, claim.key.hex()) if session is not None else None,
        )
        return replace(entry, **more)

    def case(self, claim: Claim, severity: int, *, rules: tuple[str, ...] = ("floor/rule",)) -> CaseIntent:
        """A case about the claim's session, or its turn."""
        key = self.keys.hashed(claim.identity.tenant_id, "case", claim.session_key or claim.key)
        return CaseIntent(key, severity, "safety-team", rules, now())


class counted:
    """A change that adds a turn once, as those of the turns are: idempotent by the turn's key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, stored: Mapping[str, Any] | None) -> dict[str, Any]:
        keys: list[str] = list((stored or {}).get("recent", []))
        if self._key not in keys:
            keys.append(self._key)
        return {"turns": len(keys), "recent": keys}

    def ordinal(self, state: Mapping[str, Any]) -> int | None:
        """The turn's number, where it is the last."""
        return int(state["turns"]) if state.get("recent", [])[-1:] == [self._key] else None


def counting(session: SessionRow, key: str) -> SessionChange:
    """A session's change by one more turn."""
    change = counted(key)
    return SessionChange(session.id, session.version, change, change.ordinal)
