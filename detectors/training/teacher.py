"""What earlier networks say, as part of the labels of one that has more to learn (distillation; Hinton et al. 2015).

A network of few sources knows emotions better than one that learns everything. What it says of a comment tells more than a
bare yes or no, and it says it of texts that nobody labelled, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from torch import Tensor

from detectors.encoder.framing import TRAINED, Framer
from detectors.encoder.heads import EMOTION_HEADS, OUTPUTS
from detectors.encoder.network import Network
from detectors.signals import Side
from detectors.training.example import Example
from detectors.training.loop import infer

__all__ = ["SHARE", "taught"]

SHARE: Final = 0.6
"""How much of a known label is the teachers'; of an unknown one, all."""

_COLUMNS: Final = [OUTPUTS.index(name) for name in EMOTION_HEADS]
_CHARACTERS: Final = 4 * TRAINED  # of a longer text a label of the whole says little


def taught(
    examples: Sequence[Example],
    teachers: Sequence[Network],
    framer: Framer,
    positive: Tensor,
    *,
    share: float = SHARE,
    device: str = "cpu",
) -> list[Example]:
    """The examples with labels of ``emotion.*`` on a person's turns of up to some hundred words: what the mean of
    ``teachers`` says, mixed with the label where there is one.

    ``positive``: by head, what a positive counted against a negative where the teachers were trained; it is taken out of
    what they say, for it is applied again.
    """
    places = [at for at, each in enumerate(examples) if each.side is Side.USER and len(each.text) <= _CHARACTERS]
    if not places or not teachers:
        return list(examples)
    # A person's words alone, whatever stood before.
    asked = [replace(examples[at], context=(), question=None) for at in places]
    said = np.mean([infer(each.to(device), framer, asked, device=device)[:, _COLUMNS] for each in teachers], axis=0)
    shares = 1 / (1 + np.exp(-(said - np.log(positive[_COLUMNS].cpu().numpy()))))
    found = list(examples)
    for at, row in zip(places, shares, strict=True):
        own = dict(found[at].labels)
        for name, value in zip(EMOTION_HEADS, row, strict=True):
            known = own.get(name)
            own[name] = float(value) if known is None else (1 - share) * known + share * float(value)
        found[at] = replace(found[at], labels=own)
    return found
