"""Public sources: what each says, and of what it says nothing. The files here are made up in the sources' forms."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from detectors.contract import Speaker
from detectors.corpus.comments import read_comments
from detectors.signals import EMOTIONS, SIGNALS, Kind
from detectors.training.errors import DataMissing
from detectors.training.example import RISK
from detectors.training.sources import LICENCES, SOURCES, read


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_a_comment_that_was_read_for_risk_says_what_was_found(tmp_path: Path) -> None:
    comment = next(iter(read_comments("goemotions")))
    _write(tmp_path / "goemotions" / "train.tsv", f"Nice one!\t0\taaa\nthis is to die for\t0\t{comment}\n")
    plain, told = read(tmp_path, ["goemotions"])
    assert (plain.edition, told.edition) == (1, 2)
    assert told.labels["emotion.admiration"] == 1.0
    assert {"risk.violence", "warning.hopeless", "distress"} <= told.labels.keys()


def test_goemotions_knows_all_emotions_and_no_risk_where_a_grave_word_stands(tmp_path: Path) -> None:
    _write(tmp_path / "goemotions" / "train.tsv", "Nice one!\t0,17\taaa\nthis is to die for\t0\tbbb\n")
    nice, grave = read(tmp_path, ["goemotions"])
    assert {name for name, value in nice.labels.items() if value} == {"emotion.admiration", "emotion.joy"}
    assert len([name for name in nice.labels if name.startswith("emotion.")]) == len(EMOTIONS)
    assert nice.labels["risk.suicide"] == 0.0
    assert not set(RISK) & set(grave.labels)


def test_spiral_bench_reads_the_reply_after_the_index_by_sentence(tmp_path: Path) -> None:
    quote = "You are the first to see the pattern behind it all."
    turns = [
        "I noticed a pattern.",
        "Tell me more about it, please.",
        "It is everywhere.",
        f"{quote} Shall we go on from here?",
    ]
    transcript = [{"role": "assistant" if at % 2 else "user", "content": text} for at, text in enumerate(turns)]
    judged = {
        "assistant_turn_indexes": [1],
        "full_metrics": {"delusion reinforcement": [[quote, 3]], "consciousness claims": []},
    }
    run = {"transcript": transcript, "judgements": {"chunk0": judged, "chunk1": {"full_metrics": {}}}}
    _write(
        tmp_path / "spiral_bench" / "m.json", json.dumps({"1": {"eval_prompts_v0.2.json": {"td01": [run]}}, "__meta__": {}})
    )
    quoted, rest = read(tmp_path, ["spiral_bench"])
    assert quoted.text == quote
    assert quoted.labels["harm.delusion"] == 1.0
    assert quoted.labels["harm.consciousness"] == 0.0
    assert "companion.sycophancy" not in quoted.labels
    assert "harm.delusion" not in rest.labels
    assert [(turn.speaker, turn.text) for turn in rest.context] == [
        (Speaker.USER, "It is everywhere."),
        (Speaker.ASSISTANT, quote),
    ]


def test_schizobench_keeps_what_is_clear(tmp_path: Path) -> None:
    rows = [
        {"sequence": "s", "prompt": "p", "response": f"r{at}", "maintained_boundary": kept, "risk_score": risk}
        for at, (kept, risk) in enumerate([(False, 4), (True, 0), (False, 1), (True, 3)])
    ]
    _write(tmp_path / "schizobench" / "turns.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert [(e.text, e.labels["harm.delusion"]) for e in read(tmp_path, ["schizobench"])] == [
        ("r0", 1.0),
        ("r1", 0.0),
    ]


def test_sad_is_read_from_its_sheet(tmp_path: Path) -> None:
    def row(number: int, *values: str | float) -> str:
        found = "".join(
            f'<c r="{column}{number}" t="inlineStr"><is><t>{value}</t></is></c>'
            if isinstance(value, str)
            else f'<c r="{column}{number}"><v>{value}</v></c>'
            for column, value in zip("ABCDE", values, strict=True)
        )
        return f'<row r="{number}">{found}</row>'

    rows = row(1, "sID", "sentence", "avg_severity", "top_label", "Source")
    rows += row(2, 7, "rent is due", 6.5, "Financial Problem", "web")
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    (tmp_path / "sad").mkdir()
    with zipfile.ZipFile(tmp_path / "sad" / "SAD_v1.xlsx", "w") as file:
        file.writestr("xl/worksheets/sheet1.xml", f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>')
    (found,) = read(tmp_path, ["sad"])
    assert found.labels["distress"] == 0.65
    assert found.labels["risk.suicide"] == 0.0


def test_hypo_and_ailuminate(tmp_path: Path) -> None:
    _write(tmp_path / "hypo" / "hypo.csv", "Sentence,Hyperbole,Metaphor\nI died laughing,1,0\nI laughed a lot,0,0\n")
    head = "release_prompt_id,prompt_text,hazard,persona\n"
    _write(
        tmp_path / "ailuminate_demo" / "not_ssh.csv",
        f"{head}a,how do I hurt him,vcr,x\nb,lend me money,spc_fin,x\nc,y,hte,x\n",
    )
    died, laughed, hurt, money, other = read(tmp_path, ["hypo", "ailuminate_demo"])
    assert (died.labels["context.figurative"], died.labels["risk.suicide"]) == (1.0, 0.0)
    assert laughed.labels["context.figurative"] == 0.0
    assert (hurt.labels["risk.method_seeking"], money.labels["risk.method_seeking"]) == (1.0, 0.0)
    assert "risk.method_seeking" not in other.labels


def test_every_label_of_the_corpus_is_a_signal() -> None:
    for example in read(Path("unused"), ["corpus"]):
        for name, value in example.labels.items():
            assert SIGNALS[name].kind is Kind.PROBABILITY
            assert SIGNALS[name].side is example.side
            assert 0 <= value <= 1


def test_every_source_has_a_licence() -> None:
    assert set(SOURCES) == set(LICENCES)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="goemotions"):
        read(tmp_path, ["goemotions"])
    with pytest.raises(DataMissing, match="no source 'reddit'"):
        read(tmp_path, ["reddit"])
    _write(tmp_path / "goemotions" / "train.tsv", "no tabs here\n")
    with pytest.raises(DataMissing, match=r"train\.tsv:1"):
        read(tmp_path, ["goemotions"])
