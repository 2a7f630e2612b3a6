"""A second opinion from end to end: a real worker, a real broker, a real endpoint, and the commands that show it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guard.cli.main import app
from guard.supervise.paths import Paths
from tests.integration.escalation.house import House
from tests.integration.opinion.endpoint import answer
from tests.integration.opinion.office import Office
from tests.running import ROOT

_SAID = "since the autumn everything is grey marmalade to me, says Anna Kowalska"


@pytest.fixture
def scorer(office: Office) -> Iterator[Path]:
    """The office's own scorer, of words and names."""
    socket, log = Paths.of(office.folder).prepare().scorer_socket, office.folder / "scorer.log"
    environment = {**os.environ, "HANDRAIL_DATA_DIR": str(office.folder), "HANDRAIL_MODEL": "false"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "guard.cli.main", "scorer"], cwd=ROOT, env=environment, stdout=out, stderr=out
        )
    yield log
    process.kill()
    process.wait()
    socket.unlink(missing_ok=True)


@pytest.fixture
def house(office: Office) -> Iterator[House]:
    """Beside the office: it starts workers."""
    house = House(office.url, office.folder)
    yield house
    house.close()


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_worker_asks_and_the_commands_show_it(
    office: Office, house: House, scorer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDRAIL_DATA_DIR", str(office.folder))
    monkeypatch.setenv("HANDRAIL_DATABASE_URL", office.url)
    monkeypatch.setenv("HANDRAIL_OPINION_URL", office.endpoint.url)
    monkeypatch.setenv("HANDRAIL_OPINION_MODEL", "second-1")
    monkeypatch.chdir(tmp_path)
    tenant = office.tenant(on=False)
    switched = CliRunner().invoke(app, ["tenant", "set", tenant.name, "--opinion", "on"], catch_exceptions=False)
    assert switched.exit_code == 0
    assert "leaves this house, redacted, for 127.0.0.1" in switched.stderr
    turn = office.turn(tenant, user=_SAID)
    # A turn is looked at when it has settled, two minutes after it was said: this one was said before.
    office.world.run("update tenants set opinion_since = now() - interval '1 hour' where id = %s", tenant.tenant_id)
    for table, at in (("turns", "at"), ("scores", "turn_at")):
        office.world.run(f"update {table} set {at} = {at} - interval '150 s'")  # noqa: S608
    office.endpoint.behaviours.append(answer(ideation=1))
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    worker = house.work(
        HANDRAIL_OPINION_URL=office.endpoint.url,
        HANDRAIL_OPINION_MODEL="second-1",
        HANDRAIL_OPINION_KEY="sk-test",
        HANDRAIL_OPINION_DAILY="100000",
        PROMETHEUS_MULTIPROC_DIR=str(metrics),
    )
    deadline = time.monotonic() + 240
    while not (found := office.world.rows("select * from opinions where state = 'answered'")):
        assert time.monotonic() < deadline, (office.opinions(), worker.log.read_text()[-3000:])
        assert worker.process.poll() is None, worker.log.read_text()[-3000:]
        time.sleep(0.1)
    assert worker.stop() < 8
    assert "Anna" not in office.endpoint.seen[0].said["person"], "names do not leave"
    assert "marmalade" in office.endpoint.seen[0].said["person"]
    log = worker.log.read_text() + scorer.read_text()
    assert "marmalade" not in log
    assert "Anna" not in log
    counted = {file.stem.rpartition("_")[2]: file.read_bytes() for file in metrics.glob("counter_*.db")}
    assert b"handrail_opinions_total" in counted["0"], "with those of all the dead"
    assert set(counted) <= {"0", str(worker.process.pid)}, "a process of the pool leaves no files"
    # No queue carries more than ids.
    kept = [
        office.world.rows(f"select message::text from pgmq.{part}_{queue}")  # noqa: S608
        for queue in ("handrail_urgent", "handrail_routine")
        for part in ("a", "q")
    ]
    assert "marmalade" not in str(kept)

    listed = run("opinion", "list", "--tenant", tenant.name)
    assert str(turn) in listed
    assert "answered" in listed
    shown = run("opinion", "show", str(found[0]["id"]))
    assert "Second opinion by second-1. Labels by a model, not a clinician's." in shown
    assert "Ideation, level 0 to 5" in shown
    assert "risk.suicide " in shown
    agreement = json.loads(run("opinion", "agreement", "--json", "--tenant", tenant.name))
    (entry,) = [one for one in agreement["signals"] if one["signal"] == "risk.suicide"]
    assert (entry["n"], entry["both"], entry["kappa"]) == (1, 1, None)
    assert "too few" in run("opinion", "agreement")
