"""What networks say of the examples that they did not see, as part of the labels (cross-fitted distillation; Hinton, Vinyals
and Dean 2015; Dao et al. 2021).

A label is one writer's yes or no. What a network says that learned from everything but the example's part tells how plain a
case it is, where labels contradict each other, and what stands in texts that nobody labelled for it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.encoder.framing import TRAINED, Framer
from detectors.encoder.heads import EMOTION_HEADS, HEADS
from detectors.encoder.network import Network
from detectors.signals import Side
from detectors.training.batches import positive_weights
from detectors.training.example import Example
from detectors.training.loop import Plan, Trainer, infer
from detectors.training.served import bags

__all__ = ["EMOTION_SHARE", "SHARE", "crossfitted", "fold_of", "mixed", "outside"]

SHARE: Final = 0.3
"""How much of a known label is what the networks say."""

EMOTION_SHARE: Final = 0.6
"""The same of what a person feels, on which readers agree least."""

_CHARACTERS: Final = 4 * TRAINED  # of a longer text a feeling of the whole says little


def crossfitted(
    examples: Sequence[Example],
    watched: Sequence[Example],
    plan: Plan,
    framer: Framer,
    fresh: Callable[[], Network],
    folder: Path,
    *,
    folds: int,
    device: str = "cpu",
    tell: Callable[[str], None] = print,
) -> list[Example]:
    """The examples with mixed labels, each by the network that was trained by ``plan`` on all folds but its own.

    ``fresh``: a network before training. The runs stand in ``folder/fold-N``.
    """
    found = list(examples)
    for fold in range(folds):
        places, said, mean = outside(
            examples, watched, plan, framer, fresh(), folder / f"fold-{fold}", fold=fold, folds=folds, device=device
        )
        tell(f"fold {fold + 1} of {folds}: mean AUROC on validation {mean}")
        for at, row in zip(places, said, strict=True):
            found[at] = mixed(examples[at], dict(zip(HEADS, map(float, row), strict=True)))
    return found


def outside(
    examples: Sequence[Example],
    watched: Sequence[Example],
    plan: Plan,
    framer: Framer,
    network: Network,
    folder: Path,
    *,
    fold: int,
    folds: int,
    device: str = "cpu",
) -> tuple[list[int], NDArray[np.float32], float]:
    """Trains ``network`` on all folds but one. The places of that one's examples, what the network says of them,
    probabilities of ``[places, heads]``, and its mean AUROC on ``watched``."""
    places = [at for at, each in enumerate(examples) if fold_of(each, folds) == fold]
    inside = set(places)
    rest = [each for at, each in enumerate(examples) if at not in inside]
    plan = replace(plan, seed=plan.seed + fold)
    seen = Trainer(network, framer, rest, watched, plan, folder, device=device).run()
    logits = infer(network, framer, [bags(examples[at], framer) for at in places], size=256, device=device)
    # A positive's odds were multiplied by what it counted; it is taken out, for it is applied again.
    odds = logits[:, : len(HEADS)] - np.log(positive_weights(rest, plan.mixture).numpy())
    return places, np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float32), seen.get("mean", math.nan)


def fold_of(example: Example, folds: int) -> int:
    """Which fold an example is in: all of a group in the same one."""
    digest = hashlib.sha256(f"fold/{example.source}/{example.group}".encode()).digest()
    return int.from_bytes(digest[:8]) % folds


def mixed(example: Example, said: Mapping[str, float]) -> Example:
    """``example`` with each label moved towards what was ``said`` of it, by its share. What a person feels is added where
    nobody labelled it."""
    labels = dict(example.labels)
    for name in labels.keys() & said.keys():
        share = EMOTION_SHARE if name in EMOTION_HEADS else SHARE
        labels[name] += share * (said[name] - labels[name])
    if example.side is Side.USER and len(example.text) <= _CHARACTERS:
        labels |= {name: said[name] for name in EMOTION_HEADS if name not in labels}
    return replace(example, labels=labels)
