"""The command as a whole: quick, light, and in sentences."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def command(*arguments: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """`handrail …` as a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HANDRAIL_")}
    return subprocess.run(
        [sys.executable, "-m", "guard.cli.main", *arguments],
        cwd=folder, env={**clean, "PYTHONPATH": str(ROOT), **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def modules(statement: str) -> set[str]:
    """What is loaded after ``statement`` in a fresh process."""
    code = f"{statement}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_every_command_is_named_in_the_help() -> None:
    """In the order of what one needs first."""
    done = command("--help")
    assert done.returncode == 0
    for name in ("up", "serve", "scorer", "worker", "demo", "score", "doctor", "tenant", "key", "reviewer", "channel", "db"):
        assert f" {name} " in done.stdout


def test_the_help_loads_nothing_heavy() -> None:
    """No database driver, no server, no client: that is what keeps it quick."""
    loaded = modules("from guard.cli.main import app")
    heavy = {
        "psycopg",
        "celery",
        "uvicorn",
        "fastapi",
        "starlette",
        "openai",
        "httpx",
        "pydantic",
        "yoyo",
        "torch",
        "aiohttp",
    }
    assert loaded & heavy == set()


def test_what_the_gateway_s_process_starts_with_has_nothing_of_the_command() -> None:
    """Neither typer nor rich, nor torch or presidio."""
    loaded = modules("import guard.supervise.children")
    assert loaded & {"typer", "rich", "guard.cli", "torch", "presidio_analyzer", "celery", "openai"} == set()


def test_a_wrong_setting_is_one_sentence_and_status_1(tmp_path: Path) -> None:
    """It names where the setting was read and what it may be; there is no traceback."""
    done = command("up", "--upstream", "https://chat.example.org", folder=tmp_path)
    assert done.returncode == 1
    assert "the flag --upstream-url" in done.stderr
    assert "must end in /v1" in done.stderr
    assert "Traceback" not in done.stderr
    done = command("doctor", folder=tmp_path, HANDRAIL_PORT="many")
    assert done.returncode == 1
    assert "HANDRAIL_PORT" in done.stderr


def test_a_variable_that_is_no_setting_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    """A typing error in the environment does not stay unseen."""
    done = command("demo", folder=tmp_path, HANDRAIL_PROT="1")
    assert "HANDRAIL_PROT is no setting" in done.stderr
    assert "HANDRAIL_PORT" in done.stderr


def test_a_demo_without_a_gateway_says_to_run_make_up(tmp_path: Path) -> None:
    """Status 1 and a sentence."""
    done = command("demo", folder=tmp_path, HANDRAIL_PORT="9")
    assert done.returncode == 1
    assert "make up" in done.stderr


def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path) -> None:
    """The first that is looked at after the lock."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        began = time.monotonic()
        done = command("up", "--port", port, "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
    assert not (tmp_path / "data" / "postgres").exists()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("arguments", [("up", "--port", "no"), ("score",), ("up", "--nothing")])
def test_wrong_usage_is_status_2(arguments: tuple[str, ...]) -> None:
    """With the usage on standard error."""
    done = command(*arguments)
    assert done.returncode == 2
    assert "Usage" in done.stderr


@pytest.mark.parametrize("command_line", [("up",), ("scorer",), ("score", "--input", "README.md", "--output", "/dev/null")])
def test_a_device_that_is_none_is_told_in_words(command_line: tuple[str, ...], tmp_path: Path) -> None:
    """As a flag or as a variable: what may be given, not how it is looked for."""
    done = command(*command_line, "--device", "tpu", COLUMNS="200")
    assert done.returncode == 2
    assert "auto, cpu, cuda or cuda:N" in done.stderr
    done = command("doctor", folder=tmp_path, HANDRAIL_DEVICE="tpu")
    assert done.returncode == 1
    assert "the variable HANDRAIL_DEVICE: 'tpu' is no device; give auto, cpu, cuda or cuda:N" in done.stderr


def test_no_word_of_the_help_is_taken_for_markup() -> None:
    """An extra stands in brackets, as pip wants it."""
    assert "the extra [torch]" in " ".join(command("train", "--help", COLUMNS="200").stdout.split())
    assert "the extra [torch]" in " ".join(command("--help", COLUMNS="200").stdout.split())
