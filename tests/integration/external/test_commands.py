"""`handrail model check`, `model show`, `model calibrate-pack`, and `handrail score` with a pack, as a person runs them."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from detectors.contract import Item
from detectors.external.calibration import Sigmoid
from detectors.external.errors import PackUnfit
from detectors.external.fitting import fit
from detectors.external.pack import read_pack
from detectors.external.tier import ExternalTier
from detectors.signals import Side
from guard.cli.main import app
from guard.settings import load_settings
from tests.integration.external.tiny import pack

RUN = CliRunner()
SIGNALS = (
    "distress: storm\nrisk.self_harm: {labels: [rain], use: replace, calibration: {slope: 1, offset: 0}}\nharm.method: calm"
)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HANDRAIL_EXTERNAL_MODELS", "HANDRAIL_ALLOW_DOWNLOADS", "HANDRAIL_DEVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)


def test_check_shows_what_a_pack_would_answer(weather: Path, tmp_path: Path) -> None:
    file = pack(weather, SIGNALS, file=tmp_path / "p.yaml")
    result = RUN.invoke(app, ["model", "check", str(file), "--device", "cpu"])
    assert result.exit_code == 0, result.output
    said = result.output
    assert read_pack(file).name in said
    assert "licence Apache-2.0; languages en" in said
    assert "softmax over its labels, up to 64 tokens" in said
    assert "not clinically validated" in said
    rows = {line.split()[0]: line for line in said.splitlines() if line.strip() and not line.startswith("  ")}
    assert all(word in rows["distress"] for word in ("a person's turn", "storm", "fill", "none", "0.5"))
    assert all(word in rows["risk.self_harm"] for word in ("rain", "replace", "slope 1, offset 0"))
    assert "a reply's sentence" in rows["harm.method"]
    assert said.count(" ms") == 2
    assert "distress, harm.method are not calibrated" in said
    assert "risk.self_harm is replaced" in said


def test_check_says_what_is_wrong(weather: Path, tmp_path: Path) -> None:
    file = pack(weather, "distress: strom", file=tmp_path / "p.yaml")
    result = RUN.invoke(app, ["model", "check", str(file), "--device", "cpu"])
    assert isinstance(result.exception, PackUnfit)
    assert "did you mean 'storm'" in str(result.exception)


def test_show_lists_who_answers_beside_the_model(weather: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = pack(weather, SIGNALS, file=tmp_path / "p.yaml")
    monkeypatch.setenv("HANDRAIL_EXTERNAL_MODELS", "p.yaml, go-emotions")
    found = json.loads(RUN.invoke(app, ["model", "show", "--json"]).output)
    own, other = found["external"]
    assert own["name"] == read_pack(file).name
    assert own["licence"] == "Apache-2.0"
    assert own["signals"]["risk.self_harm"] == {"use": "replace", "threshold": 0.5, "calibrated": True}
    assert found["signals"]["risk.self_harm"] == {"threshold": 0.5, "ece": None, "tier": "full"}
    assert other["revision"] == "58b6c5b44a7a12093f782442969019c7e2982299"
    said = RUN.invoke(app, ["model", "show"]).output
    assert "weather (replace)" in next(line for line in said.splitlines() if "risk.self_harm" in line)
    assert "SamLowe/roberta-base-go_emotions (MIT)" in said


def test_the_setting_is_made_absolute_for_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAIL_EXTERNAL_MODELS", " packs/a.yaml,go-emotions ,")
    settings = load_settings()
    assert settings.packs == (str(tmp_path / "packs" / "a.yaml"), "go-emotions")
    assert settings.environment()["HANDRAIL_EXTERNAL_MODELS"] == f"{tmp_path}/packs/a.yaml,go-emotions"
    assert not settings.allow_downloads


def test_score_has_the_packs_of_the_settings(weather: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(weather, "screen.anxiety: {labels: [storm], use: replace}", file=tmp_path / "p.yaml")
    rows = ["we walk home by the sea with thunder today", "the sky is blue today and we walk home"]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        "".join(json.dumps({"id": text[:6], "messages": [{"role": "user", "content": text}]}) + "\n" for text in rows)
    )
    monkeypatch.setenv("HANDRAIL_EXTERNAL_MODELS", "p.yaml")
    result = RUN.invoke(app, ["score", "--input", str(source), "--output", str(target), "--device", "cpu"])
    assert result.exit_code == 0, result.output
    storm, plain = map(json.loads, target.read_text().splitlines())
    assert storm["signals"]["screen.anxiety"] > 0.9 > 0.1 > plain["signals"]["screen.anxiety"]
    assert "weather@" in storm["model"]


def _rows(file: Path, many: int) -> Path:
    """Labelled rows in which a sign of the label is often there for nothing."""
    chance = random.Random(5)
    with file.open("w") as out:
        for at in range(many):
            sign = chance.choice(("thunder", "thunder", "tea"))
            label = int(sign != "tea" and chance.random() < 0.5)
            text = f"the {chance.choice(('sky', 'sea'))} is blue and {sign} today"
            row = {"id": str(at), "messages": [{"role": "user", "content": text}], "labels": {"distress": label}}
            out.write(json.dumps(row) + "\n")
    return file


def test_a_calibration_is_fitted_and_written(weather: Path, tmp_path: Path) -> None:
    file = pack(weather, "distress: storm  # ours\nscreen.anxiety: storm", file=tmp_path / "p.yaml")
    data = _rows(tmp_path / "rows.jsonl", 240)
    (tmp_path / "other").mkdir()
    target = tmp_path / "other" / "q.yaml"
    result = RUN.invoke(
        app, ["model", "calibrate-pack", str(file), "--data", str(data), "--output", str(target), "--device", "cpu"]
    )
    assert result.exit_code == 0, result.output
    assert "too few rows of either kind" in result.output
    before, after = read_pack(file), read_pack(target)
    assert after.spec.signals["screen.anxiety"] == before.spec.signals["screen.anxiety"]
    own = after.spec.signals["distress"].calibrated()
    assert isinstance(own, Sigmoid)
    plain = ExternalTier.load(file)
    for place in ("sky", "sea"):
        [said] = plain.score([Item(Side.USER, f"the {place} is blue and thunder today", language="en")])
        raw = said.value("distress")
        assert raw is not None
        assert own.probability(raw) == pytest.approx(0.5, abs=0.15), "half of those that look like it are it"
    assert after.name != before.name
    tier = ExternalTier.load(target)
    assert tier.uncalibrated().answers[0].calibration != own
    text = target.read_text()
    assert "# ours" in text or math.isfinite(own.slope)
    rare = RUN.invoke(
        app,
        [
            "model",
            "calibrate-pack",
            str(file),
            "--data",
            str(data),
            "--output",
            str(file),
            "--prevalence",
            "0.01",
            "--device",
            "cpu",
        ],
    )
    assert rare.exit_code == 0, rare.output
    rarely = read_pack(file).spec.signals["distress"].calibrated()
    assert rarely.probability(0.943) < 0.1


def test_a_pack_can_be_measured(weather: Path, tmp_path: Path) -> None:
    from detectors.evaluation.answers import answer
    from detectors.evaluation.rows import read_rows

    file = pack(weather, "distress: {labels: [storm], threshold: 0.7}", file=tmp_path / "p.yaml")
    spanish = {"role": "user", "content": "el cielo está azul y hoy no hay thunder en la ciudad"}
    foreign = {"id": "es", "messages": [spanish], "labels": {"distress": 0}}
    (tmp_path / "foreign.jsonl").write_text(json.dumps(foreign))
    rows = read_rows([_rows(tmp_path / "rows.jsonl", 40), tmp_path / "foreign.jsonl"])
    found = answer(str(file), rows, ["distress", "emotion.joy"], "cpu")
    assert math.isnan(found.columns["distress"][-1]), "the pack reads English alone"
    assert [one.rows for one in fit(ExternalTier.load(file), rows[-2:])] == [1]
    rows = rows[:-1]
    found = answer(str(file), rows, ["distress", "emotion.joy"], "cpu")
    assert found.name == read_pack(file).name
    assert found.thresholds == {"distress": 0.7}
    signs = np.array(["tea" not in row.text for row in rows])
    assert found.columns["distress"][signs].min() > found.columns["distress"][~signs].max()
    assert all(math.isnan(value) for value in found.columns["emotion.joy"])


def test_shipped_packs_are_not_written_over(tmp_path: Path) -> None:
    from detectors.external.pack import PACKS

    data = _rows(tmp_path / "rows.jsonl", 4)
    result = RUN.invoke(
        app, ["model", "calibrate-pack", "go-emotions", "--data", str(data), "--output", str(PACKS / "go-emotions.yaml")]
    )
    assert "stay as they are" in str(result.exception)
