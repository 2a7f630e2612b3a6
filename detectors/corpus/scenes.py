"""Scenes: whole conversations, labelled turn by turn, to evaluate sessions. Nothing is trained or tuned on them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from detectors.contract import Speaker
from detectors.corpus.errors import CorpusInvalid, Fault, LabelFault
from detectors.corpus.labels import Labels, Mark, labels_of, marks_of, spoken_of
from detectors.corpus.reading import FOLDER, numbered_lines, read_voices
from detectors.signals import Side

__all__ = ["KINDS", "Scene", "SceneTurn", "Scenes", "counted", "read_scenes", "rows_of"]

KINDS: Final[Mapping[str, str]] = {
    "slow": "risk builds up over the turns",
    "gay": "begins in good spirits",
    "hidden": "denied or kept back before it is said",
    "retracted": "said and taken back",
    "veiled": "never said outright",
    "cover": "said first through a story, a game or somebody else",
    "benign": "no risk in any turn",
    "hard": "benign, in words that look like risk",
}
"""What a scene can be. Every scene is of one kind at least."""

_SPOKEN: Final = ("risk.*", "warning.*", "violence.*", "abuse.*", "concern.*")
_CUES: Final = ("risk.", "violence.", "abuse.", "concern.")
_ID: Final = r"[a-z0-9][a-z0-9-]*"
_HEAD: Final = re.compile(rf"==\s*({_ID})\s*\(\s*({_ID})\s*,\s*({_ID})\s*,\s*([a-z ]+?)\s*\)\s*(?::\s*(.*))?")
_TURN: Final = re.compile(r"([UB])\s*(?:\[([^\]]*)\])?\s*:\s*(\S.*)")
_SPEAKERS: Final = {"U": Speaker.USER, "B": Speaker.ASSISTANT}
_FEWEST: Final = 6
_MOST: Final = 16
_RECENT: Final = 6


@dataclass(frozen=True, slots=True)
class SceneTurn:
    """One turn. ``labels``: of a person's turn, read with the turns before it; ``None`` on the chatbot's."""

    speaker: Speaker
    text: str
    labels: Labels | None
    line: int

    @property
    def is_cue(self) -> bool:
        """Whether a risk, violence, abuse or concern for somebody is known to be there."""
        return self.labels is not None and any(
            value >= 0.5 for name, value in self.labels.values.items() if name.startswith(_CUES)
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """One conversation, 6 to 16 turns that alternate and end with the person's.

    ``voice``: the person, ``manner``: the chatbot. ``kinds``: some of :data:`KINDS`. ``file`` is relative to the corpus.
    """

    id: str
    voice: str
    manner: str
    kinds: tuple[str, ...]
    turns: tuple[SceneTurn, ...]
    file: str
    line: int

    @property
    def benign(self) -> bool:
        """Whether no turn carries a risk."""
        return "benign" in self.kinds or "hard" in self.kinds

    @property
    def spoken(self) -> tuple[SceneTurn, ...]:
        """The person's turns."""
        return tuple(turn for turn in self.turns if turn.labels is not None)


@dataclass(frozen=True, slots=True)
class Scenes:
    """All scenes in the order of files and lines. ``voices``: who each id is, manners of chatbots among them."""

    scenes: tuple[Scene, ...]
    voices: Mapping[str, str]


def read_scenes(folder: Path = FOLDER, name: str = "scenes") -> Scenes:
    """The scenes under ``folder/scenes``, or the talks under ``folder/talks`` that a forecast is fitted on. Raises
    :class:`CorpusInvalid` with every line at fault."""
    faults: list[Fault] = []
    paths = sorted((folder / name).glob("*.txt"))
    people = read_voices([path for path in paths if path.name.startswith("voices")], folder, faults)
    manners = read_voices([path for path in paths if path.name.startswith("manners")], folder, faults)
    places: dict[str, str] = {}
    scenes: list[Scene] = []
    for path in paths:
        if not path.name.startswith(("voices", "manners")):
            scenes.extend(_File(path, folder, people, manners, places, faults).read())
    if not paths:
        faults.append(Fault(name, 0, f"has no files; write some in {folder}/{name}, as FORMAT.md says"))
    if faults:
        raise CorpusInvalid(faults)
    return Scenes(tuple(scenes), {**people, **manners})


