"""What a first start makes, and what a later one finds."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from guard.records.errors import KeyUnusable
from guard.records.keys import Keys
from guard.supervise.first import TENANT, First, provide
from guard.supervise.paths import Paths
from guard.supervise.up import _unjudged


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
