"""Labelled files: what is read, and what is refused with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from detectors.evaluation.errors import RowsUnfit
from detectors.evaluation.rows import family, read_rows, read_scores
from detectors.signals import Side


def _file(tmp_path: Path, *rows: Any, name: str = "chat.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def _row(**changes: Any) -> dict[str, Any]:
    row = {"id": "a", "messages": [{"role": "user", "content": "hello"}], "labels": {"risk.suicide": 0}}
    return row | changes


def test_a_row(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "bye"}, {"role": "assistant", "content": "I can't help with that."}]
    path = _file(
        tmp_path,
        _row(messages=messages, labels={"refusal.any": True, "harm.method": None}, slices=["cold"], conversation="c"),
    )
    (row,) = read_rows([path])
    assert row.side is Side.REPLY
    assert row.text == "I can't help with that."
    assert [turn.text for turn in row.context] == ["bye"]
    assert dict(row.labels) == {"refusal.any": 1.0}
    assert row.slices == ("chat", "cold")
    assert row.conversation == "c"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        (_row(messages=[]), "no messages"),
        ({"id": "a", "labels": {}}, "'messages' is not there"),
        (_row(messages=[{"role": "robot", "content": "x"}]), "robot"),
        (_row(labels={"risk.suicde": 1}), "did you mean 'risk.suicide'"),
        (_row(labels={"refusal.any": 1}), "no signal of the user's side"),
        (_row(labels={"risk.suicide": 2}), "not from 0 to 1"),
        (_row(labels={"risk.suicide": "yes"}), "not from 0 to 1"),
        (_row(question=9), "no rung"),
        (_row(turn=-1, conversation="c"), "turn is no whole number"),
        (_row(turn=1), "a turn without its conversation"),
        (_row(benign=1), "benign is neither true nor false"),
        (_row(labels={"risk.suicide_level": 7}), "not from 0 to 6"),
        (_row(labels={"session.state": 1}), "no signal of the user's side"),
        (_row(labels={"companion.*": 1}), "no signal of the user's side"),
    ],
)
def test_refusals(tmp_path: Path, row: Any, says: str) -> None:
    with pytest.raises(RowsUnfit, match=r"chat\.jsonl:2: ") as caught:
        read_rows([_file(tmp_path, _row(), row if isinstance(row, str) else row | {"id": "b"})])
    assert says in str(caught.value)


def test_ids_are_unique_and_files_are_there(tmp_path: Path) -> None:
    with pytest.raises(RowsUnfit, match="'a' stands on two rows"):
        read_rows([_file(tmp_path, _row(), _row())])
    with pytest.raises(RowsUnfit, match="No such file"):
        read_rows([tmp_path / "none.jsonl"])
    with pytest.raises(RowsUnfit, match="no rows"):
        read_rows([_file(tmp_path, name="empty.jsonl")])


def test_levels_families_turns_and_pairs(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "I missed you."}]
    first, second = read_rows(
        [
            _file(
                tmp_path,
                _row(labels={"risk.suicide_level": 6, "risk.*": 0.7}, conversation="c", turn=3, pair="p", benign=False),
                _row(id="b", messages=said, labels={"companion.*": 0.4}),
            )
        ]
    )
    assert dict(first.labels) == {"risk.suicide_level": 6.0, "risk.*": 0.7}
    assert (first.turn, first.pair, first.benign) == (3, "p", False)
    assert dict(second.labels) == {"companion.*": 0.4}
    assert (second.turn, second.pair, second.benign) == (None, None, None)
    assert "companion.retention" in family("companion.*", Side.REPLY)
    assert "risk.suicide_level" not in family("risk.*", Side.USER)
    assert family("companion.*", Side.USER) == family("companion.retention", Side.REPLY) == ()


def test_the_question_is_read_off_the_message_before(tmp_path: Path) -> None:
    said = [{"role": "assistant", "content": "Are you safe?"}, {"role": "user", "content": "yes"}]
    path = _file(tmp_path, _row(messages=said), _row(id="b", messages=said, question=3))
    assert [row.question for row in read_rows([path], lambda text: 0 if "safe" in text else None)] == [0, 3]
    assert [row.question for row in read_rows([path])] == [None, 3]


def test_a_turn_a_pair_and_slices_are_what_they_say(tmp_path: Path) -> None:
    with pytest.raises(RowsUnfit, match="turn 1 of the conversation of row 'b' stands on two rows"):
        read_rows([_file(tmp_path, _row(conversation="c", turn=1), _row(id="b", conversation="c", turn=1))])
    with pytest.raises(RowsUnfit, match="101 rows of one pair"):
        read_rows([_file(tmp_path, *(_row(id=str(at), pair="p") for at in range(101)))])
    with pytest.raises(RowsUnfit, match="different slices"):
        read_rows([_file(tmp_path, *(_row(id=str(at), slices=[f"s{at}"]) for at in range(401)))])


def test_scores_of_a_file(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        {"id": "a", "model": "m@1", "signals": {"risk.suicide": 0.5, "distress": None}},
        {"id": "b", "line": 2, "error": "no messages"},
    )
    assert list(read_scores(path)) == [("a", {"risk.suicide": 0.5})]
