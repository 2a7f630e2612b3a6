"""`handrail model show` and `handrail train`, as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detectors.encoder.manifest import shipped
from detectors.signals import Side, vocabulary
from guard.cli.main import app, main

RUN = CliRunner()


def test_model_show_as_json_names_every_signal_of_a_turn() -> None:
    result = RUN.invoke(app, ["model", "show", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert list(found) == ["name", "version", "vocabulary", "sources", "signals", "bands"]
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


def test_training_without_its_extra_or_data_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["handrail", "train", "--data", str(tmp_path), "--out", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "install the extra" in said or "give its folder with --data" in said.replace("\n", " ")
