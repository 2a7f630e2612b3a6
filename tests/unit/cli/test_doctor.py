"""What the doctor finds, on folders as they may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from guard.cli.doctor import Finding, Grade, findings
from guard.settings import Settings, load_settings


def found(settings: Settings, what: str) -> list[Finding]:
    """Findings of this kind."""
    return [finding for finding in findings(settings) if finding.what == what]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a place where nothing runs."""
    return load_settings({"data_dir": tmp_path / "data", "port": 9})


def test_a_place_where_nothing_runs_has_no_faults_but_says_so(settings: Settings) -> None:
    """Nothing is started and nothing is made by looking."""
    assert "does not exist yet" in found(settings, "data folder")[0].says
    for what in ("PostgreSQL", "scorer", "gateway"):
        (finding,) = found(settings, what)
        assert finding.grade is Grade.NOTE
        assert "handrail up" in finding.says
    assert not settings.home.exists()


def test_files_that_others_can_read_are_faults_with_the_command_that_mends_them(settings: Settings) -> None:
    """Folder and key alike."""
    settings.home.mkdir(mode=0o755)
    key = settings.home / "first-key"
    key.write_text("hr_x")
    key.chmod(0o644)
    (folder,) = found(settings, "data folder")
    (file,) = found(settings, "key files")
    assert folder.grade is file.grade is Grade.BAD
    assert f"chmod 700 {settings.home}" in folder.says
    assert f"chmod 600 {key}" in file.says
    settings.home.chmod(0o700)
    key.chmod(0o600)
    assert found(settings, "data folder")[0].grade is Grade.GOOD
    assert found(settings, "key files")[0].grade is Grade.GOOD


def test_a_database_that_cannot_be_reached_is_a_fault(tmp_path: Path) -> None:
    """Where one was set, it is expected to be there."""
    settings = load_settings({"data_dir": tmp_path, "port": 9, "database_url": f"postgresql://nobody@/none?host={tmp_path}"})
    (finding,) = found(settings, "PostgreSQL")
    assert finding.grade is Grade.BAD


def test_every_contact_of_the_default_place_is_listed_to_be_confirmed(settings: Settings) -> None:
    """With number and page date; a place that is not known says so."""
    here = found(settings, "US")
    assert any("988" in finding.says for finding in here)
    assert all("page" in finding.says for finding in here)
    assert any("before going live" in finding.says for finding in found(settings, "contacts"))
    elsewhere = load_settings({"data_dir": settings.home, "port": 9, "default_locale": "xx-QQ"})
    assert any("none is known" in finding.says for finding in found(elsewhere, "contacts"))
