"""Reads the corpus as FORMAT.md writes it down, and refuses what does not follow it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detectors.contract import Speaker, Utterance
from detectors.corpus.errors import CorpusInvalid, Fault, LabelFault
from detectors.corpus.labels import Labels, Mark, labels_of, marks_of, spoken_of
from detectors.signals import Side

__all__ = ["FOLDER", "Corpus", "CorpusItem", "numbered_lines", "read_corpus", "read_voices"]

FOLDER: Final = Path(__file__).parent
"""Where the corpus lies."""

_SIDES: Final = {"user": (Side.USER, "voices"), "reply": (Side.REPLY, "manners")}
_ID: Final = r"[a-z0-9][a-z0-9-]*"
_VOICE: Final = re.compile(rf"({_ID}):\s*(\S.*)")
_SITUATION: Final = re.compile(rf"==\s*({_ID})\s*(?::\s*(.*))?")
_ITEM: Final = re.compile(rf"({_ID})\s*(?:\[([^\]]*)\])?\s*:\s*(\S.*)")
_BAR: Final = re.compile(r"(?<!\\)\|")
_SPEAKERS: Final = {"U>": Speaker.USER, "B>": Speaker.ASSISTANT}


@dataclass(frozen=True, slots=True)
class CorpusItem:
    """One text with its labels.

    ``context``: the turns before it, oldest first. ``voice``: who writes (a person's voice or a chatbot's manner).
    ``file`` is relative to the corpus; ``line`` counts from 1.
    """

    side: Side
    situation: str
    voice: str
    text: str
    context: tuple[Utterance, ...]
    labels: Labels
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Corpus:
    """All items in the order of files and lines. ``voices``: who each id is, manners of chatbots among them."""

    items: tuple[CorpusItem, ...]
    voices: Mapping[str, str]


def read_corpus(folder: Path = FOLDER, *, only: Sequence[Path] | None = None) -> Corpus:
    """The corpus under ``folder``. ``only``: these item files alone, with all voices.

    Raises :class:`CorpusInvalid` with every line at fault.
    """
    voices: dict[str, str] = {}
    items: list[CorpusItem] = []
    chosen = None if only is None else {path.resolve() for path in only}
    faults = [
        Fault(str(path), 0, f"is no file of the corpus; give one in {folder}/user or {folder}/reply")
        for path in sorted(chosen or ())
        if not path.is_file() or path.parent.parent != folder.resolve() or path.parent.name not in _SIDES
    ]
    places: dict[str, str] = {}
    for name, (side, who) in _SIDES.items():
        paths = sorted((folder / name).glob("*.txt"))
        own = read_voices([path for path in paths if path.name.startswith(who)], folder, faults)
        voices.update(own)
        for path in paths:
            if path.name.startswith(who) or (chosen is not None and path.resolve() not in chosen):
                continue
            items.extend(_File(side, path, folder, own, places, faults).read())
    if faults:
        raise CorpusInvalid(faults)
    return Corpus(tuple(items), voices)


def numbered_lines(path: Path, folder: Path, faults: list[Fault]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without comments and empty ones."""
    name = str(path.relative_to(folder))
    for number, raw in enumerate(path.read_bytes().split(b"\n"), 1):
        try:
            line = raw.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            faults.append(Fault(name, number, f"byte {error.start + 1} is not UTF-8; save the file as UTF-8"))
            continue
        if line and not line.startswith("#"):
            yield number, line


def read_voices(paths: Sequence[Path], folder: Path, faults: list[Fault]) -> dict[str, str]:
    """Who each id of these files is. What cannot be read is added to ``faults``."""
    found: dict[str, str] = {}
    for path in paths:
        name = str(path.relative_to(folder))
        for number, line in numbered_lines(path, folder, faults):
            match = _VOICE.fullmatch(line)
            if match is None:
                faults.append(Fault(name, number, "is no voice; write 'id: who', the id in lower case, digits and hyphens"))
            elif match.group(1) in found:
                faults.append(Fault(name, number, f"the voice {match.group(1)!r} stands here or in another file already"))
            else:
                found[match.group(1)] = match.group(2)
    return found


