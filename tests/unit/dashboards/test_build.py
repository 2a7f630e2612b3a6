"""What is built: the same each time, as committed, and nobody's words in it."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from dashboards.alerts import ALERTS
from dashboards.build import BOARDS, files, write
from dashboards.grafana_json import DATASOURCE, dashboard_json, placed
from dashboards.panels import Board
from dashboards.recording import RECORDING
from guard.cli.main import app
from guard.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[3]
FORBIDDEN = re.compile(r"\b(user|person|session|tenant|message|text|email|ip)\b")
DOCS = ROOT / "docs"


def test_the_committed_files_are_those_that_are_built() -> None:
    for name, text in files().items():
        path = ROOT / "dashboards" / name
        assert path.exists(), f"{path} is missing; run: handrail dashboards build"
        assert path.read_text("utf-8") == text, f"{path} is stale; run: handrail dashboards build"
    built = {ROOT / "dashboards" / name for name in files()}
    there = {path for kind in ("*.json", "*.yaml") for path in (ROOT / "dashboards").rglob(kind)}
    assert there == built, "files that are not built any more"


def test_it_is_the_same_each_time_and_replaces_what_is_there(tmp_path: Path) -> None:
    first = {path: path.read_bytes() for path in write(tmp_path)}
    (tmp_path / "prometheus" / "handrail.alerts.yaml").write_text("old")
    kept = tmp_path / "prometheus" / "own.yaml"
    kept.write_text("mine")
    assert {path: path.read_bytes() for path in write(tmp_path)} == first
    assert kept.read_text() == "mine"


def test_the_command_writes_where_it_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["dashboards", "build", "--output", str(tmp_path / "out")], catch_exceptions=False)
    assert done.exit_code == 0
    written = [Path(line).relative_to(tmp_path / "out") for line in done.stdout.splitlines()]
    assert {PurePosixPath(path) for path in written} == set(files())


def test_the_command_says_what_is_wrong_with_a_folder(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    done = CliRunner().invoke(app, ["dashboards", "build", "--output", str(taken / "below")])
    assert done.exit_code == 1
    assert "cannot be written" in str(done.exception)
    assert "--output" in str(done.exception)
    done = CliRunner().invoke(app, ["dashboards", "build", "--output", str(taken)])
    assert done.exit_code == 2


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_dashboard_is_whole(board: Board) -> None:
    read: dict[str, Any] = json.loads(dashboard_json(board))
    assert read["uid"] == board.uid
    assert [variable["name"] for variable in read["templating"]["list"]] == ["datasource", "job"]
    panels = [panel for panel in read["panels"] if panel["type"] != "row"]
    assert [panel["title"] for panel in panels] == [panel.title for panel in board.panels()]
    assert len({panel["id"] for panel in read["panels"]}) == len(read["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in read["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    for panel in panels:
        assert panel["description"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert [target["refId"] for target in panel["targets"]] == sorted({target["refId"] for target in panel["targets"]})
        for target in panel["targets"]:
            assert 'job=~"$job"' in target["expr"], "every query keeps to the chosen installations"
            assert target["legendFormat"]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_rows_are_filled_without_a_gap(board: Board) -> None:
    for row in board.rows:
        lines: dict[int, int] = {}
        for panel, _, line in placed(row):
            lines[line] = lines.get(line, 0) + panel.width
        assert set(lines.values()) == {24}, row.title


def expressions() -> list[str]:
    return [
        *(query.expr for board in BOARDS for panel in board.panels() for query in panel.queries),
        *(rule.expr for rule in RECORDING),
        *(alert.expr for group in ALERTS for alert in group.alerts),
    ]


def test_every_name_in_a_query_is_a_metric_or_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    page = Metrics().render()[0].decode()
    known = {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")} | {
        rule.record for rule in RECORDING
    }
    for expr in expressions():
        bare = re.sub(r'"[^"]*"', "", expr)
        for name in re.findall(r"(?<![\w:])(?:job:)?handrail_[\w:]+", bare):
            assert name in known or re.sub(r"_(bucket|count|sum)$", "", name) in known, name


def test_no_query_asks_for_people_or_text() -> None:
    for expr in expressions():
        assert not FORBIDDEN.search(re.sub(r'"[^"]*"', "", expr)), expr


def test_provisioning_names_the_files_that_are_built() -> None:
    built = files()
    yaml = YAML(typ="safe", pure=True)
    [source] = yaml.load(built[PurePosixPath("grafana/provisioning/datasources/handrail.yaml")])["datasources"]
    assert (source["uid"], source["type"]) == (DATASOURCE, "prometheus")
    [provider] = yaml.load(built[PurePosixPath("grafana/provisioning/dashboards/handrail.yaml")])["providers"]
    assert provider["options"]["path"].startswith("${")


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    runbooks = (DOCS / "runbooks.md").read_text("utf-8")
    sections = re.findall(r"^## (Handrail\w+)$", runbooks, re.MULTILINE)
    alerts = [alert for group in ALERTS for alert in group.alerts]
    assert sorted(sections) == sorted(alert.name for alert in alerts)
    for alert in alerts:
        page, _, anchor = alert.runbook.partition("#")
        assert page == "docs/runbooks.md"
        assert anchor == alert.name.lower()
        assert "://" not in alert.runbook
        assert alert.summary.endswith(".")
        assert alert.urgency in ("page", "ticket")


def test_the_page_says_how_many_alerts_there_are() -> None:
    count = sum(len(group.alerts) for group in ALERTS)
    assert f"`prometheus/handrail.alerts.yaml` | {count} alerts;" in (DOCS / "dashboards.md").read_text("utf-8")


def test_every_panel_is_explained() -> None:
    page = (DOCS / "dashboards.md").read_text("utf-8")
    for board in BOARDS:
        assert f"## {board.title.removeprefix('Handrail: ').capitalize()}" in page
        assert f"images/dashboards/{board.uid}.png" in page
        assert (DOCS / "images" / "dashboards" / f"{board.uid}.png").stat().st_size < 600_000
        for panel in board.panels():
            assert f"| {panel.title} | {panel.about} |" in page, panel.title
