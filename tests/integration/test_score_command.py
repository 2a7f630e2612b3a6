"""`handrail score` as a process, on real files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SAID = ["hey, how was your day? mine was long", "i want to die", "lol ok", "can you help me with fractions", "good night"]


def command(source: Path, target: Path | str) -> list[str]:
    return [sys.executable, "-m", "guard.cli.main", "score", "--input", str(source), "--output", str(target)]


def environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HANDRAIL_")}
    return {**clean, "PYTHONPATH": str(ROOT)}


def score(source: Path, target: Path | str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(source, target),
        env={**environment(), **settings},
        cwd=source.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def read(target: Path) -> list[Any]:
    return [json.loads(line) for line in target.read_text("utf-8").splitlines()]


def row(id: str, *said: tuple[str, str]) -> str:
    return json.dumps(
        {"id": id, "messages": [{"role": role, "content": content} for role, content in said]}, ensure_ascii=False
    )


def test_scores_every_row_in_order(tmp_path: Path) -> None:
    """Roles need not alternate, ids need not differ, a question before an answer is understood."""
    rows = [
        row("a", ("user", "i want to die")),
        row("a", ("user", "hi"), ("user", "hello?"), ("user", "what a nice day")),
        row("b", ("assistant", "hi"), ("assistant", "Are you having thoughts of killing yourself?"), ("user", "yeah")),
        row(
            "c", ("user", "i want to die"), ("assistant", "I can't help with that."), ("assistant", "I feel your pain too.")
        ),
        row("d", ("user", "quiero morirme 💔")),
    ]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(rows), "utf-8")
    done = score(source, target)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = read(target)
    assert [one["id"] for one in found] == ["a", "a", "b", "c", "d"]
    assert found[0]["signals"]["risk.suicide"] >= 0.5
    assert found[1]["signals"]["risk.suicide"] < 0.5
    assert found[2]["signals"]["answer.affirm"] >= 0.5
    assert found[2]["signals"]["risk.suicide_ge2"] >= 0.5
    assert "refusal.any" in found[3]["signals"]
    assert all("@" in one["model"] for one in found)
    assert list(tmp_path.iterdir()) == [source, target] or set(tmp_path.iterdir()) == {source, target}


def test_without_the_model_the_lexicon_scores(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(row("a", ("user", "i want to die")), "utf-8")
    assert score(source, target, HANDRAIL_MODEL="false").returncode == 0
    (found,) = read(target)
    assert found["model"].startswith("lexicon@")
    assert found["signals"]["emotion.joy"] is None


def test_bad_rows_stand_in_their_place_and_the_command_ends_with_1(tmp_path: Path) -> None:
    """With CRLF, a byte order mark, bytes that are no UTF-8, and a line that is too long; nothing that was said is told."""
    good = row("good", ("user", "hello there")).encode()
    huge = b'{"id":"huge","messages":[{"role":"user","content":"' + b"secret " * 1_500_000 + b'"}]}'
    lines = [good, b"not json secret", b'{"id":"n","messages":"secret"}', b'{"id":"l","m":"secret \xe9"}', huge, b"", good]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines) + b"\r\n")
    done = score(source, target)
    assert done.returncode == 1
    assert "4 row(s) could not be scored" in done.stderr
    found = read(target)
    assert [one["id"] for one in found] == ["good", None, "n", None, None, "good"]
    assert [one.get("line") for one in found] == [None, 2, 3, 4, 5, None]
    errors = " ".join(one.get("error", "") for one in found)
    for words in ("not JSON", "messages must be a list", "not UTF-8", "longer than"):
        assert words in errors
    assert "secret" not in target.read_text("utf-8") + done.stderr + done.stdout


def test_an_error_s_words_in_a_row_are_no_error(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(row('x","error":"y', ("user", "hello")), "utf-8")
    assert score(source, target).returncode == 0


def test_an_empty_file_gives_an_empty_file(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b"")
    assert score(source, target).returncode == 0
    assert target.read_bytes() == b""


@pytest.mark.parametrize("output", ["in.jsonl", "./link.jsonl"])
def test_the_input_is_never_the_output(tmp_path: Path, output: str) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(row("a", ("user", "hello")), "utf-8")
    (tmp_path / "link.jsonl").symlink_to(source)
    done = score(source, tmp_path / output)
    assert done.returncode == 1
    assert "both input and output" in done.stderr
    assert read(source)[0]["id"] == "a"


def test_what_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(row("a", ("user", "hello")), "utf-8")
    done = score(source, tmp_path / "nowhere" / "out.jsonl")
    assert done.returncode == 1
    assert "No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr
    assert score(tmp_path / "absent.jsonl", tmp_path / "out.jsonl").returncode == 2  # wrong usage


def test_what_was_there_stays_until_all_is_scored(tmp_path: Path) -> None:
    """A command that is killed leaves the old file whole."""
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(row(str(n), ("user", "hello " * 50)) for n in range(20_000)), "utf-8")
    target.write_text("what was there")
    running = subprocess.Popen(command(source, target), env=environment(), cwd=tmp_path, stderr=subprocess.DEVNULL)
    while not any(path.stat().st_size for path in tmp_path.glob(".out.jsonl.*")):
        assert running.poll() is None
    running.kill()
    running.wait(timeout=30)
    assert target.read_text() == "what was there"


def test_the_output_may_be_a_pipe(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(row("a", ("user", "hello")), "utf-8")
    done = score(source, "/dev/stdout")
    assert done.returncode == 0
    assert json.loads(done.stdout)["id"] == "a"
    assert Path("/dev/stdout").is_symlink()


def test_memory_stays_the_same_however_many_rows(tmp_path: Path) -> None:
    """The peak of the resident size at 1,000 and at 10,000 rows, with the model, of two processes side by side."""
    started = []
    for rows in (1_000, 10_000):
        source = tmp_path / f"{rows}.jsonl"
        with source.open("w", encoding="utf-8") as out:
            for n in range(rows):
                out.write(row(str(n), ("user", f"{SAID[n % len(SAID)]} {n}")) + "\n")
        started.append(subprocess.Popen(command(source, "/dev/null"), env=environment(), cwd=tmp_path))
    peaks = []
    for running in started:
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        assert running.returncode == 0
        peaks.append(usage.ru_maxrss)
    small, large = peaks
    assert large - small < 12 * 1024, f"{small} KiB for 1,000 rows, {large} KiB for 10,000"
