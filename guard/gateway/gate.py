"""The gate: raw frames and their text side by side, released as verdicts come in. No bytes are read or written here.

A frame leaves only when it stands first and everything in it may leave. What leaves is the upstream's own until the first
intervention; from there each frame leaves as an :class:`Edited` that the protocol's adapter writes.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from detectors.sentences import LONGEST, boundaries
from guard.gateway.errors import UpstreamFailed
from guard.turns.contract import Ending, Passage, Reply, Verdict, VerdictKind

__all__ = ["Edited", "Gate", "Out", "Piece", "Speak", "Ticket"]

_TERMINATOR: Final = re.compile(r"[.!?…。！？｡؟۔।\n]")
_TAIL: Final = 600  # characters of a channel's past that go with a passage
_WHOLE: Final = frozenset({"tool", "structured"})


class Piece(NamedTuple):
    """Text in a frame. ``slot`` tells apart what runs beside each other in one channel (tool calls, fields)."""

    choice: int
    channel: str
    text: str
    slot: str = ""


class Speak(NamedTuple):
    """Words of our own. ``ends``: the choice's reply ends with them. ``structured``: they belong into ``refusal``.
    ``spaced``: something of this reply has left before that does not end in white space. ``opens``: nothing of this choice
    has left before."""

    choice: int
    text: str
    ends: bool
    structured: bool
    spaced: bool
    opens: bool = True


class Edited(NamedTuple):
    """A frame that may no longer leave as it is. ``texts``: what each of its pieces may say, in their order.
    ``gone``: choices of which nothing more leaves. ``no_tools``: choices whose tool calls were dropped."""

    body: Any
    texts: tuple[str, ...]
    gone: frozenset[int]
    no_tools: frozenset[int]


Out = bytes | Speak | Edited


@dataclass(slots=True)
class _Track:
    choice: int
    channel: str
    seen: int = 0
    asked: int = 0
    cleared: int = 0
    open: list[str] = field(default_factory=list)
    open_size: int = 0
    tail: str = ""
    edits: list[tuple[int, int, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Choice:
    held: bool
    finish: str | None = None
    finished: bool = False
    cut: bool = False
    asked_end: bool = False
    settled: bool = False  # its end was judged
    spoken: bool = False  # the completion has left
    words: str = ""  # the completion
    begun: bool = False  # a frame of it has left
    done: bool = False  # completed: nothing of the upstream's leaves any more
    no_tools: bool = False
    structured: bool = False
    text: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    tracks: list[_Track] = field(default_factory=list)


@dataclass(slots=True)
class _Frame:
    raw: bytes
    body: Any
    spans: tuple[tuple[_Track, int, int, str], ...]
    choices: frozenset[int]
    finishes: frozenset[int]
    speak: Speak | None = None


class Ticket(NamedTuple):
    """A passage that waits for its verdict."""

    passage: Passage
    track: _Track
    start: int
    end: int


class Gate:
    """One reply's gate. ``whole``: every choice is held until its end was judged. ``decode`` turns the joined text of a
    tool call or a structured output into what is to be judged."""

    def __init__(self, *, whole: bool, decode: Callable[[str], str]) -> None:
        self._whole = whole
        self._decode = decode
        self._frames: deque[_Frame] = deque()
        self._choices: dict[int, _Choice] = {}
        self._tracks: dict[tuple[int, str, str], _Track] = {}
        self._ready: list[Ticket] = []
        self._rewriting = False
        self._closed = False
        self.held_bytes = 0

    # ---- in

    def push(
        self,
        raw: bytes,
        body: Any = None,
        pieces: Iterable[Piece] = (),
        choices: Iterable[int] = (),
        finishes: Iterable[tuple[int, str]] = (),
    ) -> None:
        """A frame of the upstream's. ``choices``: all that it mentions. ``finishes``: those that it ends, and why."""
        spans = []
        for piece in pieces:
            choice = self._choice(piece.choice)
            if choice.done:
                # Its place is kept, so that texts and pieces stay in step.
                spans.append((_GONE, 0, 0, ""))
                continue
            track = self._track(piece)
            start = track.seen
            track.seen += len(piece.text)
            spans.append((track, start, track.seen, piece.text))
            if piece.channel in ("content", "refusal", "structured"):
                choice.text.append(piece.text)
            track.open.append(piece.text)
            track.open_size += len(piece.text)
            if piece.channel not in _WHOLE and (track.open_size > LONGEST or _TERMINATOR.search(piece.text)):
                self._cut(track)
        ended = dict(finishes)
        mentioned = frozenset(choices) | frozenset(ended)
        self._frames.append(_Frame(raw, body, tuple(spans), mentioned, frozenset(ended)))
        self.held_bytes += len(raw)
        for index in mentioned:
            self._choice(index)
        for index, reason in ended.items():
            self._finish(index, reason, cut=False)

    def close(self, *, cut: bool = False) -> None:
        """Nothing more comes from the upstream. ``cut``: it broke off."""
        if self._closed:
            return
        self._closed = True
        for index, choice in self._choices.items():
            if not choice.finished:
                self._finish(index, None, cut=cut)
            for track in choice.tracks:
                self._flush(track)

    def flush(self) -> None:
        """Asks about open sentences as they stand: more is held than may wait for their ends."""
        for track in self._tracks.values():
            if track.channel not in _WHOLE:
                self._flush(track)

    def verdict(self, ticket: Ticket, verdict: Verdict) -> None:
        """The verdict on a passage. Verdicts of one choice come in the order of its passages."""
        track, kind = ticket.track, verdict.kind
        choice = self._choices[track.choice]
        if choice.done:
            return
        if kind is VerdictKind.COMPLETE or (kind is VerdictKind.TRIM and track.channel == "structured"):
            self._complete(track.choice, verdict.text)
            return
        if kind is VerdictKind.TRIM:
            if track.channel == "tool":
                choice.no_tools = True
                track.edits.append((ticket.start, ticket.end, ""))
                if verdict.text:
                    self._insert(track.choice, verdict.text, ends=False)
            else:
                text = verdict.text
                if text and ticket.passage.text[:1].isspace():
                    text = " " + text
                track.edits.append((ticket.start, ticket.end, text))
        elif kind is VerdictKind.HOLD and not choice.settled:
            choice.held = True
        track.cleared = ticket.end

    def ended(self, index: int, ending: Ending) -> None:
        """The verdict on a choice's end."""
        choice = self._choices[index]
        choice.settled = True
        choice.held = False
        if choice.done:
            return
        if ending.complete is not None:
            self._complete(index, ending.complete)
        elif ending.append is not None:
            self._insert(index, ending.append, ends=False)

    # ---- out

    def passages(self) -> list[Ticket]:
        """The passages that became ready to be judged."""
        ready, self._ready = self._ready, []
        return [ticket for ticket in ready if not self._choices[ticket.track.choice].done]

    def endings(self) -> list[Reply]:
        """The choices whose end is now to be judged: finished, with a verdict on every passage."""
        out = []
        for index, choice in self._choices.items():
            if choice.finished and not choice.asked_end and (choice.done or _clear(choice)):
                choice.asked_end = True
                if choice.done:
                    # What was said in the end, so that it is known again in history; nothing is to be added to it.
                    said = "".join(choice.released)
                    if not choice.spoken:
                        said = f"{said}\n\n{choice.words}" if said and not said[-1].isspace() else said + choice.words
                    out.append(Reply(index, said, said, "stop", cut=True))
                    continue
                out.append(Reply(index, "".join(choice.text), "".join(choice.released), choice.finish, choice.cut))
        return out

    def release(self) -> list[Out]:
        """What may leave now, in order."""
        out: list[Out] = []
        frames = self._frames
        while frames and self._free(frames[0]):
            frame = frames.popleft()
            self.held_bytes -= len(frame.raw)
            if frame.speak is not None:
                self._rewriting = True
                choice = self._choices[frame.speak.choice]
                released = choice.released
                spaced = bool(released) and not released[-1][-1:].isspace()
                out.append(frame.speak._replace(spaced=spaced, opens=not choice.begun))
                choice.begun = True
                released.append(f"\n\n{frame.speak.text}" if spaced else frame.speak.text)
                choice.spoken = choice.spoken or frame.speak.ends
                continue
            if not self._rewriting and self._touched(frame):
                self._rewriting = True
            texts = []
            for track, start, end, text in frame.spans:
                if track.edits:
                    text = _edited(track, start, end, text)
                if track is not _GONE and not self._choices[track.choice].done:
                    texts.append(text)
                    if text and track.channel in ("content", "refusal", "structured"):
                        self._choices[track.choice].released.append(text)
                else:
                    texts.append("")
            for index in frame.choices:
                choice = self._choices[index]
                choice.begun = choice.begun or not choice.done
            if not self._rewriting:
                out.append(frame.raw)
                continue
            gone = frozenset(index for index in frame.choices if self._choices[index].done)
            bare = frozenset(index for index in frame.choices if self._choices[index].no_tools)
            out.append(Edited(frame.body, tuple(texts), gone, bare))
        return out

    @property
    def blocked(self) -> bool:
        """Something is held until its choice ends, so that more bytes, and no verdict, are what the gate waits for."""
        return any(
            not choice.settled and not choice.done
            and (choice.held or any(track.channel in _WHOLE and track.seen for track in choice.tracks))
            for choice in self._choices.values()
        )  # fmt: skip

    @property
    def cuttable(self) -> bool:
        """The reply can be ended early: no tool call and no structured output would be broken."""
        return not any(track.channel in _WHOLE and track.seen for track in self._tracks.values())

    @property
    def open_choices(self) -> list[int]:
        """Choices that neither the upstream nor a completion has ended."""
        return [index for index, choice in self._choices.items() if not choice.finished and not choice.done]

    @property
    def touched(self) -> bool:
        """An intervention has left, so bytes are no longer the upstream's."""
        return self._rewriting

    def completed(self, choices: int) -> bool:
        """All of ``choices`` choices were completed by us: the upstream has nothing more to say."""
        return sum(choice.done for choice in self._choices.values()) >= choices

    @property
    def closed(self) -> bool:
        """The upstream has nothing more to say."""
        return self._closed

    @property
    def started(self) -> bool:
        """The upstream has begun a choice."""
        return bool(self._choices)

    @property
    def empty(self) -> bool:
        """Nothing is held."""
        return not self._frames

    def judged(self) -> bool:
        """Every choice's end was judged."""
        return all(choice.settled or choice.done for choice in self._choices.values())

    # ---- inside

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(held=self._whole)
        return choice

    def _track(self, piece: Piece) -> _Track:
        key = (piece.choice, piece.channel, piece.slot)
        track = self._tracks.get(key)
        if track is None:
            if len(self._tracks) >= 4096:
                raise UpstreamFailed("the chatbot sent more separate texts than a reply can have", reason="too_many_parts")
            track = self._tracks[key] = _Track(piece.choice, piece.channel)
            choice = self._choices[piece.choice]
            choice.tracks.append(track)
            choice.structured = choice.structured or piece.channel == "structured"
        return track

    def _cut(self, track: _Track) -> None:
        text = "".join(track.open)
        start = 0
        for end in boundaries(text):
            self._ask(track, text[start:end])
            start = end
        track.open = [text[start:]] if start < len(text) else []
        track.open_size = len(text) - start

    def _flush(self, track: _Track) -> None:
        if not track.open_size:
            track.open = []
            return
        text = "".join(track.open)
        track.open, track.open_size = [], 0
        self._ask(track, text, self._decode(text) if track.channel in _WHOLE else text)

    def _ask(self, track: _Track, text: str, judged: str | None = None) -> None:
        words = text if judged is None else judged
        passage = Passage(track.choice, track.channel, words, track.tail, track.asked == 0)
        start = track.asked
        track.asked += len(text)
        track.tail = (track.tail + words)[-_TAIL:]
        self._ready.append(Ticket(passage, track, start, track.asked))

    def _finish(self, index: int, reason: str | None, *, cut: bool) -> None:
        choice = self._choice(index)
        for track in choice.tracks:
            self._flush(track)
        if not choice.finished:
            choice.finished, choice.finish, choice.cut = True, reason, cut

    def _free(self, frame: _Frame) -> bool:
        for index in frame.choices:
            choice = self._choices[index]
            if not choice.done and (choice.held or (index in frame.finishes and not choice.settled)):
                return False
        return all(track.cleared >= end or self._done(track) for track, _, end, _ in frame.spans)

    def _done(self, track: _Track) -> bool:
        return track is _GONE or self._choices[track.choice].done

    def _touched(self, frame: _Frame) -> bool:
        for index in frame.choices:
            choice = self._choices[index]
            if choice.done or choice.no_tools:
                return True
        return any(
            edit_start < end and start < edit_end
            for track, start, end, _ in frame.spans
            for edit_start, edit_end, _ in track.edits
        )

    def _complete(self, index: int, text: str) -> None:
        self._insert(index, text, ends=True)
        choice = self._choices[index]
        choice.done, choice.words = True, text
        choice.held = False

    def _insert(self, index: int, text: str, *, ends: bool) -> None:
        choice = self._choices[index]
        at = len(self._frames)
        for place, frame in enumerate(self._frames):
            if index in frame.choices and (ends or index in frame.finishes):
                at = place
                break
        speak = Speak(index, text, ends, choice.structured, False)
        self._frames.insert(at, _Frame(b"", None, (), frozenset((index,)), frozenset(), speak=speak))


_GONE: Final = _Track(-1, "")


def _clear(choice: _Choice) -> bool:
    return all(track.cleared >= track.seen for track in choice.tracks)


def _edited(track: _Track, start: int, end: int, text: str) -> str:
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
