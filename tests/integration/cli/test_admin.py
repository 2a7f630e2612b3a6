"""Commands about the records, against a real database."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from guard.cli.main import app


@pytest.fixture
def place(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder and a database, told by variables as an operator would."""
    monkeypatch.setenv("HANDRAIL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HANDRAIL_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def run(*arguments: str, status: int = 0) -> str:
    """Standard output of a command of this process."""
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == status, done.output
    return done.stdout


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command as a process of its own, errors and all."""
    return subprocess.run(
        [sys.executable, "-m", "guard.cli.main", *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_tenant_its_keys_and_their_end(place: Path, database_url: str) -> None:
    """Made, listed by their beginnings only, revoked."""
    first = run("tenant", "create", "clinic", "--people", "hours", "--store-text").splitlines()[-1]
    second = run("key", "create", "--tenant", "clinic").splitlines()[-1]
    assert re.fullmatch(r"hr_[\w-]{32}", first)
    assert first != second
    assert re.search(r"clinic +hours +kept", run("tenant", "list"))
    listed = run("key", "list", "--tenant", "clinic")
    assert first not in listed
    assert first[:9] in listed
    key_id = re.findall(r"[0-9a-f-]{36}", listed)[0]
    run("key", "revoke", key_id, "--tenant", "clinic")
    with psycopg.connect(database_url) as connection:
        found = connection.execute("select count(*) from api_keys where revoked_at is not null").fetchone()
    assert found == (1,)


def test_a_reviewer_gets_a_password_of_their_own(place: Path) -> None:
    """Shown once and never again."""
    run("tenant", "create", "school")
    password = run("reviewer", "create", "ada", "--tenant", "school").splitlines()[-1]
    assert len(password) == 20
    listed = run("reviewer", "list", "--tenant", "school")
    assert "ada" in listed
    assert password not in listed


def test_a_channel_is_sealed_with_the_installation_s_key(place: Path, database_url: str) -> None:
    """The secret is shown once; the database has it only sealed."""
    run("tenant", "create", "office")
    added = run("channel", "add", "desk", "https://example.org/hook", "--tenant", "office", "--severity-from", "2")
    secret = added.splitlines()[-1]
    assert secret.startswith("whsec_")
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select secret, severity_from from channels where name = 'desk'").fetchone()
    assert row is not None
    assert secret.encode() not in bytes(row[0])
    assert row[1] == 2
    assert "https://example.org/hook" in run("channel", "list", "--tenant", "office")


def test_the_database_says_that_it_is_up_to_date(place: Path) -> None:
    """Migrated already: nothing to do, nothing waits."""
    assert "up to date" in run("db", "migrate")
    assert "waiting" not in run("db", "status")


def test_a_database_without_tables_is_a_sentence_with_what_to_do(
    tmp_path: Path, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 1 on standard error, no traceback; `db status` says what waits; `db migrate` mends it."""
    monkeypatch.setenv("HANDRAIL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HANDRAIL_DATABASE_URL", empty_database_url)
    done = command("tenant", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the database has no tables yet; run: handrail db migrate\n"
    assert "waiting" in run("db", "status", status=1)
    assert "applied" in run("db", "migrate")
    assert "none yet" in run("tenant", "list")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("key", "list", "--tenant", "nobody"), 1, "there is no tenant 'nobody'"),
        (("tenant", "create", "Not A Name"), 1, "small letters"),
        (("channel", "add", "x", "ftp://example.org"), 1, "there is no tenant 'default'"),
        (("key", "revoke", "not-a-uuid"), 2, "UUID"),
        (("tenant", "create"), 2, "Missing argument"),
        (("nothing",), 2, "No such command"),
    ],
)
def test_mistakes_are_sentences(place: Path, arguments: tuple[str, ...], status: int, words: str) -> None:
    """Wrong usage is status 2, everything else 1; never a traceback."""
    done = command(*arguments)
    assert done.returncode == status, done
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_without_an_address_the_embedded_database_is_started_for_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And stopped after it; the next command finds what it did."""
    monkeypatch.setenv("HANDRAIL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("HANDRAIL_DATABASE_URL", raising=False)
    assert command("tenant", "create", "small").returncode == 0
    assert not (tmp_path / "data" / "postgres" / "postmaster.pid").exists()
    done = command("tenant", "list")
    assert "small" in done.stdout, done.stderr
