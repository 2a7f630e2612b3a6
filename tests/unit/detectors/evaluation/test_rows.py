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
        (_row(messages=[]), "messages must be a list with at least one message"),
        (_row(messages="hello"), "messages must be a list with at least one message"),
        (_row(messages=["hello"]), "messages[0] must be an object with role and content"),
        (_row(messages=[{"role": "user", "content": None}]), "messages[0].content must be a string"),
        (_row(messages=[{"role": "user", "content": ["hello"]}]), "messages[0].content must be a string"),
        (_row(messages=[{"role": "user"}]), "messages[0].content must be a string"),
        (_row(messages=[{"role": ["user"], "content": "x"}]), "messages[0].role must be user or assistant"),
        ({"id": "a", "labels": {}}, "'messages' is not there"),
        (_row(messages=[{"role": "robot", "content": "x"}]), "messages[0].role must be user or assistant"),
        (_row(labels={"risk.suicde": 1}), "did you mean 'risk.suicide'"),
        (_row(labels={"refusal.any": 1}), "no signal of the user's side"),
        (_row(labels={"risk.suicide": 2}), "not from 0 to 1"),
        (_row(labels={"risk.suicide": "yes"}), "not from 0 to 1"),
        (_row(labels=[["risk.suicide", 1]]), "labels must be an object"),
        (_row(labels=None), "labels must be an object"),
        (_row(question=9), "question is no whole number from 0 to 6"),
        (_row(question=True), "question is no whole number from 0 to 6"),
        (_row(question="2"), "question is no whole number from 0 to 6"),
        (_row(turn=-1, conversation="c"), "turn is no whole number"),
        (_row(turn=True, conversation="c"), "turn is no whole number"),
        (_row(turn=1), "a turn without its conversation"),
        (_row(turn=1, conversation=None), "a turn without its conversation"),
        (_row(conversation=["c"]), "conversation must be a string or a whole number"),
        (_row(conversation=False), "conversation must be a string or a whole number"),
        (_row(pair={"of": "p"}), "pair must be a string or a whole number"),
        (_row(slices="cold"), "slices must be a list of strings"),
        (_row(slices=["cold", 1]), "slices must be a list of strings"),
        (_row(whole="false"), "whole is neither true nor false"),
        (_row(whole=0), "whole is neither true nor false"),
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


@pytest.mark.parametrize("identity", [None, 5, ["a"]])
def test_an_id_is_a_string(tmp_path: Path, identity: Any) -> None:
    with pytest.raises(RowsUnfit, match=r'chat\.jsonl:1: id must be a string; write one JSON object a line: \{"id"'):
        read_rows([_file(tmp_path, _row(id=identity))])


def test_no_refusal_quotes_a_row(tmp_path: Path) -> None:
    for row in (
        _row(messages=[{"role": "SECRET", "content": "x"}]),
        _row(messages=[{"role": "user", "content": ["SECRET"]}]),
        _row(conversation=["SECRET"]),
        _row(slices="SECRET"),
    ):
        with pytest.raises(RowsUnfit) as caught:
            read_rows([_file(tmp_path, row)])
        assert "SECRET" not in str(caught.value)


def test_null_is_as_good_as_absent(tmp_path: Path) -> None:
    optional = ("conversation", "turn", "pair", "slices", "question", "whole", "benign")
    given, bare, other = read_rows([_file(tmp_path, _row() | dict.fromkeys(optional), _row(id="b"), _row(id="c"))])
    assert (given.conversation, bare.conversation, other.conversation) == ("chat/a", "chat/b", "chat/c")
    assert (given.slices, given.question, given.whole, given.turn, given.pair, given.benign) == (
        (bare.slices, bare.question, bare.whole, bare.turn, bare.pair, bare.benign)
    )
    assert given.whole


def test_a_conversations_name_may_be_a_number(tmp_path: Path) -> None:
    assert [
        row.conversation for row in read_rows([_file(tmp_path, _row(conversation=7), _row(id="b", conversation="7"))])
    ] == [
        "7",
        "7",
    ]


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
