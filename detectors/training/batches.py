"""Examples as arrays, drawn by a plan that a seed fixes."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from detectors.contract import Speaker, Utterance
from detectors.encoder.backend import Logits
from detectors.encoder.framing import Frame, Framer
from detectors.encoder.heads import HEADS, RECENCIES
from detectors.signals import Side
from detectors.training.augment import augment
from detectors.training.example import OTHER_RISK, RISK, Example
from detectors.training.served import ON_WHOLE, Bag, bags

__all__ = ["Batch", "Drawing", "Mixture", "by_length", "collate", "drawn", "highest", "positive_weights", "targets"]

_BUCKET: Final = 1280  # examples that are sorted by length together
_LEAST_IN_BUCKET: Final = 4  # batches
_AHEAD: Final = 2  # buckets that a process makes before they are asked for
_ENOUGH_WORDS: Final = 4
_WEAK: Final = 0.3  # what an everyday text says of risk, against what the corpus says
_AT: Final = {name: at for at, name in enumerate(HEADS)}
_RECENCY: Final = {name: at for at, name in enumerate(RECENCIES)}
_WEAKLY_TOLD: Final = frozenset((*RISK, *OTHER_RISK))
_GROUP_WEIGHT: Final = {"emotion": 0.35, "intima": 0.35, "support": 0.5}
"""Groups of many heads that together must not outweigh the others."""
_HEAD_WEIGHT: Final = {name: _GROUP_WEIGHT.get(name.partition(".")[0], 1.0) for name in HEADS}

Whole = NDArray[np.int64]

Mixture = Mapping[str, float]
"""By source: how much of it each epoch draws, as a share (above 1: some examples more than once). ``corpus/4`` speaks of one
edition, before what is said of all."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Arrays of one step: inputs ``[frames, tokens]``, ``owner`` ``[frames]`` the bag that each frame is in, labels and
    weights ``[bags, heads]``, recency's class or -100 ``[bags]``. ``examples``: how many they are of."""

    input_ids: Whole
    attention_mask: Whole
    token_type_ids: Whole
    owner: Whole
    labels: Logits
    weights: Logits
    recency: Whole
    examples: int


def drawn(example: Example, mixture: Mixture) -> float:
    """The share of an example's like that an epoch draws."""
    return mixture.get(f"{example.source}/{example.edition}", mixture.get(example.source, 0.0))


def highest(logits: Tensor, owner: Tensor, size: int) -> Tensor:
    """``[bags, outputs]`` from ``[frames, outputs]``: of each output the highest in the bag."""
    found = torch.full((size, logits.shape[1]), -torch.inf, dtype=logits.dtype, device=logits.device)
    return found.scatter_reduce(0, owner.unsqueeze(1).expand_as(logits), logits, "amax", include_self=False)


