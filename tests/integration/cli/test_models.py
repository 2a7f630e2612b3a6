"""`handrail model show` and `handrail eval`, as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detectors.encoder.manifest import shipped
from detectors.signals import Side, vocabulary
from guard.cli.main import app, main

RUN = CliRunner()


def _file(tmp_path: Path) -> Path:
    texts = {"I want to kill myself": 1, "this traffic is killing me": 0, "lovely day": 0, "I wish I was dead": 1}
    path = tmp_path / "chat.jsonl"
    rows = [
        {"id": str(at), "messages": [{"role": "user", "content": text}], "labels": {"risk.suicide": label}}
        for at, (text, label) in enumerate(texts.items())
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_model_show_as_json_names_every_signal_of_a_turn() -> None:
    result = RUN.invoke(app, ["model", "show", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert list(found) == ["name", "version", "vocabulary", "sources", "signals"]
    assert list(found["signals"]) == [signal.name for side in (Side.USER, Side.REPLY) for signal in vocabulary(side)]
    assert all(list(entry) == ["threshold", "ece", "tier"] for entry in found["signals"].values())
    tiers = {entry["tier"] for entry in found["signals"].values()}
    assert tiers <= {"full", "lexicon", "missing"}
    assert ("full" in tiers) == (shipped() is not None)
    for entry in found["signals"].values():
        assert entry["threshold"] is None or (entry["tier"] == "full" and 0 < entry["threshold"] <= 1)


def test_model_show_for_people_says_what_it_is_not() -> None:
    result = RUN.invoke(app, ["model", "show"])
    assert result.exit_code == 0
    assert "Not clinically validated" in result.output


def test_eval_tells_figures_and_writes_them(tmp_path: Path) -> None:
    result = RUN.invoke(app, ["eval", str(_file(tmp_path)), "--model", "lexicon", "--output", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "risk.suicide · all · n 4, 2 positive, insufficient" in result.output
    assert "AUROC" in result.output
    assert (tmp_path / "out" / "report.json").is_file()
    again = RUN.invoke(app, ["eval", str(_file(tmp_path)), "--model", "lexicon", "--against", "full", "--json"])
    assert {row["signal"] for row in json.loads(again.output)["comparisons"]} == {"risk.suicide"}


def test_eval_reads_scores_that_somebody_else_made(tmp_path: Path) -> None:
    scores = tmp_path / "scores.jsonl"
    rows = [
        {"id": str(at), "model": "theirs@1", "signals": {"risk.suicide": value}}
        for at, value in enumerate((0.9, 0.1, 0, 0.8))
    ]
    scores.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    result = RUN.invoke(app, ["eval", str(_file(tmp_path)), "--model", str(scores), "--json"])
    found = json.loads(result.output)
    assert found["model"] == "scores.jsonl"
    assert found["findings"][0]["auroc"]["value"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", "nobody"], "nobody is nobody who answers"),
        (["--model", "/"], "manifest.json"),
    ],
)
def test_what_cannot_be_evaluated_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.setattr("sys.argv", ["handrail", "eval", str(_file(tmp_path)), *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert says in capsys.readouterr().err


def test_training_without_its_extra_or_data_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["handrail", "train", "--data", str(tmp_path), "--out", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "install the extra" in said or "give its folder with --data" in said.replace("\n", " ")
