"""What a first start makes, and what a later one finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from argon2 import PasswordHasher

from guard.records import admin
from guard.records.errors import KeyUnusable
from guard.records.keys import Keys
from guard.records.migrate import migrate
from guard.supervise.first import TENANT, First, provide
from guard.supervise.paths import Paths
from guard.supervise.up import _unjudged


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    """A migrated database for one test: a first start is one only once."""
    migrate(empty_database_url)
    return empty_database_url


async def test_tenant_key_and_reviewer_are_made_once_and_noted(database_url: str, tmp_path: Path) -> None:
    """In the audit log as what `up` did; a second start does and notes nothing."""
    paths = Paths.of(tmp_path / "data").prepare()
    first = await provide(database_url, paths)
    assert first == await provide(database_url, paths)
    assert paths.first_key.read_text().strip() == first.key
    with psycopg.connect(database_url, autocommit=True) as connection:
        rows = connection.execute("select actor, action from audit_log order by seq").fetchall()
        assert rows == [("up", "tenant.created"), ("up", "key.created"), ("up", "reviewer.created")]
        assert connection.execute("select count(*) from master_keys").fetchone() == (1,)
        connection.execute("update tenants set people = 'always'")
    assert (await provide(database_url, paths)).without_evidence == (TENANT,)
    other = Paths.of(tmp_path / "other").prepare()
    with pytest.raises(KeyUnusable, match=r"whose master\.key is not in"):
        await provide(database_url, other)
    Keys.load(other.home)
    with pytest.raises(KeyUnusable, match="is not the one that this database was written with"):
        await provide(database_url, other)
    assert not other.first_key.exists()


async def test_a_lost_file_changes_no_password(database_url: str, tmp_path: Path) -> None:
    """Nobody is signed out by a start: the operator is told how to give a new password, and of a key that was added."""
    paths = Paths.of(tmp_path / "data").prepare()
    first = await provide(database_url, paths)
    assert (first.password_noted, first.notes) == (True, ())
    hashes = "select password_hash, disabled_at from reviewers"
    with psycopg.connect(database_url, autocommit=True) as connection:
        before = connection.execute(hashes).fetchall()
        paths.first_reviewer.unlink()
        paths.first_key.unlink()
        later = await provide(database_url, paths)
        assert connection.execute(hashes).fetchall() == before
        assert connection.execute("select count(*) from audit_log where action = 'reviewer.password_reset'").fetchone() == (
            0,
        )
    assert not later.password_noted
    key, password = later.notes
    assert "held no key in force, so a further one was made" in key
    assert password.endswith("handrail reviewer reset-password reviewer")
    assert later.key != first.key
    assert paths.first_key.read_text().strip() == later.key
    again = await provide(database_url, paths)
    assert (again.key, again.notes) == (later.key, (password,))


async def test_a_start_that_was_killed_as_it_made_the_reviewer_has_noted_the_password(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file comes first: a password that only the database knows could not be given out."""
    paths = Paths.of(tmp_path / "data").prepare()
    create = admin.create_reviewer

    async def killed(*arguments: Any, **options: Any) -> None:
        await create(*arguments, **options)
        raise RuntimeError

    monkeypatch.setattr(admin, "create_reviewer", killed)
    with pytest.raises(RuntimeError):
        await provide(database_url, paths)
    assert (await provide(database_url, paths)).password_noted
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select password_hash from reviewers").fetchone()
    assert row is not None
    assert PasswordHasher().verify(row[0], paths.first_reviewer.read_text().split()[1])


def test_a_start_says_that_people_would_have_nothing_to_judge(tmp_path: Path) -> None:
    """Unless the policy hands them nothing of severity 3 and above."""
    blind = First("default", "hr_x", ("default",))
    (line,) = _unjudged(blind, "companion-app")
    assert "they would have nothing to judge; run: handrail tenant set default --store-text" in line
    assert _unjudged(First("default", "hr_x"), "companion-app") == []
    quiet = tmp_path / "quiet.yaml"
    quiet.write_text(
        "apiVersion: handrail/v1\nname: quiet\nvocabulary: 1\nrules:\n"
        "  - {id: seen, on: user_turn, severity: 3, when: distress >= 0.9, then: [observe]}\n"
    )
    assert _unjudged(blind, str(quiet)) == []
    many = First("default", "hr_x", tuple(f"t{number}" for number in range(9)))
    assert "tenants t0, t1, t2, t3, t4 and 4 more have" in _unjudged(many, "companion-app")[0]
