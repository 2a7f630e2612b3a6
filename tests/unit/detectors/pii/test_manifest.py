"""Folders that cannot be served are refused in words."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from detectors.encoder.errors import ModelUnfit
from detectors.encoder.manifest import MODELS
from detectors.pii.head import Head
from detectors.pii.manifest import TASK, read_manifest
from detectors.pii.pieces import LONGEST, SHAPES
from detectors.pii.tags import TAGS
from tests.unit.detectors.encoder.wordpiece import tokenizer


def _folder(folder: Path, **changes: Any) -> Path:
    tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "model.onnx").write_bytes(b"no network")
    files = {
        key: {"name": name, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
        for key, name in (("weights", "model.onnx"), ("tokenizer", "tokenizer.json"))
    }
    manifest = {
        "name": "names",
        "version": "1",
        "task": TASK,
        "tags": list(TAGS),
        "shapes": list(SHAPES),
        "longest": LONGEST,
        "outside": 0.25,
        "sources": [],
        "files": files,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))
    return folder


def test_a_whole_folder_is_read(tmp_path: Path) -> None:
    found = read_manifest(_folder(tmp_path))
    assert (found.name, found.version, found.outside) == ("names", "1", 0.25)
    assert found.weights == tmp_path / "model.onnx"


def test_a_tokenizer_may_be_another_model_s(tmp_path: Path) -> None:
    files = json.loads((_folder(tmp_path) / "manifest.json").read_text())["files"]
    shared = MODELS / "handrail-minilm" / "tokenizer.json"
    files["tokenizer"] = {
        "of": "handrail-minilm",
        "name": "tokenizer.json",
        "sha256": hashlib.sha256(shared.read_bytes()).hexdigest(),
    }
    assert read_manifest(_folder(tmp_path, files=files)).tokenizer == shared


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task": "else"}, "something else"),
        ({"tags": ["O"]}, "something else"),
        ({"longest": 512}, "something else"),
        ({"outside": "much"}, "distorts"),
        ({"outside": "inf"}, "distorts"),
        ({"files": {}}, "distorts"),
        ({"files": {"weights": {"name": "absent.onnx", "sha256": ""}, "tokenizer": {"name": "x", "sha256": ""}}}, "No such"),
        ({"files": {key: {"name": "model.onnx", "sha256": "0"} for key in ("weights", "tokenizer")}}, "sha256"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelUnfit, match=words):
        read_manifest(_folder(tmp_path, **changes))


def test_a_model_that_scores_is_no_head() -> None:
    with pytest.raises(ModelUnfit, match="distorts 'task'"):
        read_manifest(MODELS / "handrail-minilm")


def test_no_folder_no_json_and_no_network(tmp_path: Path) -> None:
    with pytest.raises(ModelUnfit, match="No such file"):
        read_manifest(tmp_path / "absent")
    with pytest.raises(ModelUnfit, match="cannot be served"):
        Head.load(_folder(tmp_path))
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ModelUnfit, match="no JSON"):
        read_manifest(tmp_path)
