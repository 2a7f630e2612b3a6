"""The scenes' reader: what a scene means as rows for evaluation, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detectors.contract import Speaker
from detectors.corpus import CorpusInvalid, read_corpus
from detectors.corpus.__main__ import main
from detectors.corpus.reading import FOLDER
from detectors.corpus.scenes import KINDS, counted, read_scenes, rows_of
from detectors.evaluation.rows import read_rows

HEAD = "== ferry (joiner, warm, slow): distress=.2\n"
SCENE = (
    HEAD + "U []: the ferry is off again\nB: Oh no.\nU [distress=.6]: it's always off. so am i\nB: Off?\n"
    "U [level=2, distress=.8, warning.alone]: thinking of ending it, to be honest\nB: Are you safe now?\n"
    "U [level=?, asked=0, answer.unclear]: who knows\n"
)
BENIGN = (
    "== cake (nurse, warm, benign hard): distress=.1\n"
    "B: Hello.\nU [context.figurative]: this cake is killing me\nB: Ha.\nU [distress=.5]: it fell\nB: Now?\nU []: eaten\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scenes").mkdir()
    (tmp_path / "scenes" / "voices.txt").write_text("joiner: 52, Glasgow, dry\nnurse: 40, Lima\n", "utf-8")
    (tmp_path / "scenes" / "manners.txt").write_text("warm: short and warm\n", "utf-8")
    return tmp_path


def _write(folder: Path, text: str, name: str = "a.txt") -> None:
    (folder / "scenes" / name).write_text(text, "utf-8")


def test_turns_and_their_labels(folder: Path) -> None:
    _write(folder, SCENE)
    (scene,) = read_scenes(folder).scenes
    assert [turn.speaker for turn in scene.turns[:2]] == [Speaker.USER, Speaker.ASSISTANT]
    assert (scene.voice, scene.manner, scene.kinds, scene.benign) == ("joiner", "warm", ("slow",), False)
    first, second, third, last = (turn.labels for turn in scene.spoken)
    assert first is not None and second is not None and third is not None and last is not None
    assert (first.values["distress"], second.values["distress"]) == (0.2, 0.6)
    assert (first.values["risk.suicide"], third.values["risk.suicide_ge2"], third.level) == (0.0, 1.0, 2)
    assert "risk.suicide" not in last.values
    assert "context.past" not in first.values
    assert [turn.is_cue for turn in scene.spoken] == [False, False, True, False]


def test_rows_are_what_evaluation_reads(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, SCENE)
    _write(folder, BENIGN, "b.txt")
    out = tmp_path / "scenes.jsonl"
    assert main(["--folder", str(folder), "--scenes", str(out)]) == 0
    assert "| with risk | 1 | 7 | 4 | 1 |" in capsys.readouterr().out
    rows = read_rows([out])
    assert [(row.id, row.conversation, row.turn) for row in rows[:2]] == [("ferry/1", "ferry", 1), ("ferry/2", "ferry", 2)]
    assert [len(row.context) for row in rows] == [0, 2, 4, 6, 1, 3, 5]
    assert [row.labels.get("risk.suicide_level") for row in rows[:4]] == [0.0, 0.0, 2.0, None]
    assert [row.benign for row in rows] == [False, False, False, False, True, False, True]
    assert (rows[3].question, rows[2].question) == (0, None)
    assert {"scene: slow", "chatbot: warm"} <= set(rows[0].slices)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (SCENE.replace("U []: the", "U: the"), 2, "has its labels"),
        (SCENE.replace("B: Oh no.", "B [level=1]: Oh no."), 3, "labels stand on the person's turns"),
        (SCENE.replace("B: Oh no.", "U []: oh"), 3, "the same speaker"),
        (SCENE.replace("B: Oh no.", "C: Oh no."), 3, "is no turn"),
        (SCENE.replace(": distress=.2", ""), 2, "says its distress"),
        (SCENE.replace("level=2", "level=0"), 1, "no turn carries a risk"),
        (SCENE.replace("slow", "benign"), 6, "carries a risk"),
        (SCENE.replace("slow", "sloe"), 1, "there is no kind 'sloe'"),
        (SCENE.replace("joiner", "nobody"), 1, "nobody is called 'nobody'"),
        (SCENE.replace(", warm", ", cold"), 1, "to a manners file"),
        (SCENE.replace("(joiner, warm, slow)", ""), 1, "is no scene"),
        (SCENE.replace("level=2", "level=7"), 6, "level=7"),
        (HEAD + "U [level=1]: short\n", 1, "has 1 turns"),
        (SCENE + "B: I am here.\n", 9, "end with a person's"),
        (SCENE + SCENE, 9, "stands in scenes/a.txt:1 already"),
        ("U []: early\n", 1, "before the first scene"),
        ("# nothing\n", 1, "has no scene"),
    ],
)
def test_refusals_say_where_and_what(folder: Path, text: str, line: int, says: str) -> None:
    _write(folder, text)
    with pytest.raises(CorpusInvalid) as caught:
        read_scenes(folder)
    assert str(caught.value).startswith(f"scenes/a.txt:{line}: ")
    assert says in str(caught.value)


def test_command_says_what_it_cannot_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, HEAD)
    assert main(["--folder", str(folder), "--scenes", str(folder / "out.jsonl")]) == 1
    assert "scenes/a.txt:1" in capsys.readouterr().err
    assert not (folder / "out.jsonl").exists()
    _write(folder, SCENE)
    assert main(["--folder", str(folder), "--scenes", str(folder / "none" / "out.jsonl")]) == 1
    assert "give a file that can be written" in capsys.readouterr().err
    with pytest.raises(CorpusInvalid, match="has no files"):
        read_scenes(folder / "scenes")


def test_the_projects_own_scenes_are_sound_and_train_nothing(tmp_path: Path) -> None:
    scenes = read_scenes().scenes
    assert len(scenes) >= 140
    assert {kind for scene in scenes for kind in scene.kinds} == set(KINDS)
    said = {turn.text for scene in scenes for turn in scene.spoken}
    items = read_corpus().items
    assert not said & {item.text for item in items if len(item.text.split()) >= 5}
    assert not any(item.file.startswith("scenes/") for item in items)
    out = tmp_path / "scenes.jsonl"
    out.write_text("".join(json.dumps(row) + "\n" for row in rows_of(scenes)), "utf-8")
    assert len(read_rows([out])) == sum(len(scene.spoken) for scene in scenes)


def test_talks_are_apart_from_scenes_and_items() -> None:
    talks = read_scenes(name="talks").scenes
    assert len(talks) >= 380
    said = {turn.text for talk in talks for turn in talk.spoken if len(turn.text.split()) >= 5}
    assert not said & {turn.text for scene in read_scenes().scenes for turn in scene.spoken}
    assert not said & {item.text for item in read_corpus().items}


def test_the_data_card_counts_what_is_there() -> None:
    card = (FOLDER / "README.md").read_text("utf-8").splitlines()
    told = counted(read_scenes().scenes).split("| signal |")[0].splitlines()
    assert set(told) <= set(card)
