"""Settings: a flag wins over a variable, which wins over the file; a mistake is named where it was made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guard.errors import SettingsInvalid
from guard.settings import load_settings, unknown_variables


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("HANDRAIL_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults() -> None:
    settings = load_settings()
    assert (settings.port, settings.policy, settings.country) == (8080, "companion-app", "US")


def test_a_flag_wins_over_a_variable_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("handrail.toml").write_text("port = 1001\nworkers = 2\npolicy = 'core-safety'\n", encoding="utf-8")
    monkeypatch.setenv("HANDRAIL_PORT", "1002")
    monkeypatch.setenv("HANDRAIL_WORKERS", "3")
    settings = load_settings({"port": 1003, "host": None})
    assert (settings.port, settings.workers, settings.policy) == (1003, 3, "core-safety")


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("HANDRAIL_PORT", "eighty", "the variable HANDRAIL_PORT: Input should be a valid integer"),
        ("HANDRAIL_UPSTREAM_URL", "ftp://example.org/v1", "give an http or https address"),
        ("HANDRAIL_UPSTREAM_URL", "https://example.org", "must end in /v1"),
        ("HANDRAIL_DATABASE_URL", "mysql://x", "give a postgresql:// address"),
        ("HANDRAIL_DEVICE", "gpu", "the variable HANDRAIL_DEVICE"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid, match=says):
        load_settings()


def test_a_wrong_flag_and_a_wrong_file_are_named() -> None:
    with pytest.raises(SettingsInvalid, match="the flag --port"):
        load_settings({"port": 70_000})
    Path("handrail.toml").write_text("prot = 1\n", encoding="utf-8")
    with pytest.raises(SettingsInvalid, match=r"prot in handrail\.toml"):
        load_settings()
    Path("handrail.toml").write_text("upstream_kee = 'secret'\nxyzzy = 1\n", encoding="utf-8")
    with pytest.raises(SettingsInvalid) as raised:
        load_settings()
    assert "upstream_kee in handrail.toml: there is no such setting; did you mean upstream_key?" in str(raised.value)
    assert "xyzzy in handrail.toml: there is no such setting; take it out" in str(raised.value)
    assert "secret" not in str(raised.value)
    Path("handrail.toml").write_text("port = [", encoding="utf-8")
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        load_settings()


def test_an_unknown_variable_gets_a_hint() -> None:
    [sentence] = unknown_variables({"HANDRAIL_PROT": "1", "HOME": "/", "HANDRAIL_INTERNAL_X": "1"})
    assert sentence.endswith("did you mean HANDRAIL_PORT?")


def test_settings_survive_the_way_into_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings({"upstream_key": "sk-secret", "workers": 2, "upstream_url": "http://127.0.0.1:1/v1"})
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings().environment() == settings.environment()
    assert "sk-secret" not in repr(settings)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1
