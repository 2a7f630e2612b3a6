"""What the gate holds: frames, the texts in them, and what is known of each choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from guard.turns.contract import Passage

__all__ = [
    "AUDIO",
    "GONE",
    "WHOLE",
    "Choice",
    "Edited",
    "Frame",
    "Out",
    "Piece",
    "Speak",
    "Ticket",
    "Track",
    "bridge",
    "clear",
    "edited",
    "limit",
]

WHOLE: Final = frozenset({"tool", "structured"})
"""Channels that leave whole or not at all."""

AUDIO: Final = "audio"
"""The channel of sound: without a text of its own, it leaves once all that its choice says was judged."""


class Piece(NamedTuple):
    """Text in a frame. ``slot`` tells apart what runs beside each other in one channel (tool calls, fields). ``place``:
    which entry of the frame it stands in, -1 for none. ``apart``: it is judged as it comes, without waiting for the end of
    a sentence, and once as long as it stays the same."""

    choice: int
    channel: str
    text: str
    slot: str = ""
    place: int = 0
    apart: bool = False


class Speak(NamedTuple):
    """Words of our own, with a blank line before them where content stands before them. ``finish``: the choice ends with
    them, for this reason. ``structured``: they belong into ``refusal``. ``opens``: nothing of it has left before."""

    choice: int
    text: str
    finish: str | None = None
    structured: bool = False
    opens: bool = True


class Edited(NamedTuple):
    """A frame that may no longer leave as it is. ``texts``: what each of its pieces may say, in their order.
    ``gone``: choices of which nothing of this frame leaves. ``no_tools``: choices whose tool calls do not leave.
    ``unfinished``: choices whose finish reason does not leave with this frame."""

    body: Any
    texts: tuple[str, ...]
    gone: frozenset[int] = frozenset()
    no_tools: frozenset[int] = frozenset()
    unfinished: frozenset[int] = frozenset()


Out = bytes | Speak | Edited


@dataclass(slots=True)
class Track:
    """One run of text: what one slot of a channel says. Positions are characters from its start."""

    choice: int
    channel: str
    seen: int = 0
    asked: int = 0
    cleared: int = 0
    floor: int = 0  # what was cleared before the choice was held
    keep: int = 0  # what stays, once the choice is done
    open: list[str] = field(default_factory=list)
    open_size: int = 0
    tail: str = ""
    edits: list[tuple[int, int, str]] = field(default_factory=list)
    last: tuple[str, int, int] | None = None  # the newest value of a slot that stands apart, and where it lies
    values: int = 0
    plain: int = 0  # how much of it, from its start, is also the start of what its choice says


@dataclass(slots=True)
class Choice:
    """What is known of one choice."""

    held: bool
    finish: str | None = None
    finished: bool = False
    once: bool = False  # the upstream has ended it, whether or not it went on after that
    cut: bool = False
    asked_end: bool = False
    stale: bool = False  # more came while its end was judged
    settled: bool = False  # its end was judged
    words: str | None = None  # the completion
    appended: bool = False
    begun: bool = False  # a frame of it has left
    gone: bool = False  # its end has left
    done: bool = False  # completed: nothing more of the upstream's is taken
    no_tools: bool = False
    structured: bool = False
    whole: bool = False  # it has a tool call or a structured output
    sounds: bool = False  # it has sound
    size: int = 0
    said: int = 0  # characters of ``text``
    text: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    current: Track | None = None  # what spoke last, reasoning aside
    turns: int = 0
    last: str = ""  # the last two characters of the content that has left
    tracks: list[Track] = field(default_factory=list)


@dataclass(slots=True)
class Frame:
    """A frame in the queue; ``spans``: where each of its texts lies in its track. With ``speak`` it is words of ours."""

    raw: bytes
    body: Any
    spans: tuple[tuple[Track, int, int, str], ...]
    choices: frozenset[int]
    finishes: set[int]
    whole: frozenset[int] = frozenset()  # choices whose tool calls or structured output it carries
    sounds: frozenset[int] = frozenset()  # choices whose sound it carries
    gone: set[int] = field(default_factory=set)  # choices of which nothing of this frame leaves
    mute: set[int] = field(default_factory=set)  # choices of which only kept text leaves
    late: set[int] = field(default_factory=set)  # choices whose finish leaves behind words of ours
    speak: Speak | None = None


class Ticket(NamedTuple):
    """A passage that waits for its verdict."""

    passage: Passage
    track: Track
    start: int
    end: int


GONE: Final = Track(-1, "")
"""Where texts lie of which nothing leaves."""


def limit(choice: Choice, track: Track) -> int:
    """How much of a track stays if the choice is completed now."""
    if track.channel in WHOLE:
        return 0
    return track.floor if choice.held else track.cleared


def clear(choice: Choice) -> bool:
    """Whether every passage so far has its verdict."""
    return all(track.cleared >= track.seen for track in choice.tracks)


def edited(track: Track, start: int, end: int, text: str) -> str:
    """``text``, which lies from ``start`` to ``end`` of its track, with the track's edits."""
    parts = []
    at = start
    for edit_start, edit_end, words in track.edits:
        if edit_end <= start or edit_start >= end:
            continue
        if edit_start > at:
            parts.append(text[at - start : edit_start - start])
        if start <= edit_start < end:
            parts.append(words)
        at = max(at, min(edit_end, end))
    parts.append(text[at - start :])
    return "".join(parts)


def bridge(track: Track, start: int, words: str) -> str:
    """The words in place of what is withheld from ``start`` on: one bridge for a run of sentences, none that stands there
    already."""
    follows = bool(track.edits) and track.edits[-1][1] == start
    return "" if follows or any(words == before for _, _, before in track.edits) else words
