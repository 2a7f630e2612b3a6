"""Examples as the gateway would ask for them: of a long turn windows; of a reply passages, whose highest score counts
(multiple-instance learning; Ilse, Tomczak and Welling 2018), and the whole in one piece, so that what is learned, calibrated
and measured is what is served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np

from detectors.encoder.backend import Logits
from detectors.encoder.framing import TRAINED, Frame, Framer
from detectors.encoder.heads import OUTPUTS
from detectors.encoder.reading import CHARACTERS, joined, read
from detectors.passages import reply_items
from detectors.signals import SIGNALS, Side
from detectors.training.example import Example

__all__ = ["ON_WHOLE", "Answers", "Bag", "answered", "bags", "served"]

_AS_SERVED: Final = 0.7  # of the replies that training draws; the others are read in one piece alone
_MOST_PASSAGES: Final = 8  # of one reply in training
_MOST_WINDOWS: Final = 4  # of one turn in training

ON_WHOLE: Final = tuple(name in SIGNALS and SIGNALS[name].whole for name in OUTPUTS)
"""Of each output whether it is judged on a whole reply and on nothing less."""


@dataclass(frozen=True, slots=True)
class Bag:
    """Frames that share one example's labels, of which the highest counts. ``passages``: those of a reply, which do not
    answer for what is judged on the whole. ``readings``: in how many ways each part of the text stands in ``frames``, one
    way after the other; their mean is what is compared."""

    frames: tuple[Frame, ...]
    passages: bool = False
    readings: int = 1


@dataclass(frozen=True, slots=True)
class Answers:
    """Logits of examples, ``[examples, outputs]`` each. ``parts``: of a person's turn; of a reply the highest over its
    passages, and the whole's for what is judged on nothing less. ``whole``: of a reply in one piece; of a person's turn the
    same again."""

    parts: Logits
    whole: Logits

    @property
    def together(self) -> Logits:
        """The mean of both."""
        return np.asarray((self.parts + self.whole) / 2, dtype=np.float32)


def bags(example: Example, framer: Framer, random: Random | None = None) -> list[Bag]:
    """The bags of an example as the gateway would ask: a person's turn; a reply in one piece, and its passages together.

    With ``random``, as training draws them: a turn with its context alone, some replies in one piece alone, and of what is
    long only some parts.
    """
    if example.side is Side.USER:
        tokens = framer.tokens(example.text[:CHARACTERS])
        reading = read(example.item, tokens, framer, alone=random is None)
        frames = reading.frames
        if random is not None and len(frames) > _MOST_WINDOWS:
            frames = tuple(random.sample(frames, _MOST_WINDOWS))
        return [Bag(frames, readings=reading.readings)]
    *passages, whole = reply_items(example.text, example.context, language="en")
    if random is None:
        found = [Bag(read(whole, framer.tokens(whole.text[:CHARACTERS]), framer).frames)]
    else:
        found = [Bag((framer.frame(whole, longest=TRAINED),))]
    if random is not None and random.random() >= _AS_SERVED:
        return found
    if random is not None and len(passages) > _MOST_PASSAGES:
        passages = random.sample(passages, _MOST_PASSAGES)
    if passages:
        found.append(Bag(tuple(framer.frame(item, longest=TRAINED) for item in passages), passages=True))
    return found


def served(examples: Sequence[Example], framer: Framer, answer: Callable[[Sequence[Frame]], Logits]) -> Answers:
    """What every example gets as it is served. ``answer``: logits of frames, in order."""
    return answered([bags(example, framer) for example in examples], answer)


def answered(made: Sequence[Sequence[Bag]], answer: Callable[[Sequence[Frame]], Logits]) -> Answers:
    """The same of each example's bags."""
    rows = answer([frame for own in made for bag in own for frame in bag.frames])
    parts = np.empty((len(made), len(OUTPUTS)), dtype=np.float32)
    whole = np.empty_like(parts)
    piecemeal = ~np.array(ON_WHOLE)
    at = 0
    for place, own in enumerate(made):
        for bag in own:
            highest = joined(rows[at : at + len(bag.frames)], bag.readings).max(axis=0)
            at += len(bag.frames)
            if bag.passages:
                parts[place, piecemeal] = highest[piecemeal]
            else:
                parts[place] = whole[place] = highest
    return Answers(parts, whole)