class _File:
    """One file of situations, read line by line."""

    def __init__(
        self,
        side: Side,
        path: Path,
        folder: Path,
        voices: Mapping[str, str],
        places: dict[str, str],
        faults: list[Fault],
    ) -> None:
        self._side, self._path, self._folder = side, path, folder
        self._name = str(path.relative_to(folder))
        self._voices, self._places, self._faults = voices, places, faults
        self._spoken = spoken_of(side)
        self._situation: str | None = None
        self._opened = 0
        self._count = 0
        self._marks: dict[str, Mark] | None = None  # None: the situation's labels could not be read

    def read(self) -> Iterator[CorpusItem]:
        for number, line in numbered_lines(self._path, self._folder, self._faults):
            try:
                if line.startswith("@"):
                    self._narrow(line)
                elif line.startswith("=="):
                    self._close()
                    self._open(number, line)
                else:
                    item = self._item(number, line)
                    if item is not None:
                        yield item
            except LabelFault as error:
                self._fault(number, str(error))
        if self._situation is None and not self._count:
            self._fault(1, "has no situation; open one with '== id: labels'")
        self._close()

    def _fault(self, number: int, problem: str) -> None:
        self._faults.append(Fault(self._name, number, problem))

    def _narrow(self, line: str) -> None:
        head, _, patterns = line.partition(":")
        if head.split() != ["@speaks", "of"]:
            raise LabelFault("a line that begins with '@' can only be '@speaks of: …'")
        if self._situation is not None:
            raise LabelFault("'@speaks of' stands before a file's first situation")
        self._spoken = spoken_of(self._side, [p for p in re.split(r"[,\s]+", patterns.strip()) if p])

    def _open(self, number: int, line: str) -> None:
        match = _SITUATION.fullmatch(line)
        self._marks = None
        if match is None:
            self._situation, self._count = "", 1
            raise LabelFault("is no situation; write '== id: labels', the id in lower case, digits and hyphens")
        self._situation, self._opened, self._count = match.group(1), number, 0
        there = self._places.setdefault(self._situation, f"{self._name}:{number}")
        if there != f"{self._name}:{number}":
            raise LabelFault(f"the situation {self._situation!r} stands in {there} already; give it another id")
        self._marks = marks_of(match.group(2) or "", self._side)

    def _close(self) -> None:
        if self._situation and not self._count:
            self._fault(self._opened, f"the situation {self._situation!r} has no items; write some or take it out")

    def _item(self, number: int, line: str) -> CorpusItem | None:
        self._count += 1
        if self._situation is None:
            raise LabelFault("stands before the first situation; open one with '== id: labels'")
        match = _ITEM.fullmatch(line)
        if match is None:
            raise LabelFault("is no item; write 'voice: text' or 'voice [changes]: text'")
        voice, changes, body = match.groups()
        if voice not in self._voices:
            who = "voices" if self._side is Side.USER else "manners"
            raise LabelFault(f"nobody is called {voice!r}; add a line '{voice}: who' to a {who} file of this folder")
        turns = self._turns(body)
        if self._marks is None:
            return None  # the situation's line was told already
        marks = marks_of(changes, self._side, changing=self._marks) if changes is not None else self._marks
        labels = labels_of(marks, self._side, self._spoken)
        return CorpusItem(self._side, self._situation, voice, turns[-1].text, tuple(turns[:-1]), labels, self._name, number)

    def _turns(self, body: str) -> list[Utterance]:
        parts = [part.strip().replace(r"\|", "|") for part in _BAR.split(body)]
        if body[:2] not in _SPEAKERS:
            if len(parts) > 1:
                raise LabelFault(r"a bar parts turns, and each begins with 'U>' or 'B>'; a bar inside a text is '\|'")
            if self._side is Side.REPLY:
                raise LabelFault("a reply needs the person's turn before it: 'U> … | B> …'")
            return [Utterance(Speaker.USER, parts[0])]
        turns = []
        for part in parts:
            text = part[2:].strip()
            if part[:2] not in _SPEAKERS or not text:
                raise LabelFault(r"every turn is 'U> text' or 'B> text'; a bar inside a text is '\|'")
            turns.append(Utterance(_SPEAKERS[part[:2]], text))
        last = Speaker.USER if self._side is Side.USER else Speaker.ASSISTANT
        if turns[-1].speaker is not last:
            raise LabelFault(
                "the last turn is the one that is labelled: "
                + ("a person's ('U>') in user/" if self._side is Side.USER else "the chatbot's ('B>') in reply/")
            )
        if self._side is Side.REPLY and not any(turn.speaker is Speaker.USER for turn in turns[:-1]):
            raise LabelFault("a reply needs the person's turn before it: 'U> … | B> …'")
        return turns
