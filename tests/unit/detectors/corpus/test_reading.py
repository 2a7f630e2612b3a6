"""The corpus's reader: what the format means, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.contract import Speaker
from detectors.corpus import CorpusInvalid, read_corpus
from detectors.corpus.__main__ import main
from detectors.signals import Side

HEAD = "== eviction: level=2, distress=.8, warning.burden\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("user", "reply"):
        (tmp_path / name).mkdir()
    (tmp_path / "user" / "voices.txt").write_text("# who\njoiner: 52, Glasgow, dry\nnurse: 40, Lima\n", "utf-8")
    (tmp_path / "reply" / "manners.txt").write_text("warm: short and warm\n", "utf-8")
    return tmp_path


def _write(folder: Path, text: str, side: str = "user", name: str = "a.txt") -> Path:
    path = folder / side / name
    path.write_text(text, "utf-8")
    return path


def _fault(folder: Path, text: str, side: str = "user") -> str:
    _write(folder, text, side)
    with pytest.raises(CorpusInvalid) as caught:
        read_corpus(folder)
    assert len(caught.value.faults) == 1
    return str(caught.value)


def test_situation_labels_and_an_items_changes(folder: Path) -> None:
    _write(folder, HEAD + "joiner: one\nnurse [level=1 -warning.burden]: two\n")
    one, two = read_corpus(folder).items
    assert (one.labels.level, two.labels.level) == (2, 1)
    assert one.labels.values["risk.suicide_ge2"] == 1.0
    assert two.labels.values["risk.suicide_ge2"] == 0.0
    assert two.labels.values["risk.suicide"] == 1.0
    assert (one.labels.values["warning.burden"], two.labels.values["warning.burden"]) == (1.0, 0.0)
    assert one.labels.values["distress"] == 0.8
    assert one.labels.values["risk.violence"] == 0.0
    assert not {"answer.deny", "emotion.joy", "screen.anxiety"} & set(one.labels.values)
    assert (one.file, two.line) == ("user/a.txt", 3)


def test_turns_and_bars(folder: Path) -> None:
    _write(folder, HEAD + r"nurse: U> they take the flat | B> I'm sorry. | U> a \| b" + "\n")
    (item,) = read_corpus(folder).items
    assert item.text == "a | b"
    assert [(turn.speaker, turn.text) for turn in item.context] == [
        (Speaker.USER, "they take the flat"),
        (Speaker.ASSISTANT, "I'm sorry."),
    ]


def test_replies_and_what_is_judged_on_the_whole(folder: Path) -> None:
    _write(folder, "== bye: companion.retention\nwarm: U> bye | B> Oh, don't go.\n", "reply", "a.txt")
    _write(folder, "== bye2: whole, refusal.any, refusal.abrupt\nwarm: U> bye | B> I can't help.\n", "reply", "b.txt")
    part, whole = read_corpus(folder).items
    assert part.side is Side.REPLY
    assert part.labels.values["refusal.any"] == 0.0
    assert "refusal.abrupt" not in part.labels.values
    assert "support.question" not in part.labels.values
    assert whole.labels.values["refusal.abrupt"] == 1.0
    assert whole.labels.values["ccs.acknowledgment"] == 0.0


@pytest.mark.parametrize(
    ("labels", "there", "unknown"),
    [
        ("level=4", {"risk.suicide_high", "risk.suicide", *(f"risk.suicide_ge{k}" for k in (2, 3, 4))}, set()),
        ("behaviour=24h", {"risk.suicide_high", "risk.suicide_behaviour", "risk.suicide"}, {"risk.suicide_ge2"}),
        ("behaviour=earlier", {"risk.suicide_behaviour"}, set()),
        ("behaviour=earlier, level=1", {"risk.suicide_behaviour", "risk.suicide"}, set()),
        ("level=?", set(), {"risk.suicide", "risk.suicide_ge5", "risk.suicide_high"}),
        ("risk.self_harm=?", set(), {"risk.self_harm"}),
        ("intima.love", {"intima.love", "attachment.relationship"}, set()),
        ("attachment.relationship", {"attachment.relationship"}, {"intima.love", "intima.company"}),
        ("imminent, emergency", {"risk.suicide_imminent", "risk.emergency_now"}, set()),
        ("asked=2, answer.deny", {"answer.deny"}, set()),
    ],
)
def test_what_labels_imply(folder: Path, labels: str, there: set[str], unknown: set[str]) -> None:
    _write(folder, f"== a: {labels}\njoiner: text\n")
    (item,) = read_corpus(folder).items
    values = item.labels.values
    assert {name for name, value in values.items() if value} == there
    assert not unknown & set(values)


def test_a_file_may_speak_of_less(folder: Path) -> None:
    _write(folder, "@speaks of: context.figurative\n== a: context.figurative\njoiner: text\n== b:\nnurse: text too\n")
    one, two = read_corpus(folder).items
    assert one.labels.values == {"context.figurative": 1.0}
    assert two.labels.values == {"context.figurative": 0.0}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("joiner: too early\n", "before the first situation"),
        (HEAD + "nobody: text\n", "nobody is called 'nobody'"),
        (HEAD + "just text\n", "is no item"),
        (HEAD, "has no items"),
        ("== A: level=1\njoiner: x\n", "is no situation"),
        ("== a: level=6\njoiner: x\n", "level=6"),
        ("== a: risk.suicde\njoiner: x\n", "did you mean"),
        ("== a: companion.retention\njoiner: x\n", "the other side"),
        ("== a: answer.deny\njoiner: x\n", "asked"),
        ("== a: risk.suicide\njoiner: x\n", "level=1"),
        ("== a: distress=.85\njoiner: x\n", "tenths"),
        ("== a: emotion.joy\njoiner: x\n", "no label"),
        ("== a: level=1\njoiner [-warning.alone]: x\n", "does not have"),
        ("== a: level=1\njoiner: x\n== a: level=2\nnurse: y\n", "stands in user/a.txt:1 already"),
        (HEAD + "joiner: a | b\n", "a bar parts turns"),
        (HEAD + "joiner: U> a | B> b\n", "the last turn"),
        (HEAD + "joiner: U> a | b | U> c\n", "every turn"),
        (HEAD + "joiner: x\n@speaks of: risk.*\n", "before a file's first situation"),
        ("@speaks of: riks.*\n== a: level=1\njoiner: x\n", "no signal"),
    ],
)
def test_refusals_say_where_and_what(folder: Path, text: str, says: str) -> None:
    message = _fault(folder, text)
    assert message.startswith("user/a.txt:")
    assert says in message


def test_a_reply_needs_a_persons_turn(folder: Path) -> None:
    assert "person's turn" in _fault(folder, "== a: refusal.any\nwarm: I can't.\n", "reply")


def test_bytes_that_are_no_text(folder: Path) -> None:
    (folder / "user" / "a.txt").write_bytes(HEAD.encode() + b"joiner: fine\njoiner: \xff\n")
    with pytest.raises(CorpusInvalid, match=r"user/a\.txt:3: byte 9 is not UTF-8"):
        read_corpus(folder)


def test_every_fault_is_told(folder: Path) -> None:
    _write(folder, "== a: level=9\njoiner: x\nstray: y\n")
    with pytest.raises(CorpusInvalid) as caught:
        read_corpus(folder)
    assert [fault.line for fault in caught.value.faults] == [1, 3]


def test_command_counts_and_refuses(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    near = "joiner: the letter about the flat came this morning\nnurse: the letter about the flat came this evening\n"
    path = _write(folder, HEAD + near)
    assert main(["--folder", str(folder)]) == 0
    assert "| person's turns | 1 | 2 | 1 | 0 | 2 |" in capsys.readouterr().out
    assert main(["--folder", str(folder), "--duplicates"]) == 0
    assert "user/a.txt:3: says nearly the same as user/a.txt:2" in capsys.readouterr().out
    path.write_text("== a: level=9\njoiner: x\n", "utf-8")
    assert main(["--folder", str(folder), str(path)]) == 1
    assert "user/a.txt:1" in capsys.readouterr().err


def test_the_projects_own_corpus_is_sound() -> None:
    read_corpus()
