"""A whole evaluation, and the files that it writes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from detectors.contract import Item
from detectors.evaluation.answers import answer, in_session_order
from detectors.evaluation.command import Plan, evaluate, narrowed
from detectors.evaluation.errors import RowsUnfit
from detectors.evaluation.intervals import Estimate
from detectors.evaluation.pages import markdown, page, write
from detectors.evaluation.pictures import draw
from detectors.evaluation.report import as_json
from detectors.evaluation.rows import Row, read_rows
from detectors.evaluation.sections import Section, interval, number, sections
from detectors.signals import Scores, Side

SIGNAL = "risk.suicide"
TEXTS = ["I want to kill myself tonight", "these shoes are killing me", "what a lovely day", "I wish I was dead"]


def _rows(tmp_path: Path, count: int = 4) -> list[Row]:
    path = tmp_path / "few.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for at in range(count):
            row = {
                "id": str(at),
                "messages": [{"role": "user", "content": TEXTS[at % 4]}],
                "labels": {SIGNAL: int(at % 4 in (0, 3)), "distress": 0.5},
                "conversation": f"c{at // 4}",
                "turn": at % 4,
                "slices": ["<odd>" if at % 2 else "even"],
            }
            file.write(json.dumps(row) + "\n")
    return read_rows([path])


def test_the_lexicon_is_evaluated_drawn_and_written(tmp_path: Path) -> None:
    rows = _rows(tmp_path, 12)
    found = evaluate(rows, Plan("lexicon", "lexicon", resampled=20))
    report = as_json(found, ["few.jsonl"])
    first = report["findings"][0]
    assert (first["auroc"]["value"], first["insufficient"], first["threshold_from"]) == (1.0, True, "these rows")
    assert report["comparisons"][0]["auroc"]["value"] == 0.0
    assert report["verdict"] == "undecided"
    assert report["sessions"][0]["cues"] == 3
    assert "person: first" in {one["slice"] for one in report["findings"]}
    pictures = draw(found)
    assert {picture.kind for picture in pictures if picture.signal == SIGNAL} == {
        "roc",
        "precision",
        "calibration",
        "slices",
    }
    for picture in pictures:
        ET.fromstring(picture.svg)  # noqa: S314  # our own
        assert "<script" not in picture.svg
    names = write(tmp_path / "out", "title", "about", report, sections(found), pictures)
    assert {"report.html", "report.md", "report.json", f"{SIGNAL}.roc.svg"} <= set(names)
    assert json.loads((tmp_path / "out" / "report.json").read_bytes()) == json.loads(json.dumps(report))
    html = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "&lt;odd&gt;" in html
    assert "<odd>" not in html
    assert "not clinically validated" in html
    assert not any(text in html or text in json.dumps(report) for text in TEXTS)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RowsUnfit, match="give a folder that can be written"):
        write(tmp_path / "file", "title", "about", {}, [], [])


def test_one_conversation_is_drawn_and_told_without_intervals(tmp_path: Path) -> None:
    found = evaluate([replace(row, conversation="c") for row in _rows(tmp_path)], Plan("lexicon", "lexicon", resampled=20))
    report = as_json(found, ["few.jsonl"])
    assert report["findings"][0]["auroc"] == {"value": 1.0, "low": None, "high": None}
    ranking = next(section for section in sections(found) if section.title == "How well scores tell labels")
    assert ranking.rows[0][4] == "1.000 [-, -]"
    roc = next(picture for picture in draw(found) if picture.kind == "roc")
    assert "<polyline" in roc.svg
    assert "<polygon" not in roc.svg


def test_where_a_threshold_is_from(tmp_path: Path) -> None:
    found = evaluate(_rows(tmp_path), Plan("lexicon", resampled=20, thresholds={SIGNAL: 0.9}))
    said = {one["signal"]: (one["threshold_from"], one["threshold"]) for one in as_json(found, [])["findings"]}
    assert said[SIGNAL] == ("given", 0.9)
    assert said["distress"][0] != "given"
    answered = replace(found, thresholds={**found.thresholds, "distress": 0.5}, chosen=frozenset())
    assert {one["threshold_from"] for one in as_json(answered, [])["findings"]} == {"given", "model"}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("risk.suicid", "no signal that has a probability; did you mean 'risk.suicide'?"),
        ("risk.mani", "no signal that has a probability; did you mean 'risk.mania'?"),
        ("nothing like it", "no signal that has a probability; give signals that these files label"),
        ("risk.suicide_level", "no signal that has a probability"),
        ("risk.mania", "of which no row has a label"),
        ("risk.*", "of which no row has a label"),
    ],
)
def test_a_threshold_that_would_count_nowhere_is_refused(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(RowsUnfit) as caught:
        evaluate(_rows(tmp_path), Plan("nobody is asked", thresholds={SIGNAL: 0.5, name: 0.9}))
    assert repr(name) in str(caught.value)
    assert says in str(caught.value)


def test_a_threshold_of_a_score_that_stands_for_a_level_counts(tmp_path: Path) -> None:
    rows = [
        replace(row, labels={"risk.suicide_level": level}) for row, level in zip(_rows(tmp_path), (4, 0, 0, 2), strict=True)
    ]
    found = evaluate(rows, Plan("lexicon", resampled=20, thresholds={"risk.suicide_ge4": 0.25}))
    assert found.severity is not None
    assert {one.score: one.threshold for one in found.severity.high}["risk.suicide_ge4"] == 0.25


def test_narrowing(tmp_path: Path) -> None:
    rows = _rows(tmp_path)
    assert all(set(row.labels) == {SIGNAL} for row in narrowed(rows, [SIGNAL]))
    assert narrowed(rows, []) == rows
    with pytest.raises(RowsUnfit, match=r"no row has a label of 'risk\.mania'"):
        narrowed(rows, ["risk.mania"])


def test_a_conversations_rows_are_heard_in_the_order_of_their_turns(tmp_path: Path) -> None:
    def row(name: str, conversation: str, turn: int | None) -> Row:
        return Row(name, Side.USER, "hello", (), {SIGNAL: 0.0}, conversation, (), turn=turn)

    rows = [row("a2", "a", 2), row("x", "x", None), row("b1", "b", 1), row("a1", "a", 1)]
    assert [rows[at].id for at in in_session_order(rows)] == ["a1", "a2", "x", "b1"]

    class Ear:
        def __init__(self) -> None:
            self.heard: list[tuple[str, int, int]] = []

        def before(self, row: Row) -> list[Item]:
            return [Item(Side.USER, "I want to kill myself")] if row.id == "a1" else []

        def hear(self, row: Row, before: object, items: object, scores: object) -> None:
            assert isinstance(before, list | tuple)
            assert isinstance(scores, list | tuple)
            assert all(isinstance(one, Scores) for one in (*before, *scores))
            self.heard.append((row.id, len(before), len(scores)))

    ear = Ear()
    found = answer("lexicon", rows, [SIGNAL], listener=ear)
    assert ear.heard == [("a1", 1, 1), ("a2", 0, 1), ("x", 0, 1), ("b1", 0, 1)]
    assert (found.columns[SIGNAL] < 0.1).all()
    scores = tmp_path / "scores.jsonl"
    scores.write_text("".join(json.dumps({"id": one.id, "signals": {SIGNAL: 0.5}}) + "\n" for one in rows))
    ear = Ear()
    assert answer(str(scores), rows, [SIGNAL], listener=ear).columns[SIGNAL].tolist() == [0.5] * 4
    assert [name for name, *_ in ear.heard] == ["a1", "a2", "x", "b1"]


def test_figures_as_tables_have_them() -> None:
    assert [number(value) for value in (0.5, 1.0, -0.25, float("nan"), None)] == [".500", "1.000", "-.250", "-", "-"]
    assert interval(Estimate(0.5, 0.25, 0.75), 2) == ".50 [.25, .75]"
    assert interval(Estimate(0.5, float("nan"), float("nan")), 2) == ".50 [-, -]"


def test_columns_in_which_nothing_stands_are_left_out() -> None:
    section = Section("T", "", ("a", "b", "c"), (("1", "", "x|y"), ("2", "", "")))
    assert section.lines == (("a", "c"), ("1", "x|y"), ("2", ""))
    assert "| 1 | x\\|y |" in markdown("t", "a", [section], [])
    assert "<td>x|y</td>" in page("t", "a", [section], [])
