"""Examples as the gateway would ask for them: of a long turn windows, of a reply passages, whose highest score counts
(multiple-instance learning; Ilse, Tomczak and Welling 2018), so that what is learned, calibrated and measured is what is
served."""

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

__all__ = ["ON_WHOLE", "Bag", "answered", "bags", "served"]

_AS_SERVED: Final = 0.7  # of the replies that training draws; the others are read in one piece
_MOST_PASSAGES: Final = 8  # of one reply in training
_MOST_WINDOWS: Final = 4  # of one turn in training

ON_WHOLE: Final = tuple(name in SIGNALS and SIGNALS[name].whole for name in OUTPUTS)
"""Of each output whether it is judged on a whole reply."""


@dataclass(frozen=True, slots=True)
class Bag:
    """Frames that share one example's labels, of which the highest counts. ``whole``: the labels that it answers for,
    those that are judged on a whole reply, or those that are not; ``None``: all. ``readings``: in how many ways each part of
    the text stands in ``frames``, one way after the other; their mean is what is compared."""

    frames: tuple[Frame, ...]
    whole: bool | None = None
    readings: int = 1


def bags(example: Example, framer: Framer, random: Random | None = None) -> list[Bag]:
    """The bags of an example as the gateway would ask: a person's turn; a reply's passages together, and its whole.

    With ``random``, as training draws them: a turn with its context alone, some replies in one piece, and of what is long
    only some parts.
    """
    if example.side is Side.USER:
        tokens = framer.tokens(example.text[:CHARACTERS])
        reading = read(example.item, tokens, framer, alone=random is None)
        frames = reading.frames
        if random is not None and len(frames) > _MOST_WINDOWS:
            frames = tuple(random.sample(frames, _MOST_WINDOWS))
        return [Bag(frames, readings=reading.readings)]
    if random is not None and random.random() >= _AS_SERVED:
        return [Bag((framer.frame(example.item, longest=TRAINED),))]
    items = reply_items(example.text, example.context, whole=example.whole, language="en")
    passages = [item for item in items if not item.whole]
    if random is not None and len(passages) > _MOST_PASSAGES:
        passages = random.sample(passages, _MOST_PASSAGES)
    if not passages:
        return [Bag((framer.frame(example.item, longest=TRAINED),))]
    found = [Bag((framer.frame(item, longest=TRAINED),), whole=True) for item in items if item.whole]
    found.append(Bag(tuple(framer.frame(item, longest=TRAINED) for item in passages), whole=False if found else None))
    return found


def served(examples: Sequence[Example], framer: Framer, answer: Callable[[Sequence[Frame]], Logits]) -> Logits:
    """Logits of every example, ``[examples, outputs]``, as they are served: a reply's are the highest over its passages, and
    what is judged on the whole is its whole's. ``answer``: logits of frames, in order."""
    return answered([bags(example, framer) for example in examples], answer)


def answered(made: Sequence[Sequence[Bag]], answer: Callable[[Sequence[Frame]], Logits]) -> Logits:
    """The same of each example's bags."""
    rows = answer([frame for own in made for bag in own for frame in bag.frames])
    found = np.empty((len(made), len(OUTPUTS)), dtype=np.float32)
    at = 0
    for place, own in enumerate(made):
        for bag in own:
            part = joined(rows[at : at + len(bag.frames)], bag.readings).max(axis=0)
            at += len(bag.frames)
            mine = np.array([bag.whole in (None, on) for on in ON_WHOLE])
            found[place, mine] = part[mine]
    return found