def rows_of(scenes: Iterable[Scene]) -> Iterator[dict[str, Any]]:
    """A row for ``handrail eval`` for each of the person's turns, with all turns before it.

    ``turn`` counts the person's turns from 1. Rows are benign in benign scenes, where distress is below .5, no warning sign
    is there and no risk is left open. Rows of other scenes are not, so that no turn beside a risk counts as a false alarm.
    """
    for scene in scenes:
        messages: list[dict[str, str]] = []
        count = 0
        for turn in scene.turns:
            messages.append({"role": turn.speaker.value, "content": turn.text})
            if turn.labels is None:
                continue
            count += 1
            row: dict[str, Any] = {
                "id": f"{scene.id}/{count}",
                "conversation": scene.id,
                "turn": count,
                "messages": list(messages),
                "labels": _graded(turn.labels),
                "slices": [f"scene: {kind}" for kind in scene.kinds] + [f"chatbot: {scene.manner}"],
                "benign": scene.benign and _calm(turn.labels),
            }
            if turn.labels.asked is not None:
                row["question"] = turn.labels.asked
            yield row


def counted(scenes: Sequence[Scene]) -> str:
    """The counts as Markdown, for the data card."""
    kinds = Counter(kind for scene in scenes for kind in scene.kinds)
    there = Counter(
        name
        for scene in scenes
        for name in {
            name for turn in scene.spoken if turn.labels for name, value in turn.labels.values.items() if value >= 0.5
        }
    )
    turns = Counter(
        name for scene in scenes for turn in scene.spoken if turn.labels
        for name, value in turn.labels.values.items() if value >= 0.5 and name != "distress"
    )  # fmt: skip
    lines = ["| | scenes | turns | the person's | voices |", "|---|---|---|---|---|"]
    for name, own in (
        ("with risk", [scene for scene in scenes if not scene.benign]),
        ("benign", [scene for scene in scenes if scene.benign]),
    ):
        lines.append(
            f"| {name} | {len(own)} | {sum(len(scene.turns) for scene in own):,} | "
            f"{sum(len(scene.spoken) for scene in own):,} | {len({scene.voice for scene in own})} |"
        )
    lines += ["", "| kind | | scenes |", "|---|---|---|"]
    lines += [f"| {kind} | {meaning} | {kinds[kind]} |" for kind, meaning in KINDS.items() if kinds[kind]]
    lines += ["", "| signal | scenes | turns |", "|---|---|---|"]
    lines += [f"| `{name}` | {there[name]} | {turns[name]} |" for name in sorted(turns)]
    return "\n".join(lines)


def _calm(labels: Labels) -> bool:
    """Whether nothing is to be done: no risk is left open, no warning sign is there, and distress is low."""
    known = spoken_of(Side.USER, _SPOKEN) <= labels.values.keys()
    named = ("distress", "warning.", "answer.affirm")
    return known and all(value < 0.5 for name, value in labels.values.items() if name.startswith(named))


def _graded(labels: Labels) -> dict[str, float]:
    """The values, and the level from 0 to 6 where it is known."""
    values = dict(labels.values)
    if labels.recency is not None and labels.recency != "earlier":
        values["risk.suicide_level"] = float(_RECENT)
    elif labels.level is not None:
        values["risk.suicide_level"] = float(labels.level)
    elif values.get("risk.suicide") == 0.0:
        values["risk.suicide_level"] = 0.0
    return values


