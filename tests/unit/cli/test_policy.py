"""`handrail policy` from outside: statuses, and standard output that is data only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema  # type: ignore[import-untyped]
import pytest
from typer.testing import CliRunner

from detectors.contract import Item
from detectors.scorer.process import LexiconTier
from detectors.scorer.tiers import Stack
from detectors.signals import Scores
from guard.cli.policy import app
from guard.cli.policy_session import Reader

PACK = str(files("policies.packs") / "companion-app.yaml")
PROBE = """\
apiVersion: handrail/v1
name: probe
vocabulary: 1
rules:
  - {id: low, on: user_turn, severity: 1, when: distress > 0.5, then: [guide: be kind]}
tests:
  - {name: right, turns: [{signals: {distress: 0.8}}], expect: {rules: [low]}}
  - {name: wrong, turns: [{signals: {distress: 0.8}}], expect: {action: allow}}
"""


def test_lint_statuses(tmp_path: Path) -> None:
    run = CliRunner()
    clean = run.invoke(app, ["lint", PACK])
    assert (clean.exit_code, clean.stdout) == (0, "")
    bad = tmp_path / "bad.yaml"
    bad.write_text(PROBE.replace("distress >", "distres >"), "utf-8")
    faulty = run.invoke(app, ["lint", str(bad), PACK])
    assert faulty.exit_code == 1
    assert f"{bad}:5:49: there is no signal 'distres' (did you mean 'distress'?)" in faulty.stdout
    assert run.invoke(app, ["lint"]).exit_code == 2
    folder = run.invoke(app, ["lint", str(tmp_path)], env={"COLUMNS": "400"})
    assert folder.exit_code == 2
    assert "is a folder; name policy files" in folder.stderr
    assert run.invoke(app, ["lint", str(tmp_path / "gone.yaml")]).exit_code == 2
    assert run.invoke(app, ["lint", "--format", "xml", PACK]).exit_code == 2
    for form in ("json", "sarif"):
        printed = run.invoke(app, ["lint", "--format", form, str(bad)])
        assert printed.exit_code == 1
        assert json.loads(printed.stdout)


def test_test_counts_and_fails_under(tmp_path: Path) -> None:
    run, probe, junit = CliRunner(), tmp_path / "probe.yaml", tmp_path / "junit.xml"
    probe.write_text(PROBE, "utf-8")
    printed = run.invoke(app, ["test", "--json", "--junit", str(junit), str(probe)])
    assert printed.exit_code == 1
    summary = json.loads(printed.stdout)
    assert (summary["passed"], summary["failed"]) == (1, 1)
    assert summary["tests"][1] == {
        "file": str(probe), "line": 8, "name": "wrong", "passed": False,
        "message": "action: expected allow, got guide; fired: low",
    }  # fmt: skip
    assert ET.parse(junit).getroot().get("failures") == "1"  # noqa: S314  # written a moment ago
    assert run.invoke(app, ["test", "--fail-under", "50", str(probe)]).exit_code == 0
    assert run.invoke(app, ["test", "--fail-under", "101", str(probe)]).exit_code == 2


def test_a_faulty_policy_is_told_apart_from_data(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(PROBE.replace("user_turn", "user_tern"), "utf-8")
    printed = CliRunner().invoke(app, ["test", "--json", str(bad)])
    assert printed.exit_code == 1
    assert json.loads(printed.stdout)["tests"] == []
    assert "user_tern" in printed.stderr


class Broken:
    """A tier that reads nothing."""

    name = "broken@1"

    def score(self, batch: Sequence[Item]) -> list[Scores]:
        raise OSError


def test_who_reads_the_texts_and_who_could_not_is_known() -> None:
    lexicon = LexiconTier()
    reader = Reader(Stack([Broken(), lexicon]))
    assert reader.failures == {}
    scores = reader.user("i want to kill myself", before=[("user", "hello")], question=None)
    assert (scores.value("risk.suicide") or 0) > 0.5
    assert reader.names == ("broken@1", lexicon.name)
    assert reader.failures == {"broken@1": 1}
    first, second, whole = reader.reply(
        "I hear you, and that sounds hard to carry alone. I'm sorry, but I can't help with that request.",
        before=[("user", "hello")],
    )
    assert (first.value("refusal.any") or 0) < 0.5 < (second.value("refusal.any") or 0)
    assert (first.value("refusal.abrupt"), second.value("refusal.abrupt")) == (None, None)
    assert whole.value("refusal.abrupt") is not None


def test_who_failed_at_texts_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.scorer.process.stack_for", lambda *_, **__: Stack([Broken(), LexiconTier()]))
    policy = tmp_path / "policy.yaml"
    policy.write_text(PROBE.replace("turns: [{signals: {distress: 0.8}}]", "turns: [{user: hello}]"), "utf-8")
    printed = CliRunner().invoke(app, ["test", str(policy)])
    assert "texts were read by broken@1, lexicon@" in printed.stderr
    assert "broken@1 failed 2 time(s)" in printed.stderr
    assert "hello" not in printed.stderr


def test_schema_is_printed() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(CliRunner().invoke(app, ["schema"]).stdout))
