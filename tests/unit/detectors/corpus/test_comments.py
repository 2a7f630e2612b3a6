"""Comments of public sets, read for risk."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.corpus.comments import read_comments
from detectors.corpus.errors import CorpusInvalid


def _written(folder: Path, text: str) -> Path:
    (folder / "comments").mkdir()
    (folder / "comments" / "set.txt").write_text(text, "utf-8")
    return folder


def test_what_is_not_named_is_not_there_and_what_is_open_is_unknown(tmp_path: Path) -> None:
    one = read_comments(
        "set", _written(tmp_path, "# note\nabc: distress=.6, level=2, risk.violence=?\n\ndef: distress=.1\n")
    )
    assert list(one) == ["abc", "def"]
    assert (one["abc"].values["risk.suicide_ge2"], one["abc"].values["risk.suicide_ge3"]) == (1.0, 0.0)
    assert "risk.violence" not in one["abc"].values
    assert one["def"].values["risk.violence"] == one["def"].values["warning.hopeless"] == 0.0
    assert not {"answer.deny", "context.minor", "emotion.joy"} & one["def"].values.keys()


def test_every_line_at_fault_is_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusInvalid) as caught:
        read_comments("set", _written(tmp_path, "abc: distress=.6\nabc: distress=.6\nnothing\ndef: risk.suicid\n"))
    assert [(fault.file, fault.line) for fault in caught.value.faults] == [("comments/set.txt", line) for line in (2, 3, 4)]
    assert "did you mean" in str(caught.value)


def test_a_set_that_nobody_read_has_none(tmp_path: Path) -> None:
    assert read_comments("set", tmp_path) == {}


def test_the_shipped_ones_are_mostly_harmless() -> None:
    shipped = read_comments("goemotions")
    assert len(shipped) > 2_000
    assert sum(labels.values.get("risk.suicide") == 0.0 for labels in shipped.values()) > 0.9 * len(shipped)
