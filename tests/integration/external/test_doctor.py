"""What the doctor says of packs: real folders of real models, and what may be wrong with them. No weights are loaded."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from detectors.external.errors import ModelAbsent
from detectors.external.inspection import inspect
from detectors.external.pack import read_pack
from guard.cli.doctor import findings
from guard.cli.finding import Finding, Grade
from guard.cli.pack_findings import pack_findings
from guard.settings import Settings, load_settings
from guard.supervise.paths import Paths
from tests.integration.external.tiny import pack
from tests.running import ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def model(weather: Path, tmp_path: Path) -> Path:
    """A folder of the test's own."""
    return Path(shutil.copytree(weather, tmp_path / "model"))


@pytest.fixture
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the doctor asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def settings(folder: Path, *packs: Path | str, **more: object) -> Settings:
    return load_settings({"data_dir": folder / "data", "port": 9, "external_models": ",".join(map(str, packs)), **more})


def told(folder: Path, *packs: Path | str, **more: object) -> list[Finding]:
    return list(pack_findings(settings(folder, *packs, **more)))


def fault(folder: Path, *packs: Path | str) -> str:
    """The one fault that there is."""
    [found] = told(folder, *packs)
    assert found.grade is Grade.BAD
    assert found.what == "packs"
    return found.says


def test_a_sound_pack_has_one_line_and_says_what_to_mind(model: Path, tmp_path: Path) -> None:
    signals = "distress: storm\nrisk.self_harm: {labels: [rain, storm], use: replace, calibration: {slope: 1, offset: 0}}"
    file = pack(model, signals, file=tmp_path / "p.yaml")
    name = read_pack(file).name
    first, *rest = told(tmp_path, file)
    assert first.grade is Grade.GOOD
    assert first.says.startswith(
        f"{name}: {model}; its files are those of its sha256 (0 MiB); 2 signals mapped to its 3 labels"
    )
    assert "licence Apache-2.0; not measured by this project, and not loaded here" in first.says
    assert {one.grade for one in rest} == {Grade.NOTE}
    minds = [one.says for one in rest]
    assert minds[0].startswith(f"{name}: distress is not calibrated")
    assert minds[1].startswith(f"{name}: risk.self_harm is replaced")
    assert len(minds) == 2


def test_nothing_is_loaded(model: Path, tmp_path: Path) -> None:
    """In a process of its own, for this one has the library for other tests."""
    file = pack(model, "distress: storm", file=tmp_path / "p.yaml")
    code = (
        "import sys; from detectors.external.inspection import inspect; from detectors.external.pack import read_pack\n"
        f"print(inspect(read_pack({str(file)!r})).labels, sorted({{'torch', 'transformers'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "3 []\n", done.stderr


def test_without_packs_nothing_is_said(tmp_path: Path) -> None:
    assert told(tmp_path) == []


def test_everything_that_is_wrong_in_a_file_has_its_line(model: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        "name: w\nmodel: {hub: somebody/weather, revision: main}\nlicence: MIT\nlanguages: [en]\nsignals: {distres: storm}\n"
    )
    good = pack(model, "distress: storm", file=tmp_path / "p.yaml")
    found = told(tmp_path, bad, "go-emotion", good)
    assert [one.grade for one in found] == [Grade.BAD, Grade.BAD, Grade.BAD, Grade.GOOD, Grade.NOTE]
    assert "bad.yaml:2: model: revision must be the model's commit in full" in found[0].says
    assert "bad.yaml:5: 'distres' is no signal; did you mean 'distress'?" in found[1].says
    assert "did you mean 'go-emotions'?" in found[2].says


def test_two_packs_of_one_name_are_a_fault(model: Path, tmp_path: Path) -> None:
    first = pack(model, "distress: storm", file=tmp_path / "p.yaml")
    second = pack(model, "distress: rain", file=tmp_path / "q.yaml")
    found = told(tmp_path, first, second)
    assert [one.says for one in found if one.grade is Grade.BAD] == [
        f"{second}:1: {first} has the name 'weather' too; give each its own"
    ]


def test_labels_and_output_are_held_against_the_models(model: Path, tmp_path: Path) -> None:
    file = pack(model, "distress: strom", file=tmp_path / "p.yaml")
    assert "p.yaml:9: the model has no label 'strom'; did you mean 'storm'?" in fault(tmp_path, file)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "problem_type": None}))
    assert "write output: softmax" in fault(tmp_path, pack(model, "distress: storm", file=file))
    (model / "config.json").write_text(json.dumps({**config, "id2label": {"0": "calm", "2": "storm"}}))
    assert "does not number the labels from 0 on" in fault(tmp_path, pack(model, "distress: storm", file=file))
    (model / "config.json").write_text("[]")
    assert "config.json is no config of a model" in fault(tmp_path, pack(model, "distress: storm", file=file))