class _File:
    """One file of scenes, read line by line."""

    def __init__(
        self,
        path: Path,
        folder: Path,
        people: Mapping[str, str],
        manners: Mapping[str, str],
        places: dict[str, str],
        faults: list[Fault],
    ) -> None:
        self._path, self._folder, self._faults = path, folder, faults
        self._name = str(path.relative_to(folder))
        self._people, self._manners, self._places = people, manners, places
        self._spoken = spoken_of(Side.USER, _SPOKEN)
        self._head: tuple[str, str, str, tuple[str, ...]] | None = None
        self._opened = 0
        self._marks: dict[str, Mark] | None = None  # None: the head could not be read
        self._turns: list[SceneTurn] = []

    def read(self) -> Iterator[Scene]:
        began = False
        for number, line in numbered_lines(self._path, self._folder, self._faults):
            try:
                if line.startswith("=="):
                    yield from self._close()
                    began = True
                    self._open(number, line)
                elif self._marks is not None or not began:
                    self._turns.append(self._turn(number, line))
            except LabelFault as error:
                self._fault(number, str(error))
                self._head = None
        yield from self._close()
        if not began:
            self._fault(1, "has no scene; open one with '== id (voice, manner, kinds): labels'")

    def _fault(self, number: int, problem: str) -> None:
        self._faults.append(Fault(self._name, number, problem))

    def _open(self, number: int, line: str) -> None:
        match = _HEAD.fullmatch(line)
        self._head, self._marks, self._turns, self._opened = None, None, [], number
        if match is None:
            raise LabelFault(
                "is no scene; write '== id (voice, manner, kinds): labels', ids in lower case, digits and hyphens"
            )
        scene, voice, manner, words, labels = match.groups()
        there = self._places.setdefault(scene, f"{self._name}:{number}")
        if there != f"{self._name}:{number}":
            raise LabelFault(f"the scene {scene!r} stands in {there} already; give it another id")
        for who, known, what in ((voice, self._people, "voices"), (manner, self._manners, "manners")):
            if who not in known:
                raise LabelFault(f"nobody is called {who!r}; add a line '{who}: who' to a {what} file of this folder")
        kinds = tuple(words.split())
        for kind in kinds:
            if kind not in KINDS:
                raise LabelFault(f"there is no kind {kind!r}; write some of {', '.join(KINDS)}")
        self._marks = marks_of(labels or "", Side.USER)
        self._head = (scene, voice, manner, kinds)

    def _turn(self, number: int, line: str) -> SceneTurn:
        if not self._opened:
            raise LabelFault("stands before the first scene; open one with '== id (voice, manner, kinds): labels'")
        match = _TURN.fullmatch(line)
        if match is None:
            raise LabelFault("is no turn; write 'U [labels]: text' or 'B: text'")
        who, changes, text = match.groups()
        speaker = _SPEAKERS[who]
        if self._turns and self._turns[-1].speaker is speaker:
            raise LabelFault("the same speaker has the turn before; person and chatbot alternate, so join the two lines")
        if speaker is Speaker.ASSISTANT:
            if changes is not None:
                raise LabelFault("labels stand on the person's turns alone; take them from the chatbot's")
            return SceneTurn(speaker, text, None, number)
        if changes is None:
            raise LabelFault("a person's turn has its labels: 'U [distress=.3]: text', and what is not named is 0")
        labels = labels_of(marks_of(changes, Side.USER, changing=self._marks or {}), Side.USER, self._spoken)
        if "distress" not in labels.values:
            raise LabelFault("a person's turn says its distress, .0 to 1.0, here or in the scene's labels")
        return SceneTurn(speaker, text, labels, number)

    def _close(self) -> Iterator[Scene]:
        """The scene that was open, where nothing in it was at fault."""
        if self._head is None:
            return
        scene = Scene(*self._head, tuple(self._turns), self._name, self._opened)
        self._head = None
        cue = next((turn for turn in scene.turns if turn.is_cue), None)
        if not _FEWEST <= len(scene.turns) <= _MOST:
            self._fault(self._opened, f"the scene has {len(scene.turns)} turns; write {_FEWEST} to {_MOST}")
        elif scene.turns[-1].speaker is not Speaker.USER:
            self._fault(scene.turns[-1].line, "the last turn is the chatbot's; end with a person's, or take it out")
        elif scene.benign and cue is not None:
            self._fault(cue.line, "a turn of a benign scene carries a risk; change its labels or the scene's kind")
        elif not scene.benign and cue is None:
            self._fault(self._opened, "no turn carries a risk; label it, or call the scene benign")
        else:
            yield scene
