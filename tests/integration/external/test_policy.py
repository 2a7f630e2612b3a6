"""`handrail policy test` with the packs of the settings: texts are read as the installation reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detectors.external.errors import PackUnfit
from detectors.external.pack import read_pack
from guard.cli.main import app
from tests.integration.external.tiny import pack

RUN = CliRunner()
POLICY = """\
apiVersion: handrail/v1
name: probe
vocabulary: 1
rules:
  - {id: storm, on: user_turn, severity: 1, when: screen.anxiety > 0.5, then: [guide: be kind]}
tests:
  - {name: read, turns: [{user: we walk home by the sea with thunder today}], expect: {rules: [storm]}}
  - {name: given, turns: [{signals: {screen.anxiety: 0.8}}], expect: {rules: [storm]}}
"""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HANDRAIL_EXTERNAL_MODELS", raising=False)
    monkeypatch.setenv("HANDRAIL_MODEL", "false")
    monkeypatch.chdir(tmp_path)


def test_texts_are_read_with_the_packs_of_the_settings(
    weather: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, "utf-8")
    without = RUN.invoke(app, ["policy", "test", "--json", str(policy)])
    assert without.exit_code == 1
    assert [test["passed"] for test in json.loads(without.stdout)["tests"]] == [False, True]
    assert without.stderr.startswith("texts were read by lexicon@")

    file = pack(weather, "screen.anxiety: storm", file=tmp_path / "p.yaml")
    (tmp_path / "handrail.toml").write_text('external_models = "p.yaml"\n')
    beside = RUN.invoke(app, ["policy", "test", "--json", str(policy)])
    assert beside.exit_code == 0, beside.output
    assert json.loads(beside.stdout)["passed"] == 2
    assert beside.stderr.startswith(f"texts were read by {read_pack(file).name}, lexicon@")

    monkeypatch.setenv("HANDRAIL_EXTERNAL_MODELS", "")
    assert RUN.invoke(app, ["policy", "test", str(policy)]).exit_code == 1, "the variable takes the file's packs away"


def test_a_pack_that_cannot_be_used_is_an_error_where_a_text_is_read(
    weather: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(weather, "screen.anxiety: strom", file=tmp_path / "p.yaml")
    monkeypatch.setenv("HANDRAIL_EXTERNAL_MODELS", "p.yaml")
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, "utf-8")
    result = RUN.invoke(app, ["policy", "test", str(policy)])
    assert isinstance(result.exception, PackUnfit)
    assert "did you mean 'storm'?" in str(result.exception)
    policy.write_text("".join(line for line in POLICY.splitlines(keepends=True) if "name: read" not in line), "utf-8")
    given = RUN.invoke(app, ["policy", "test", str(policy)])
    assert given.exit_code == 0, given.output
    assert "texts were read" not in given.stderr
