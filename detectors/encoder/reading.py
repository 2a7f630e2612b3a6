"""The frames of one text: its windows, and for a person's turn after others a second reading of it alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Item
from detectors.encoder.backend import Logits
from detectors.encoder.evidence import Votes, standing_out
from detectors.encoder.framing import LONGEST, TRAINED, Frame, Framer
from detectors.encoder.windows import Plan, plan
from detectors.signals import Side

__all__ = ["CHARACTERS", "SHARES", "Reading", "Weigh", "joined", "read", "readable"]

CHARACTERS: Final = 60_000
"""Characters of a text that are made into tokens; a turn of 10,000 words has about as many."""

SHARES: Final = (0.75, 0.25)
"""How much a reading after what was said before counts, and one of the text alone."""

_ENOUGH_WORDS: Final = 6  # of a text that says something by itself
_UNREADABLE: Final = 0.4  # share of unknown tokens above which a text is not in a language the model knows
_BESIDE: Final = 8  # tokens of a frame that are not its text's

Weigh = Callable[[str, Side], float]
"""How much a passage of a text asks to be read, at once and by words alone."""


def joined(values: NDArray[np.float32], readings: int) -> NDArray[np.float32]:
    """One value where there is one of each reading, the readings one after the other: their mean, by :data:`SHARES`."""
    found = values.reshape(readings, -1, *values.shape[1:])
    return np.asarray(found[0] if readings == 1 else SHARES[0] * found[0] + SHARES[1] * found[1], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Reading:
    """``frames``: one for each window, then those of a second reading. ``windows``: which of the text's tokens are in each,
    half-open. ``covered``: whether together they hold all of the text."""

    frames: tuple[Frame, ...]
    windows: tuple[tuple[int, int], ...]
    covered: bool

    @property
    def readings(self) -> int:
        """How many frames there are of each window."""
        return len(self.frames) // len(self.windows)

    def mean(self, logits: Logits) -> Logits:
        """The logits of the windows, ``[windows, outputs]``: the mean of their readings, by :data:`SHARES`."""
        return joined(logits, self.readings)

    def found(self, window: int, column: int, votes: Sequence[Votes]) -> tuple[int, int]:
        """The tokens of the text, half-open, that stand out in a window by ``column`` of ``votes``, those of ``frames``."""
        start, end = self.windows[window]
        own = [votes[reading * len(self.windows) + window][:, column] for reading in range(self.readings)]
        # The text ends where the frame does, before its closing token.
        size = min(end - start, *(len(frame) - 1 for frame in own))
        first, last = standing_out(joined(np.concatenate([frame[-1 - size : -1] for frame in own]), self.readings))
        return start + first, start + last


def readable(item: Item, framer: Framer) -> list[int] | None:
    """The tokens of the text that is read; ``None`` where there are none, or mostly unknown ones."""
    tokens = framer.tokens(item.text[:CHARACTERS])
    return tokens if tokens and tokens.count(framer.unknown) <= _UNREADABLE * len(tokens) else None


def read(item: Item, tokens: Sequence[int], framer: Framer, *, weigh: Weigh | None = None, alone: bool = True) -> Reading:
    """The frames of ``item``, whose text has these ``tokens``. ``weigh``: chooses the windows of a very long text.
    ``alone``: whether a turn after others is read by itself too."""
    text = item.text[:CHARACTERS]
    # What somebody said before must not stand for what they say now. An answer means nothing without its question, and few
    # words little without what was said before.
    after = item.side is Side.USER and bool(item.context) and item.question is None
    twice = alone and after and len(text.split()) >= _ENOUGH_WORDS
    items = (item, replace(item, context=())) if twice else (item,)
    least = LONGEST if item.whole else TRAINED
    if len(tokens) < least - _BESIDE:
        covered = len(text) == len(item.text)
        frames = tuple(framer.assemble(each, tokens, longest=least) for each in items)
        return Reading(frames, ((0, len(tokens)),), covered=covered)
    windows = _plan(item, text, len(tokens), weigh)
    frames = tuple(
        framer.assemble(each, tokens[start:end], longest=min(LONGEST, max(least, end - start + _BESIDE)))
        for each in items
        for start, end in windows.windows
    )
    return Reading(frames, windows.windows, covered=windows.covered and len(text) == len(item.text))


def _plan(item: Item, text: str, size: int, weigh: Weigh | None) -> Plan:
    if weigh is None:
        return plan(size, whole=item.whole)
    per_token = len(text) / size
    # Tokens are spread over a text evenly enough to find the passage behind a window.
    return plan(
        size, lambda start, end: weigh(text[int(start * per_token) : int(end * per_token)], item.side), whole=item.whole
    )
