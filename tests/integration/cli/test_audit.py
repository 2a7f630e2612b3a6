"""`handrail audit`, as an auditor and a cron job use it, against a real database."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from guard.cli.main import app


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of this module's database."""
    return tmp_path_factory.mktemp("place") / "data"


@pytest.fixture(autouse=True)
def place(home: Path, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by variables, as an operator would."""
    monkeypatch.setenv("HANDRAIL_DATA_DIR", str(home))
    monkeypatch.setenv("HANDRAIL_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, status: int = 0, given: str | None = None) -> str:
    """Standard output of a command."""
    done = CliRunner().invoke(app, list(arguments), input=given, catch_exceptions=False)
    assert done.exit_code == status, done.output
    return done.stdout


def tamper(database_url: str, statement: str, *values: Any) -> None:
    """Somebody with all rights."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(statement.encode(), values)


def test_what_was_done_is_shown_and_whole(database_url: str) -> None:
    run("tenant", "create", "clinic")
    run("tenant", "set", "clinic", "--people", "hours")
    run("reviewer", "create", "ada", "--tenant", "clinic")
    shown = run("audit", "show", "--tenant", "clinic")
    assert re.search(r"3 +\d{4}-.* cli +tenant\.changed +tenant:clinic +people hours, people_before none", shown)
    assert re.search(r"4 .* reviewer\.created .* roles reviewer", shown)
    rows = json.loads(run("audit", "show", "--tenant", "clinic", "--action", "tenant", "--json"))
    assert [(row["row"], row["action"]) for row in rows] == [(1, "tenant.created"), (3, "tenant.changed")]
    assert rows[1]["detail"] == {"people": "hours", "people_before": "none"}
    assert run("audit", "show", "--tenant", "clinic", "--actor", "nobody").strip() == "none yet"
    assert run("audit", "show", "--tenant", "clinic", "--until", "2020-01-01").strip() == "none yet"
    assert "tenant clinic: 4 rows, whole" in run("audit", "verify")
    (found,) = json.loads(run("audit", "verify", "--tenant", "clinic", "--json"))
    assert (found["tenant"], found["whole"], found["rows"], found["broken"]) == ("clinic", True, 4, None)


def test_a_break_is_named_with_its_row_and_ends_with_status_1(database_url: str) -> None:
    for name in ("north", "south"):
        run("tenant", "create", name)
    tamper(
        database_url,
        "update audit_log set actor = 'nobody' where seq = 2 and tenant_id = (select id from tenants where name = %s)",
        "north",
    )
    said = run("audit", "verify", status=1)
    assert re.search(r"tenant north: broken at row 2 \(\d{4}-\d\d-\d\d .* UTC\): its content does not match its hash", said)
    assert "tenant south: 2 rows, whole" in said
    (found,) = json.loads(run("audit", "verify", "--tenant", "north", "--json", status=1))
    assert (found["whole"], found["broken"]["row"]) == (False, 2)
    assert run("audit", "verify", "--tenant", "south")


def test_heads_that_are_kept_elsewhere_tell_a_new_chain(database_url: str, tmp_path: Path) -> None:
    """As printed, in a file that only grows, or by a pipe; lines that are none are named."""
    run("tenant", "create", "harbour")
    kept = tmp_path / "anchors"
    kept.write_text(run("audit", "head", "--tenant", "harbour"))
    run("key", "create", "--tenant", "harbour")
    kept.write_text(kept.read_text() + run("audit", "head", "--tenant", "harbour"))
    assert kept.read_text().splitlines()[1].endswith(" harbour")
    run("audit", "verify", "--tenant", "harbour", "--anchors", str(kept))
    run("audit", "verify", "--tenant", "harbour", "--anchors", "-", given=kept.read_text())
    tenant = kept.read_text().split()[0]
    tamper(database_url, "delete from audit_log where tenant_id = %s", tenant)
    tamper(database_url, "delete from audit_heads where tenant_id = %s", tenant)
    assert "nothing was written yet" in run("audit", "verify", "--tenant", "harbour")
    said = run("audit", "verify", "--tenant", "harbour", "--anchors", str(kept), status=1)
    assert "an anchor knows row 3" in said
    kept.write_text("harbour 3\n")
    done = CliRunner().invoke(app, ["audit", "verify", "--anchors", str(kept)])
    assert done.exit_code == 2
    assert "line 1 of the anchors" in done.output
    for line in (f"{tenant} 0 {'00' * 32}", f"{tenant} 1 00", f"{tenant} 1 {'00' * 32}\n{tenant} 1 {'11' * 32}"):
        assert CliRunner().invoke(app, ["audit", "verify", "--anchors", "-"], input=line).exit_code == 2


def test_a_tenant_that_was_removed_leaves_its_log(database_url: str) -> None:
    """By its id; the name is free again, for a tenant with a log of its own."""
    run("tenant", "create", "brief")
    tenant = run("audit", "head", "--tenant", "brief").split()[0]
    assert "is removed" in run("tenant", "remove", "brief")
    assert f"tenant {tenant} (removed): 3 rows, whole" in run("audit", "verify", "--tenant", tenant)
    assert "tenant.removed" in run("audit", "show", "--tenant", tenant)
    run("tenant", "create", "brief")
    assert run("audit", "head", "--tenant", "brief").split()[0] != tenant


def test_mistakes_are_sentences() -> None:
    for arguments, words in (
        (("audit", "show", "--since", "yesterday"), "--since is no instant"),
        (("audit", "show", "--limit", "0"), "limit"),
        (("audit", "verify", "--anchors", "/nonexistent"), "cannot be read: No such file"),
    ):
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == 2
        assert words in done.output
