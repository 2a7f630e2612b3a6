"""The gate: raw frames and their text side by side, released as verdicts come in. No bytes are read or written here.

A frame leaves only when it stands first and everything in it may leave. What leaves is the upstream's own until the first
intervention; from there each frame leaves as an :class:`Edited` that the protocol's adapter writes.

What a person gets does not depend on how the text was cut into frames, nor on when verdicts come: a completion stands behind
what was cleared before the passage that called for it, and behind nothing where the choice is held whole.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from detectors.passages import TAIL
from detectors.sentences import LONGEST, boundaries
from guard.gateway.errors import UpstreamFailed
from guard.gateway.held import (
    AUDIO,
    GONE,
    WHOLE,
    Choice,
    Edited,
    Frame,
    Out,
    Piece,
    Speak,
    Ticket,
    Track,
    bridge,
    clear,
    edited,
    limit,
)  # fmt: skip
from guard.turns.contract import Ending, Passage, Reply, Verdict, VerdictKind
from guard.turns.conversation import gap, together

__all__ = ["Edited", "Gate", "Out", "Piece", "Speak", "Ticket"]

_TERMINATOR: Final = re.compile(r"[.!?…。！？｡؟۔।\n]")
_SAID: Final = frozenset({"content", "refusal", "structured"})
_MOST_TRACKS: Final = 4096
_APART: Final = 4  # values of one slot that are judged as they come; what says more than that is read as running text
_TURNS: Final = 4  # changes of channel at which an open sentence is taken as whole
_FRAME_COST: Final = 256  # what a frame takes besides its bytes, at the least


class Gate:
    """One reply's gate. ``whole``: every choice is held until its end was judged. ``decode`` turns the joined text of a
    tool call or a structured output into what is to be judged. ``most``: characters that one choice may say."""

    def __init__(self, *, whole: bool, decode: Callable[[str], str], most: int = 1 << 24) -> None:
        self._whole = whole
        self._decode = decode
        self._most = most
        self._frames: deque[Frame] = deque()
        self._choices: dict[int, Choice] = {}
        self._tracks: dict[tuple[int, str, str], Track] = {}
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
        """A frame of the upstream's. ``choices``: all that it mentions. ``finishes``: those that it ends, and why.
        Raises :class:`UpstreamFailed` for a reply beyond its bounds."""
        spans = []
        whole: frozenset[int] = frozenset()
        sounds: frozenset[int] = frozenset()
        for piece in pieces:
            choice = self._choice(piece.choice)
            if choice.done:
                # Its place is kept, so that texts and pieces stay in step.
                spans.append((GONE, 0, 0, ""))
                continue
            if piece.channel in WHOLE:
                whole |= {piece.choice}
                choice.whole = True
            elif piece.channel == AUDIO:
                sounds |= {piece.choice}
                choice.sounds = True
            spans.append(self._enter(choice, piece))
        ended = dict(finishes)
        mentioned = frozenset(choices).union(ended, whole)
        frame = Frame(raw, body, tuple(spans), mentioned, set(ended), whole, sounds)
        for index in mentioned:
            if self._choice(index).done:
                frame.gone.add(index)
        self._frames.append(frame)
        self.held_bytes += len(raw) + _FRAME_COST
        for index, reason in ended.items():
            self._finish(index, reason, cut=False)

    def close(self, *, cut: bool = False) -> None:
        """Nothing more comes from the upstream. ``cut``: it broke off. Then what may only leave whole does not leave."""
        if self._closed:
            return
        self._closed = True
        for index, choice in self._choices.items():
            if not choice.finished:
                broken = cut and not choice.once
                self._finish(index, None, cut=broken)
                if broken and choice.whole and not choice.done:
                    choice.no_tools = True
                    if choice.structured:
                        self._stop(index)
                        choice.words = ""
            for track in choice.tracks:
                self._flush(track)

    def flush(self) -> None:
        """Asks about open sentences as they stand: more is held than may wait for their ends."""
        for track in self._tracks.values():
            if track.channel not in WHOLE:
                self._flush(track)

    def verdict(self, ticket: Ticket, verdict: Verdict) -> None:
        """The verdict on a passage. Verdicts of one choice come in the order of its passages."""
        track, kind = ticket.track, verdict.kind
        choice = self._choices[track.choice]
        if choice.done:
            return
        words = ticket.passage.text
        # White space before a passage needs no verdict, so it may have left with what stands before it.
        begins = ticket.start if track.channel in WHOLE else ticket.start + len(words) - len(words.lstrip())
        if kind is VerdictKind.COMPLETE or (kind is VerdictKind.TRIM and track.channel == "structured"):
            track.cleared = begins
            self._complete(track.choice, verdict.text)
            return
        if kind is VerdictKind.TRIM:
            if track.channel == "tool":
                choice.no_tools = True
                if verdict.text:
                    self._append(track.choice, verdict.text)
            elif begins < ticket.end:
                track.edits.append((begins, ticket.end, bridge(track, ticket.start, verdict.text)))
        elif kind is VerdictKind.HOLD and not choice.settled and not choice.held:
            choice.held = True
            track.cleared = begins
            for each in choice.tracks:
                each.floor = each.cleared
        track.cleared = ticket.end

    def ended(self, index: int, ending: Ending) -> None:
        """The verdict on a choice's end."""
        choice = self._choices[index]
        stale, choice.stale = choice.stale, False
        if choice.done:
            choice.settled = True
            return
        if ending.complete is not None:
            self._complete(index, ending.complete)
        elif stale:
            return
        elif ending.append is not None and not choice.appended:
            choice.appended = True
            self._append(index, ending.append)
        choice.settled = True
        choice.held = False

    def rescue(self, choices: int, text: str, *, structured: bool) -> None:
        """Ends each of ``choices`` choices with ``text``: the upstream failed while the reply was :attr:`silent`.
        ``structured``: a structured output was asked for."""
        for index in range(choices):
            choice = self._choice(index)
            choice.structured = structured
            if not choice.done:
                self._complete(index, text)
        self.close()

    # ---- out

    def passages(self) -> list[Ticket]:
        """The passages that became ready to be judged."""
        ready, self._ready = self._ready, []
        return [ticket for ticket in ready if not self._choices[ticket.track.choice].done]

    def endings(self) -> list[Reply]:
        """The choices whose end is now to be judged: finished, with a verdict on every passage."""
        out = []
        for index, choice in self._choices.items():
            if choice.finished and not choice.asked_end and (choice.done or clear(choice)):
                choice.asked_end = True
                stands = self._stands(index, choice)
                if choice.done:
                    # What was said in the end, so that it is known again in history; nothing is to be added to it.
                    words = choice.words or ""
                    said = together(stands, words) if words else stands
                    out.append(Reply(index, said, said, "stop", cut=True, given="".join(choice.text)))
                    continue
                text, said = "".join(choice.text), self._stands(index, None)
                out.append(Reply(index, text, stands, choice.finish, choice.cut, said))
        return out

    def release(self) -> list[Out]:
        """What may leave now, in order."""
        out: list[Out] = []
        frames = self._frames
        while frames and self._free(frames[0]):
            frame = frames.popleft()
            if frame.speak is not None:
                if (spoken := self._spoken(frame, frame.speak)) is not None:
                    out.append(spoken)
                continue
            self.held_bytes -= len(frame.raw) + _FRAME_COST
            self._rewriting = self._rewriting or self._touched(frame)
            texts = self._texts(frame)
            for (track, _, _, _), text in zip(frame.spans, texts, strict=True):
                if text and track.channel in _SAID:
                    choice = self._choices[track.choice]
                    choice.released.append(text)
                    if track.channel == "content":
                        choice.last = (choice.last + text)[-2:]
            for index in frame.choices:
                if index not in frame.gone:
                    choice = self._choices[index]
                    choice.begun = True
                    choice.gone = choice.gone or (index in frame.finishes and index not in frame.mute)
            if not self._rewriting:
                out.append(frame.raw)
                continue
            bare = frozenset(index for index in frame.choices if self._choices[index].no_tools)
            out.append(
                Edited(frame.body, texts, frozenset(frame.gone), bare | frame.mute, frozenset(frame.late | frame.mute))
            )
        return out

    @property
    def blocked(self) -> bool:
        """Something is held until its choice ends, so that more bytes, and no verdict, are what the gate waits for."""
        return any(
            not choice.settled and not choice.done and (choice.held or choice.whole or choice.sounds)
            for choice in self._choices.values()
        )

    @property
    def cuttable(self) -> bool:
        """The reply can be ended early: no tool call and no structured output would be broken."""
        return not any(choice.whole for choice in self._choices.values())

    @property
    def open_choices(self) -> list[int]:
        """Choices that neither the upstream nor a completion has ended."""
        return [index for index, choice in self._choices.items() if not choice.once and not choice.done]

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
    def silent(self) -> bool:
        """Nobody has said anything that a person can read as the reply, or will if the upstream breaks off now."""
        return not any(
            choice.done or choice.settled or any(part.strip() for part in self._heard(choice))
            for choice in self._choices.values()
        )

    @property
    def empty(self) -> bool:
        """Nothing is held."""
        return not self._frames

    def judged(self) -> bool:
        """Every choice's end was judged."""
        return all(choice.settled or choice.done for choice in self._choices.values())

    # ---- inside

    @staticmethod
    def _heard(choice: Choice) -> list[str]:
        """A structured output leaves whole or not at all, so half of one is nothing."""
        return choice.released if choice.structured else choice.text

    def _choice(self, index: int) -> Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = Choice(held=self._whole)
        return choice

    def _enter(self, choice: Choice, piece: Piece) -> tuple[Track, int, int, str]:
        track, text = self._track(piece), piece.text
        if piece.apart and track.last is not None and track.last[0] == text:
            return track, track.last[1], track.last[2], text
        if choice.size + len(text) > self._most:
            raise UpstreamFailed("the chatbot's reply is longer than the bound", reason="upstream_too_large")
        choice.size += len(text)
        start, track.seen = track.seen, track.seen + len(text)
        if choice.finished and not piece.apart and text.strip():
            self._reopen(choice)
        if piece.channel in _SAID:
            choice.text.append(text)
            if choice.said == start:  # nothing else has spoken yet
                track.plain = track.seen
            choice.said += len(text)
        if piece.channel not in ("reasoning", AUDIO) and choice.current is not track:
            self._turn_to(choice, track)
        track.open.append(text)
        track.open_size += len(text)
        if piece.apart:
            track.last = text, start, track.seen
            track.values += 1
            if track.values <= _APART:
                self._flush(track)
        if piece.channel not in WHOLE and (track.open_size > LONGEST or _TERMINATOR.search(text)):
            self._cut(track)
        return track, start, track.seen, text

    def _turn_to(self, choice: Choice, track: Track) -> None:
        """Another channel speaks now, so that what the one before said is whole: else it would hold up all that follows.
        Not for a reply that jumps to and fro, whose sentences would be judged in shreds."""
        choice.current = track
        choice.turns += 1
        if choice.turns <= _TURNS:
            for each in choice.tracks:
                if each is not track and each.channel not in WHOLE:
                    self._flush(each)

    def _reopen(self, choice: Choice) -> None:
        """The upstream goes on after it has said that it ended: its end is judged once more, with all of it."""
        choice.stale = choice.stale or (choice.asked_end and not choice.settled)
        choice.finished = choice.settled = choice.asked_end = False
        choice.held = self._whole

    def _track(self, piece: Piece) -> Track:
        key = (piece.choice, piece.channel, piece.slot)
        track = self._tracks.get(key)
        if track is None:
            if len(self._tracks) >= _MOST_TRACKS:
                raise UpstreamFailed("the chatbot sent more separate texts than a reply can have", reason="too_many_parts")
            track = self._tracks[key] = Track(piece.choice, piece.channel)
            choice = self._choices[piece.choice]
            choice.tracks.append(track)
            choice.structured = choice.structured or piece.channel == "structured"
        return track

    def _cut(self, track: Track) -> None:
        text = "".join(track.open)
        start = 0
        for end in boundaries(text):
            self._ask(track, text[start:end])
            start = end
        track.open = [text[start:]] if start < len(text) else []
        track.open_size = len(text) - start

    def _flush(self, track: Track) -> None:
        if not track.open_size:
            track.open = []
            return
        text = "".join(track.open)
        track.open, track.open_size = [], 0
        self._ask(track, text, self._decode(text) if track.channel in WHOLE else text)

    def _ask(self, track: Track, text: str, judged: str | None = None) -> None:
        words = text if judged is None else judged
        start = track.asked
        track.asked += len(text)
        at = start if track.channel not in WHOLE and track.asked <= track.plain else None
        passage = Passage(track.choice, track.channel, words, track.tail, start == 0, at)
        track.tail = (track.tail + words)[-TAIL:]
        self._ready.append(Ticket(passage, track, start, track.asked))

    def _finish(self, index: int, reason: str | None, *, cut: bool) -> None:
        choice = self._choice(index)
        for track in choice.tracks:
            self._flush(track)
        if not choice.finished:
            choice.finished, choice.finish, choice.cut = True, reason or choice.finish, cut
            choice.once = choice.once or not cut

    def _free(self, frame: Frame) -> bool:
        for index in frame.choices:
            choice = self._choices[index]
            if choice.done or choice.settled:
                continue
            if choice.held or index in frame.finishes or index in frame.whole or index in frame.sounds:
                return False
        for track, start, end, text in frame.spans:
            if track is GONE:
                continue
            choice = self._choices[track.choice]
            if choice.done:
                continue
            if choice.held or (track.cleared < end and not text[max(0, track.cleared - start) :].isspace()):
                return False
        return True

    def _touched(self, frame: Frame) -> bool:
        if frame.gone or frame.mute or frame.late:
            return True
        for index in frame.choices:
            if self._choices[index].no_tools and (index in frame.whole or index in frame.finishes):
                return True
            if index in frame.sounds and (
                self._choices[index].done or any(one.edits for one in self._choices[index].tracks)
            ):
                return True  # what was withheld in words may sound in any frame before them
        for track, start, end, _ in frame.spans:
            if track is GONE or (end > track.keep and self._choices[track.choice].done):
                return True
            if track.edits and any(edit_start < end and start < edit_end for edit_start, edit_end, _ in track.edits):
                return True
        return False

    def _texts(self, frame: Frame, standing: Choice | None = None) -> tuple[str, ...]:
        """What each piece of a frame may say; of ``standing``, if it were completed now."""
        texts = []
        for track, start, end, text in frame.spans:
            if track is GONE or track.choice in frame.gone:
                texts.append("")
                continue
            choice = self._choices[track.choice]
            if choice.done or choice is standing:
                stays = track.keep if choice.done else limit(choice, track)
                if end > stays:
                    end = max(start, stays)
                    text = text[: end - start]
            texts.append(edited(track, start, end, text) if track.edits else text)
        return tuple(texts)

    def _spoken(self, frame: Frame, speak: Speak) -> Speak | None:
        choice = self._choices[speak.choice]
        if speak.choice in frame.gone or choice.gone:
            return None
        self._rewriting = True
        before = gap(choice.last) if speak.text and not speak.structured else ""
        spoken = speak._replace(text=before + speak.text, opens=not choice.begun)
        choice.begun = True
        choice.gone = speak.finish is not None
        if speak.text:
            choice.released.append(spoken.text)
            choice.last = (choice.last + spoken.text)[-2:]
            if choice.done and speak.finish is not None:
                choice.words = None
        return spoken

    def _stands(self, index: int, completed: Choice | None) -> str:
        """What of the upstream's the person gets: if the choice is ``completed`` now, or if it goes on as it is."""
        parts = list(self._choices[index].released)
        for frame in self._frames:
            if frame.speak is not None or index in frame.gone:
                continue
            for (track, _, _, _), text in zip(frame.spans, self._texts(frame, completed), strict=True):
                if track.choice == index and track.channel in _SAID:
                    parts.append(text)
        return "".join(parts)

    def _stop(self, index: int) -> int:
        """Takes nothing more of a choice but what was cleared; returns the place in the queue behind that."""
        choice = self._choices[index]
        for track in choice.tracks:
            track.keep = limit(choice, track)
        first = last = -1
        for place, frame in enumerate(self._frames):
            if index not in frame.choices:
                continue
            first = place if first < 0 else first
            if frame.speak is None and any(
                track.choice == index and start < track.keep for track, start, _, _ in frame.spans
            ):
                last = place
        for place, frame in enumerate(self._frames):
            if index not in frame.choices:
                continue
            if place > last or frame.speak is not None:
                frame.gone.add(index)
            elif index in frame.finishes or index in frame.whole or index in frame.late:
                frame.mute.add(index)
        choice.done, choice.held = True, False
        if last >= 0:
            return last + 1
        return first if first >= 0 else len(self._frames)

    def _complete(self, index: int, text: str) -> None:
        choice = self._choices[index]
        at = self._stop(index)
        choice.words = "" if choice.gone else text
        if not choice.gone:
            self._insert(at, Speak(index, text, "stop", choice.structured), finishes=True)

    def _append(self, index: int, text: str) -> None:
        """Words of ours at the end of a choice, before its finish."""
        choice = self._choices[index]
        for place, frame in enumerate(self._frames):
            if index not in frame.finishes:
                continue
            if frame.speak is None and any(track.choice == index and text_ for track, _, _, text_ in frame.spans):
                # It says something and ends at once: the end leaves by itself, behind our words.
                frame.finishes.discard(index)
                frame.late.add(index)
                place += 1
                self._insert(place, Speak(index, "", choice.finish or "stop", choice.structured), finishes=True)
            self._insert(place, Speak(index, text, None, choice.structured), finishes=False)
            return
        if not choice.gone:
            self._insert(len(self._frames), Speak(index, text, None, choice.structured), finishes=False)

    def _insert(self, place: int, speak: Speak, *, finishes: bool) -> None:
        ends = {speak.choice} if finishes else set()
        self._frames.insert(place, Frame(b"", None, (), frozenset((speak.choice,)), ends, speak=speak))