def test_files_that_are_not_there_or_not_the_same(model: Path, tmp_path: Path) -> None:
    file = pack(model, "distress: storm", file=tmp_path / "p.yaml")
    (model / "config.json").write_text((model / "config.json").read_text() + "\n")
    assert "the files are not those that sha256 speaks of" in fault(tmp_path, file)
    (model / "model.safetensors").unlink()
    assert "holds no *.safetensors" in fault(tmp_path, file)
    (model / "config.json").unlink()
    assert "holds no config.json" in fault(tmp_path, file)
    shutil.rmtree(model)
    assert f"there is no folder {model}" in fault(tmp_path, file)


def test_weights_that_are_not_whole(model: Path, tmp_path: Path) -> None:
    weights = model / "model.safetensors"
    whole = weights.read_bytes()
    for broken in (whole[:-100], b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", b"", whole[:40]):
        weights.write_bytes(broken)
        assert f"{weights} is not whole, or no safetensors" in fault(tmp_path, pack(model, "distress: storm"))
    tensors = load_file(_written(weights, whole))
    half = len(tensors) // 2
    parts = {"a.safetensors": dict(list(tensors.items())[:half]), "b.safetensors": dict(list(tensors.items())[half:])}
    weights.unlink()
    for name, own in parts.items():
        save_file(own, model / name)
    index = {"weight_map": {key: name for name, own in parts.items() for key in own}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    assert told(tmp_path, pack(model, "distress: storm"))[0].grade is Grade.GOOD
    (model / "b.safetensors").unlink()
    assert "lacks b.safetensors, which its index names" in fault(tmp_path, pack(model, "distress: storm"))


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_large_weights_are_not_read_and_it_says_so(model: Path, tmp_path: Path) -> None:
    file = pack(model, "distress: storm", file=tmp_path / "p.yaml")
    assert inspect(read_pack(file), largest=10).compared is False
    assert inspect(read_pack(file)).compared is True
    file.write_text("".join(line for line in file.read_text().splitlines(keepends=True) if "sha256" not in line))
    with pytest.raises(Exception, match=r"sha256 is missing; handrail model check"):
        inspect(read_pack(file), largest=10)


@pytest.mark.usefixtures("_no_network")
def test_a_model_of_the_hub_is_here_or_not(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    file = tmp_path / "p.yaml"
    file.write_text(
        f"name: w\nmodel: {{hub: somebody/weather, revision: {COMMIT}}}\nlicence: MIT\nlanguages: [en]\n"
        "signals: {distress: {labels: [storm], calibration: {slope: 1, offset: 0}}}\n"
    )
    assert f"handrail model check {file} --download" in fault(tmp_path, file)
    with pytest.raises(ModelAbsent):
        inspect(read_pack(file))
    [fetched] = told(tmp_path, file, allow_downloads=True)
    assert fetched.grade is Grade.NOTE
    assert "the scorer fetches it when it starts (HANDRAIL_ALLOW_DOWNLOADS)" in fetched.says
    shutil.copytree(model, tmp_path / "hub" / "models--somebody--weather" / "snapshots" / COMMIT)
    [found] = told(tmp_path, file)
    assert found.grade is Grade.GOOD
    assert f"somebody/weather at {COMMIT}; its files are there (0 MiB); 1 signal mapped" in found.says


def test_what_only_loading_can_settle_is_to_be_looked_at(model: Path, tmp_path: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "architectures": ["BertForMaskedLM"]}))
    (model / "tokenizer.json").unlink()
    found = told(tmp_path, pack(model, "distress: {labels: [storm], calibration: {slope: 1, offset: 0}}"))
    assert [one.grade for one in found] == [Grade.GOOD, Grade.NOTE, Grade.NOTE]
    assert "names BertForMaskedLM, no sequence classifier; see handrail model check" in found[1].says
    assert "holds no tokenizer.json" in found[2].says


def test_without_the_extra_or_the_card_it_is_a_fault(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wants = pack(model, "distress: storm", file=tmp_path / "q.yaml", more="device: cuda:77")
    assert "there is no card cuda:77" in fault(tmp_path, wants)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'handrail[torch]'" in fault(tmp_path, pack(model, "distress: storm", file=tmp_path / "p.yaml"))


@pytest.fixture
def scorer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A running scorer of words alone, where an installation has its own."""
    socket_path = Paths.of(tmp_path / "data").prepare().scorer_socket
    command = [sys.executable, "-m", "detectors.scorer", str(socket_path), "--device", "cpu"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate(timeout=20)


def test_a_scorer_that_has_not_read_a_pack_yet_is_told(model: Path, tmp_path: Path, scorer: subprocess.Popen[str]) -> None:
    file = pack(model, "distress: storm", file=tmp_path / "p.yaml")
    until = time.monotonic() + 60
    while True:
        found = [one for one in findings(settings(tmp_path, file)) if one.what in ("packs", "scorer")]
        if any(one.what == "scorer" and one.grade is Grade.GOOD for one in found):
            break
        assert scorer.poll() is None
        assert time.monotonic() < until, found
        time.sleep(0.2)
    [said] = [one for one in found if "the scorer that runs" in one.says]
    assert said.grade is Grade.NOTE
    assert f"does not serve {read_pack(file).name}" in said.says