def collate(frames: Sequence[Frame], pad: int) -> tuple[Whole, Whole, Whole]:
    """Ids, mask and types, padded to the longest frame."""
    longest = max(len(frame.ids) for frame in frames)
    ids = np.full((len(frames), longest), pad, dtype=np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for at, frame in enumerate(frames):
        size = len(frame.ids)
        ids[at, :size] = frame.ids
        mask[at, :size] = 1
        types[at, frame.scored : size] = 1
    return ids, mask, types


def by_length(
    frames: Sequence[Frame], pad: int, *, size: int, device: str
) -> Generator[tuple[list[int], tuple[Tensor, ...]], None, None]:
    """All frames in batches of like length: their places, and their ids, mask and types on ``device``."""
    order = sorted(range(len(frames)), key=lambda at: len(frames[at].ids))
    for start in range(0, len(order), size):
        places = order[start : start + size]
        yield places, tuple(torch.from_numpy(part).to(device) for part in collate([frames[at] for at in places], pad))


def targets(of: Sequence[tuple[Example, Bag]]) -> tuple[Logits, Logits, Whole]:
    """Labels, weights (0 where unknown, or not what the bag answers for) and recency classes."""
    labels = np.zeros((len(of), len(HEADS)), dtype=np.float32)
    weights = np.zeros_like(labels)
    recency = np.full(len(of), -100, dtype=np.int64)
    for at, (example, bag) in enumerate(of):
        for name, value in example.labels.items():
            column = _AT.get(name)
            if column is None or (bag.passages and ON_WHOLE[column]):
                continue
            labels[at, column] = value
            weak = example.source != "corpus" and example.edition == 1 and name in _WEAKLY_TOLD
            weights[at, column] = _HEAD_WEIGHT[name] * (_WEAK if weak else 1.0)
        if example.recency is not None:
            recency[at] = _RECENCY[example.recency]
    return labels, weights, recency


def positive_weights(examples: Sequence[Example], mixture: Mixture, *, most: float = 4.0) -> Tensor:
    """Of each head: what a positive counts against a negative, the root of their ratio, from 1 to ``most``."""
    there: Counter[str] = Counter()
    known: Counter[str] = Counter()
    for example in examples:
        share = drawn(example, mixture)
        for name, value in example.labels.items():
            there[name] += value * share  # type: ignore[assignment]
            known[name] += share  # type: ignore[assignment]
    found = torch.ones(len(HEADS))
    for at, name in enumerate(HEADS):
        if there[name] > 0 and name != "distress":
            ratio = (known[name] - there[name]) / there[name]
            found[at] = min(max(ratio**0.5, 1.0), most)
    return found


class Drawing:
    """What a run draws, epoch after epoch. The same arguments give the same batches, however many processes make them.

    ``preceded``: the share of the person's messages without context that are put at the end of somebody else's talk with a
    chatbot, so that what was said before, grave or not, does not stand for what is said now.
    """

    def __init__(
        self, examples: Sequence[Example], framer: Framer, mixture: Mixture, *, seed: int, size: int, preceded: float = 0.0
    ) -> None:
        self._examples, self._framer, self._mixture = examples, framer, mixture
        self._seed, self._size, self._preceded = seed, size, preceded
        self._talks = [example for example in examples if example.side is Side.REPLY and example.source == "corpus"]
        self._each = max(_LEAST_IN_BUCKET, _BUCKET // size)
        self._order: tuple[int, list[int]] = 0, _order(examples, mixture, self._random(0))
        self.steps = max(1, math.ceil(len(self._order[1]) / size))
        """Batches of an epoch."""

    def _random(self, *which: int) -> Random:
        return Random("/".join(map(str, (self._seed, *which))))  # noqa: S311  (not for secrets)

    def __getitem__(self, place: tuple[int, int]) -> list[Batch]:
        """The batches of a bucket: the number of its epoch, and its own in there."""
        epoch, bucket = place
        if self._order[0] != epoch:
            self._order = epoch, _order(self._examples, self._mixture, self._random(epoch))
        size, random = self._size, self._random(epoch, bucket)
        ready = []
        for at in self._order[1][bucket * self._each * size : (bucket + 1) * self._each * size]:
            example = self._examples[at]
            written = replace(example, text=augment(example.text, random))
            if self._talks and self._preceded and _stands_alone(example) and random.random() < self._preceded:
                written = replace(written, context=_talk(random.choice(self._talks)))
            made = bags(written, self._framer, random)
            ready.append((sum(len(frame.ids) for bag in made for frame in bag.frames), example, made))
        ready.sort(key=lambda each: each[0])
        places = list(range(0, len(ready), size))
        random.shuffle(places)
        return [_batch([each[1:] for each in ready[start : start + size]], self._framer.pad) for start in places]

    def batches(self, *, start: int = 0, workers: int = 0) -> Generator[Batch, None, None]:
        """Batches without end, from step ``start`` on. ``workers``: processes that make them ahead, a few buckets each;
        closing it ends them. What making one raises is raised here."""
        epoch, skip = divmod(start, self.steps)
        first, skip = divmod(skip, self._each)
        buckets = math.ceil(self.steps / self._each)
        places = ((e, b) for e in itertools.count(epoch) for b in range(first if e == epoch else 0, buckets))
        # Its own generator: what a network drops is drawn from torch's, which a run that is resumed has restored.
        ahead: dict[str, Any] = {"generator": torch.Generator()}
        if workers:
            ahead |= {"multiprocessing_context": "fork", "prefetch_factor": _AHEAD}
        loader: Any = DataLoader(self, None, sampler=places, num_workers=workers, collate_fn=_same, **ahead)
        for found in loader:
            yield from found[skip:]
            skip = 0


def _same(found: list[Batch]) -> list[Batch]:
    return found


def _stands_alone(example: Example) -> bool:
    """Whether a message means what it says wherever it stands: "tonight" does not."""
    apart = example.side is Side.USER and not example.context and example.question is None
    return apart and len(example.text.split()) >= _ENOUGH_WORDS


def _talk(example: Example) -> tuple[Utterance, ...]:
    """A reply with the turns before it."""
    return (*example.context, Utterance(Speaker.ASSISTANT, example.text))


def _batch(part: Sequence[tuple[Example, Sequence[Bag]]], pad: int) -> Batch:
    of = [(example, bag) for example, made in part for bag in made]
    frames = [frame for _, bag in of for frame in bag.frames]
    owner = np.array([at for at, (_, bag) in enumerate(of) for _ in bag.frames], dtype=np.int64)
    return Batch(*collate(frames, pad), owner, *targets(of), len(part))


def _order(examples: Sequence[Example], mixture: Mixture, random: Random) -> list[int]:
    """Places of the examples of one epoch in the order in which they are drawn."""
    by_part: dict[tuple[str, int], list[int]] = defaultdict(list)
    for at, example in enumerate(examples):
        by_part[example.source, example.edition].append(at)
    order: list[int] = []
    for _, places in sorted(by_part.items()):
        share = drawn(examples[places[0]], mixture)
        order += places * int(share)
        order += random.sample(places, round((share - int(share)) * len(places)))
    random.shuffle(order)
    return order
