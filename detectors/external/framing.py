"""A text, and what was said before it, as another model reads it; a long one in overlapping windows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from detectors.contract import Item, Speaker, Utterance
from detectors.external.pack import Context
from detectors.signals import Side

__all__ = ["CHARACTERS", "Frame", "Framed", "Framer", "Weigh", "windows"]

CHARACTERS: Final = 60_000
"""Characters of a text that are read."""

Weigh = Callable[[str, Side], float]
"""How much a passage asks to be read, by words alone."""

_OVERLAP: Final = 0.2
_TURN_CHARACTERS: Final = 600  # of one earlier message, its end
_SLACK: Final = 4  # tokens by which a part of a text may have more than it had in the whole
_LEAST: Final = 8  # tokens of the text itself that must have room
_TRIES: Final = 6
_HALVES: Final = re.compile("[\ud800-\udfff]")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Frame:
    """One input. ``places``: of each token where it stands in the item's text, half-open; ``None`` for all that is not of
    the text."""

    ids: tuple[int, ...]
    types: tuple[int, ...]
    places: tuple[Span | None, ...]


@dataclass(frozen=True, slots=True)
class Framed:
    """A text's frames. ``covered``: whether together they hold all of it."""

    frames: tuple[Frame, ...]
    covered: bool


class Framer:
    """Makes frames with a model's own tokenizer."""

    def __init__(self, tokenizer: Any, longest: int, most: int, context: Context | None) -> None:
        """``tokenizer``: a :class:`tokenizers.Tokenizer`, set to neither pad nor cut. ``longest``: tokens of a frame.
        ``most``: windows of a text. Raises ``ValueError`` where no text would fit."""
        self._tokenizer, self._longest, self._most, self._context = tokenizer, longest, most, context
        if self._room("") < _LEAST:
            raise ValueError(f"{longest} tokens leave no room for a text")

    def frames(self, item: Item, weigh: Weigh | None = None) -> Framed | None:
        """The frames of ``item``; ``None`` where its text has no token. Never raises for what a text contains. ``weigh``:
        chooses which windows of a text that has too many are read."""
        text = _clean(item.text[:CHARACTERS])
        places = self._tokenizer.encode(text, add_special_tokens=False).offsets if text.strip() else ()
        places = [place for place in places if place[0] < place[1]]
        if not places:
            return None
        before, speaker = self._before(item.context), self._speaker(item.side)
        cuts, covered = windows(len(places), self._room(before, speaker), self._most, _by_passage(text, places, item, weigh))
        frames = []
        for first, last in cuts:
            frame, whole = self._frame(text, places[first:last], before, speaker)
            frames.append(frame)
            covered = covered and whole
        return Framed(tuple(frames), covered and len(text) == len(item.text))

    def _speaker(self, side: Side) -> str:
        if self._context is None:
            return ""
        return self._context.user if side is Side.USER else self._context.assistant

    def _before(self, said: Sequence[Utterance]) -> str:
        """The newest messages that leave half of the room for the text."""
        if self._context is None:
            return ""
        turns = [
            self._context.turn.replace("{speaker}", self._speaker_of(turn), 1).replace(
                "{text}", _clean(turn.text[-_TURN_CHARACTERS:]), 1
            )
            for turn in said[-self._context.turns :]
        ]
        while turns and self._room("".join(turns)) < self._longest // 2:
            del turns[0]
        return "".join(turns)

    def _speaker_of(self, turn: Utterance) -> str:
        return self._speaker(Side.USER if turn.speaker is Speaker.USER else Side.REPLY)

    def _room(self, before: str, speaker: str = "") -> int:
        """Tokens that a text may have beside all else."""
        return self._longest - len(self._encode("", before, speaker)[0].ids) - (_SLACK if self._longest > 64 else 0)

    def _encode(self, passage: str, before: str, speaker: str) -> tuple[Any, int, int]:
        """The encoding, which of its sequences has the passage, and at which character of it."""
        if self._context is None:
            return self._tokenizer.encode(passage), 0, 0
        lead, _, rest = self._context.text.replace("{speaker}", speaker).partition("{text}")
        if self._context.form == "pair" and before:
            return self._tokenizer.encode(before, lead + passage + rest), 1, len(lead)
        return self._tokenizer.encode(before + lead + passage + rest), 0, len(before) + len(lead)

    def _frame(self, text: str, places: Sequence[Span], before: str, speaker: str) -> tuple[Frame, bool]:
        """A frame of a window, and whether it holds all of it."""
        start, kept = places[0][0], len(places)
        for _ in range(_TRIES):
            passage = text[start : places[kept - 1][1]]
            found, sequence, lead = self._encode(passage, before, speaker)
            over = len(found.ids) - self._longest
            if over <= 0 or kept == 1:
                break
            kept = max(1, kept - over)
        end = lead + len(passage)
        spans = tuple(
            (start + max(a, lead) - lead, start + min(b, end) - lead)
            if own == sequence and max(a, lead) < min(b, end)
            else None
            for own, (a, b) in zip(found.sequence_ids, found.offsets, strict=True)
        )
        size = self._longest
        return Frame(tuple(found.ids[:size]), tuple(found.type_ids[:size]), spans[:size]), kept == len(places) and over <= 0


def _by_passage(text: str, places: Sequence[Span], item: Item, weigh: Weigh | None) -> Callable[[int, int], float] | None:
    if weigh is None:
        return None
    return lambda first, last: weigh(text[places[first][0] : places[last - 1][1]], item.side)


def windows(size: int, room: int, most: int, weigh: Callable[[int, int], float] | None = None) -> tuple[list[Span], bool]:
    """Half-open ranges over ``size`` tokens of at most ``room`` each, overlapping, and whether they hold all of them.

    Where there would be more than ``most``, those of the highest weight are taken beside the first and the last; without
    ``weigh`` they are spread evenly.
    """
    if size <= room:
        return [(0, size)], True
    step = max(1, room - round(room * _OVERLAP))
    every = [(start, start + room) for start in range(0, size - room, step)]
    every.append((size - room, size))
    if len(every) <= most:
        return every, True
    if most == 1:
        return every[:1], False
    if weigh is None:
        places = sorted({round(at * (len(every) - 1) / (most - 1)) for at in range(most)})
    else:
        ranked = sorted(range(1, len(every) - 1), key=lambda at: (-weigh(*every[at]), at))
        places = sorted({0, len(every) - 1, *ranked[: most - 2]})
    return [every[at] for at in places], False


def _clean(text: str) -> str:
    """The text with halves of emoji, which a tokenizer would refuse, as a sign each."""
    return _HALVES.sub("\ufffd", text)
