"""`handrail redact` as a process, on real files, with the shipped head."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SAID = ["i live in leeds with my brother tom", "call me on 07700 900123", "i want to die", "lol ok", "thanks 😀 a@b.com"]


def command(source: Path, target: Path | str, *more: str) -> list[str]:
    return [sys.executable, "-m", "guard.cli.main", "redact", "--input", str(source), "--output", str(target), *more]


def environment() -> dict[str, str]:
    """No setting, and a proxy at which nobody listens."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HANDRAIL_")}
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    return {**clean, **nowhere, "PYTHONPATH": str(ROOT)}


def redact(source: Path, target: Path | str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(source, target, *more),
        env=environment(),
        cwd=source.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def read(target: Path) -> list[Any]:
    return [json.loads(line) for line in target.read_text("utf-8").splitlines()]


def test_every_row_is_redacted_in_order_and_says_where(tmp_path: Path) -> None:
    """Also a name without a capital, and an offset behind an emoji; crisis lines stay."""
    texts = [
        "hi, my name is Sarah Khan and i live in leeds",
        "my brother tom is on 07700 900123",
        "😀 write to tom@example.com",
        "i called 988 and the Samaritans on 116 123, and 1-800-662-4357",
        "i want to die",
    ]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [json.dumps({"id": str(at), "text": text, "note": "left out"}) for at, text in enumerate(texts)]
    source.write_text("\n".join(rows), "utf-8")
    done = redact(source, target)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = read(target)
    assert [one["id"] for one in found] == list("01234")
    assert [one["text"] for one in found] == [
        "hi, my name is <PERSON> and i live in <LOCATION>",
        "my brother <PERSON> is on <PHONE_NUMBER>",
        "😀 write to <EMAIL_ADDRESS>",
        texts[3],
        "i want to die",
    ]
    for text, one in zip(texts, found, strict=True):
        assert list(one) == ["id", "text", "entities"]
        rebuilt = text
        for entity in reversed(one["entities"]):
            rebuilt = f"{rebuilt[: entity['start']]}<{entity['type']}>{rebuilt[entity['end'] :]}"
        assert rebuilt == one["text"]
    assert [texts[2][one["start"] : one["end"]] for one in found[2]["entities"]] == ["tom@example.com"]


def test_bad_rows_stand_in_their_place_and_the_command_ends_with_1(tmp_path: Path) -> None:
    """With CRLF, a byte order mark, bytes that are no UTF-8, and a line that is too long; nothing that was said is told."""
    good = json.dumps({"id": "good", "text": "hello"}).encode()
    huge = b'{"id":"huge","text":"' + b"secret " * 700_000 + b'"}'
    lines = [good, b"not json secret", b'{"id":"n","text":["secret"]}', b'{"id":"l","text":"secret \xe9"}', huge, b"", good]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines) + b"\r\n")
    done = redact(source, target)
    assert done.returncode == 1
    assert "4 row(s) could not be redacted" in done.stderr
    found = read(target)
    assert [one["id"] for one in found] == ["good", None, "n", None, None, "good"]
    assert [one.get("line") for one in found] == [None, 2, 3, 4, 5, None]
    assert "secret" not in target.read_text("utf-8") + done.stderr + done.stdout
    assert set(tmp_path.iterdir()) == {source, target}


def test_a_folder_that_cannot_be_served_is_told_in_a_sentence(tmp_path: Path) -> None:
    """Without the head, names would stay: nothing is written then."""
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"id": "a", "text": "hello"}), "utf-8")
    done = redact(source, target, "--model", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "manifest.json: No such file" in done.stderr
    assert "Traceback" not in done.stderr
    assert not target.exists()


def test_the_input_is_never_the_output_and_a_pipe_may_be(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"id": "a", "text": "a@b.com"}), "utf-8")
    assert "both input and output" in redact(source, source).stderr
    assert json.loads(redact(source, "/dev/stdout").stdout)["text"] == "<EMAIL_ADDRESS>"


def test_memory_stays_the_same_however_many_rows(tmp_path: Path) -> None:
    """The peak of the resident size at 200 and at 2,000 rows, of two processes side by side."""
    started = []
    for count in (200, 2_000):
        source = tmp_path / f"{count}.jsonl"
        with source.open("w", encoding="utf-8") as out:
            for n in range(count):
                out.write(json.dumps({"id": str(n), "text": f"{SAID[n % len(SAID)]} {n}"}) + "\n")
        started.append(subprocess.Popen(command(source, "/dev/null"), env=environment(), cwd=tmp_path))
    peaks = []
    for running in started:
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        assert running.returncode == 0
        peaks.append(usage.ru_maxrss)
    small, large = peaks
    assert large - small < 16 * 1024, f"{small} KiB for 200 rows, {large} KiB for 2,000"
