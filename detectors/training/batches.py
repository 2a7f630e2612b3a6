"""Examples as tensors, drawn by a plan that a seed fixes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Full, Queue
from random import Random
from threading import Event, Thread
from typing import Final

import torch
from torch import Tensor

from detectors.contract import Speaker, Utterance
from detectors.encoder.framing import Frame, Framer
from detectors.encoder.heads import HEADS, RECENCIES
from detectors.signals import Side
from detectors.training.augment import augment
from detectors.training.example import OTHER_RISK, RISK, Example
from detectors.training.served import ON_WHOLE, Bag, bags

__all__ = ["Batch", "Mixture", "ahead", "collate", "draw", "drawn", "highest", "positive_weights", "targets"]

_BUCKET: Final = 40  # batches that are sorted by length together
_ENOUGH_WORDS: Final = 4
_WEAK: Final = 0.3  # what an everyday text says of risk, against what the corpus says
_AT: Final = {name: at for at, name in enumerate(HEADS)}
_RECENCY: Final = {name: at for at, name in enumerate(RECENCIES)}
_WEAKLY_TOLD: Final = frozenset((*RISK, *OTHER_RISK))
_GROUP_WEIGHT: Final = {"emotion": 0.35, "intima": 0.35, "support": 0.5}
"""Groups of many heads that together must not outweigh the others."""
_HEAD_WEIGHT: Final = {name: _GROUP_WEIGHT.get(name.partition(".")[0], 1.0) for name in HEADS}

Mixture = Mapping[str, float]
"""By source: how much of it each epoch draws, as a share (above 1: some examples more than once). ``corpus/4`` speaks of one
edition of the corpus, before what is said of all."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one step: inputs ``[frames, tokens]``, ``owner`` ``[frames]`` the bag that each frame is in, labels and
    weights ``[bags, heads]``, recency's class or -100 ``[bags]``. ``examples``: how many they are of."""

    input_ids: Tensor
    attention_mask: Tensor
    token_type_ids: Tensor
    owner: Tensor
    labels: Tensor
    weights: Tensor
    recency: Tensor
    examples: int


def drawn(example: Example, mixture: Mixture) -> float:
    """The share of an example's like that an epoch draws."""
    return mixture.get(f"{example.source}/{example.edition}", mixture.get(example.source, 0.0))


def highest(logits: Tensor, owner: Tensor, size: int) -> Tensor:
    """``[bags, outputs]`` from ``[frames, outputs]``: of each output the highest in the bag."""
    found = torch.full((size, logits.shape[1]), -torch.inf, dtype=logits.dtype, device=logits.device)
    return found.scatter_reduce(0, owner.unsqueeze(1).expand_as(logits), logits, "amax", include_self=False)


def collate(frames: Sequence[Frame], pad: int) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and types, padded to the longest frame."""
    longest = max(len(frame.ids) for frame in frames)
    ids = torch.full((len(frames), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(frames), longest), dtype=torch.long)
    types = torch.zeros((len(frames), longest), dtype=torch.long)
    for at, frame in enumerate(frames):
        size = len(frame.ids)
        ids[at, :size] = torch.tensor(frame.ids)
        mask[at, :size] = 1
        types[at, frame.scored : size] = 1
    return ids, mask, types


def targets(of: Sequence[tuple[Example, Bag]]) -> tuple[Tensor, Tensor, Tensor]:
    """Labels, weights (0 where unknown, or not what the bag answers for) and recency classes."""
    labels = torch.zeros(len(of), len(HEADS))
    weights = torch.zeros(len(of), len(HEADS))
    recency = torch.full((len(of),), -100, dtype=torch.long)
    for at, (example, bag) in enumerate(of):
        for name, value in example.labels.items():
            column = _AT.get(name)
            if column is None or bag.whole not in (None, ON_WHOLE[column]):
                continue
            labels[at, column] = value
            weak = example.source != "corpus" and name in _WEAKLY_TOLD
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


def draw(
    examples: Sequence[Example],
    framer: Framer,
    mixture: Mixture,
    *,
    seed: int,
    epoch: int,
    size: int,
    skip: int = 0,
    preceded: float = 0.0,
) -> Iterator[Batch]:
    """The batches of one epoch, the first ``skip`` left out. The same arguments give the same batches.

    ``preceded``: the share of the person's messages without context that are put at the end of somebody else's talk with a
    chatbot, so that what was said before, grave or not, does not stand for what is said now.
    """
    random = Random(f"{seed}/{epoch}")  # noqa: S311  (not for secrets)
    order = _order(examples, mixture, random)
    talks = [example for example in examples if example.side is Side.REPLY and example.source == "corpus"]
    bucket = _BUCKET * size
    done = 0
    for start in range(0, len(order), bucket):
        chosen = order[start : start + bucket]
        own = Random(f"{seed}/{epoch}/{start}")  # noqa: S311
        batches = (len(chosen) + size - 1) // size
        if done + batches <= skip:
            done += batches
            continue
        ready = []
        for at in chosen:
            example = examples[at]
            written = replace(example, text=augment(example.text, own))
            if talks and preceded and _stands_alone(example) and own.random() < preceded:
                written = replace(written, context=_talk(own.choice(talks)))
            made = bags(written, framer, own)
            ready.append((sum(len(frame.ids) for bag in made for frame in bag.frames), example, made))
        ready.sort(key=lambda each: each[0])
        places = list(range(0, len(ready), size))
        own.shuffle(places)
        for place in places:
            done += 1
            if done <= skip:
                continue
            yield _batch([(example, made) for _, example, made in ready[place : place + size]], framer.pad)


def _stands_alone(example: Example) -> bool:
    """Whether a message means what it says wherever it stands: "tonight" does not."""
    apart = example.side is Side.USER and not example.context and example.question is None
    return apart and len(example.text.split()) >= _ENOUGH_WORDS


def _talk(example: Example) -> tuple[Utterance, ...]:
    """A reply with the turns before it."""
    return (*example.context, Utterance(Speaker.ASSISTANT, example.text))


def ahead(batches: Iterator[Batch], *, most: int = 4) -> Generator[Batch, None, None]:
    """The same batches in the same order, up to ``most`` of them made in a thread while the one before is learnt from.

    What making one raises is raised here. Closing it ends the thread.
    """
    ready: Queue[Batch | BaseException | None] = Queue(most)
    left = Event()

    def make() -> None:
        end: BaseException | None = None
        try:
            for batch in batches:
                _offer(ready, batch, left)
                if left.is_set():
                    return
        except BaseException as error:
            end = error
        _offer(ready, end, left)

    maker = Thread(target=make, name="batches", daemon=True)
    maker.start()
    try:
        while (found := ready.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        left.set()
        maker.join()


def _offer(ready: Queue[Batch | BaseException | None], what: Batch | BaseException | None, left: Event) -> None:
    while not left.is_set():
        with suppress(Full):
            ready.put(what, timeout=0.2)
            return


def _batch(part: Sequence[tuple[Example, Sequence[Bag]]], pad: int) -> Batch:
    of = [(example, bag) for example, made in part for bag in made]
    frames = [frame for _, bag in of for frame in bag.frames]
    owner = torch.tensor([at for at, (_, bag) in enumerate(of) for _ in bag.frames])
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
