"""The wheel by itself: built, installed into an empty environment, run in an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_SOURCE = {".git", ".venv", ".handrail", "build", "dist", "docs", "tests", "__pycache__"}


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs with an environment that knows nothing of this checkout."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HANDRAIL", "VIRTUAL_ENV"))}
    return subprocess.run(
        command, cwd=folder, env={**clean, **environment}, capture_output=True, text=True, check=False, timeout=240
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources, so that nothing of an earlier build gets in."""
    copy, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for entry in ROOT.iterdir():
        if entry.name in NOT_SOURCE or entry.name.startswith(".") or entry.suffix == ".egg-info":
            continue
        if entry.is_dir():
            shutil.copytree(entry, copy / entry.name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(entry, copy / entry.name)
    # Tests in the source must not get into the wheel: one is put where a sloppy pattern would take it.
    (copy / "tests").mkdir()
    (copy / "tests" / "__init__.py").write_text("")
    done = run([sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "-w", str(made), "."], copy)
    assert done.returncode == 0, done.stderr
    return next(made.glob("handrail-*.whl"))


@pytest.fixture(scope="module")
def handrail(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command. The environment holds the wheel; what it depends on is read from this one."""
    environment = tmp_path_factory.mktemp("environment")
    assert run([sys.executable, "-m", "venv", "--without-pip", str(environment)], environment).returncode == 0
    python = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "-qq", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    done = run(install, environment)
    assert done.returncode == 0, done.stderr
    site = next((environment / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin" / "handrail"


def test_everything_that_runs_is_in_it_and_no_test_is(wheel: Path) -> None:
    """Every data file of the packages, and nothing else than the packages."""
    names = set(zipfile.ZipFile(wheel).namelist())
    kinds = {".sql", ".yaml", ".json", ".jsonl", ".html", ".css", ".js", ".svg"}
    wanted = {
        str(path.relative_to(ROOT))
        for package in ("guard", "detectors", "policies", "dashboards", "migrations")
        for path in (ROOT / package).rglob("*")
        if path.suffix in kinds or (path.suffix == ".py" and "__pycache__" not in path.parts)
    }
    assert wanted - names == set()
    tops = {name.split("/", 1)[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} <= {
        "guard",
        "detectors",
        "policies",
        "dashboards",
        "migrations",
    }


def test_it_is_that_wheel_which_runs(handrail: Path, tmp_path: Path) -> None:
    """Not this checkout, which the environment must not see."""
    done = run([str(handrail.with_name("python")), "-c", "import guard; print(guard.__file__)"], tmp_path)
    assert done.stdout.strip().startswith(str(handrail.parents[1])), done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["policy", "--help"], ["up", "--help"], ["demo", "--help"]])
def test_help_is_shown(handrail: Path, tmp_path: Path, arguments: list[str]) -> None:
    """Every group of commands can be imported."""
    done = run([str(handrail), *arguments], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: handrail" in done.stdout


def test_the_schema_of_policies_is_printed(handrail: Path, tmp_path: Path) -> None:
    """As JSON, with nothing else on standard output."""
    done = run([str(handrail), "policy", "schema"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["$schema"].startswith("https://json-schema.org/draft/2020-12/")


def test_rows_are_scored_without_database_network_or_key(handrail: Path, tmp_path: Path) -> None:
    """The lexicon's data are inside: a disclosure scores higher than small talk."""
    rows = [
        {"id": "a", "messages": [{"role": "user", "content": "I want to kill myself."}]},
        {"id": "b", "messages": [{"role": "user", "content": "The weather is nice today."}]},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run([str(handrail), "score", "--input", "in.jsonl", "--output", "out.jsonl"], tmp_path)
    assert done.returncode == 0, done.stderr
    scored = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in scored] == ["a", "b"]
    assert scored[0]["signals"]["risk.suicide"] > 0.5 > scored[1]["signals"]["risk.suicide"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]
