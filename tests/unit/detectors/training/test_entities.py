"""Persons, places and organisations: spans that stand where the text has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detectors.training.errors import DataMissing
from detectors.training.sources.entities import presidio_research, wnut17


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_tokens_become_spans(tmp_path: Path) -> None:
    lines = [
        "Ann\tB-person",
        "Lee\tI-person",
        "of\tO",
        "Acme\tB-corporation",
        "sings\tO",
        "Hey\tB-creative-work",
        "",
        "hi\tO",
        "",
    ]
    _write(tmp_path / "wnut17" / "train.conll", "\n".join(lines))
    first, second = wnut17(tmp_path)
    assert first.text == "Ann Lee of Acme sings Hey"
    assert [(first.text[a:b], kind) for a, b, kind in first.spans] == [("Ann Lee", "person"), ("Acme", "organisation")]
    assert second.spans == ()
    assert first.group != second.group


def test_templates_are_groups(tmp_path: Path) -> None:
    span = {"entity_type": "GPE", "start_position": 5, "end_position": 10}
    other = {"entity_type": "CREDIT_CARD", "start_position": 0, "end_position": 4}
    row = {"full_text": "from Paris on", "spans": [other, span], "template_id": 9}
    _write(tmp_path / "presidio_research" / "synth_dataset_v2.json", json.dumps([row]))
    (found,) = presidio_research(tmp_path)
    assert [(found.text[a:b], kind) for a, b, kind in found.spans] == [("Paris", "location")]
    assert found.group == "9"


def test_what_is_not_there_or_not_in_form_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="No such file"):
        list(wnut17(tmp_path))
    _write(tmp_path / "wnut17" / "train.conll", "no label\n")
    with pytest.raises(DataMissing, match=r"train\.conll:1"):
        list(wnut17(tmp_path))
    _write(tmp_path / "presidio_research" / "synth_dataset_v2.json", "[{}]")
    with pytest.raises(DataMissing, match="not in its form"):
        list(presidio_research(tmp_path))
