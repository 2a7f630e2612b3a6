"""The training loop: word pieces with what is known of their tags, and a log of what was done."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Final

import torch
from torch import Tensor, nn

from detectors.pii.network import TagNetwork
from detectors.pii.pieces import LONGEST, Piecer
from detectors.pii.tags import OUTSIDE, TAGS, TYPES, tags_of
from detectors.pii.training.writing import Text, Writer

__all__ = ["ANYTHING", "NO_PERSON", "Plan", "Sample", "sample_of", "train"]

NO_PERSON: Final = -1
"""In the place of a tag: it may be any that is not a person's."""

ANYTHING: Final = -2
"""In the place of a tag: nothing is known."""

_PADDING: Final = -3
_PERSONS: Final = tuple(at for at, tag in enumerate(TAGS) if tag.endswith(TYPES[0]))


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. It ends after ``minutes`` at the latest, the learning rate fallen to nothing, however many epochs it made."""

    seed: int = 1
    epochs: int = 4
    minutes: float = 14.0
    size: int = 32
    rate: float = 2.5e-4
    head_rate: float = 1e-3
    warmup: float = 0.06
    decay: float = 0.01
    bf16: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """A text's pieces; of each its tag, or :data:`NO_PERSON`, or :data:`ANYTHING`."""

    ids: tuple[int, ...]
    shapes: tuple[int, ...]
    tags: tuple[int, ...]


def sample_of(text: Text, piecer: Piecer) -> Sample:
    """The first window of ``text``."""
    pieces = piecer.pieces(text.text)
    tags = tags_of(pieces.words, text.spans)
    for at, (start, end) in enumerate(pieces.words):
        if tags[at] == OUTSIDE and any(start < last and end > first for first, last in text.unknown):
            tags[at] = ANYTHING if text.persons else NO_PERSON
    size = LONGEST - 2
    return Sample(
        (piecer.cls, *pieces.ids[:size], piecer.sep),
        (0, *pieces.shapes[:size], 0),
        (OUTSIDE, *(tags[word] for word in pieces.word_of[:size]), OUTSIDE),
    )


def train(network: TagNetwork, piecer: Piecer, writer: Writer, plan: Plan, log: Path) -> None:
    """Trains ``network`` by ``plan``; what it does stands in ``log``."""
    torch.manual_seed(plan.seed)
    encoder = {id(weights) for weights in network.bert.parameters()}
    trained = [weights for weights in network.parameters() if weights.requires_grad]
    groups = [
        {"params": [weights for weights in trained if id(weights) in encoder], "lr": plan.rate},
        {"params": [weights for weights in trained if id(weights) not in encoder], "lr": plan.head_rate},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=plan.decay)
    began, steps, total = time.monotonic(), 0, 0
    _log(log, {"event": "start", "plan": asdict(plan), "layers": network.bert.config.num_hidden_layers})
    for epoch in range(plan.epochs):
        random = Random(plan.seed * 1000 + epoch)  # noqa: S311
        batches = list(_batches([sample_of(text, piecer) for text in writer.epoch(random)], plan.size, random))
        total = total or len(batches) * plan.epochs
        network.train()
        losses: list[float] = []
        for batch in batches:
            progress = max(steps / total, (time.monotonic() - began) / 60 / plan.minutes)
            if progress >= 1:
                break
            scale = progress / plan.warmup if progress < plan.warmup else (1 - progress) / (1 - plan.warmup)
            for group, base in zip(optimizer.param_groups, (plan.rate, plan.head_rate), strict=True):
                group["lr"] = base * max(scale, 0.01)
            losses.append(_learn(network, optimizer, batch, piecer.pad, bf16=plan.bf16))
            steps += 1
        minutes = round((time.monotonic() - began) / 60, 2)
        _log(log, {"event": "epoch", "epoch": epoch + 1, "steps": steps, "minutes": minutes, "loss": _mean(losses)})
        if len(losses) < len(batches):
            break


def _learn(network: TagNetwork, optimizer: torch.optim.Optimizer, batch: Sequence[Sample], pad: int, *, bf16: bool) -> float:
    longest = max(len(sample.ids) for sample in batch)
    ids, shapes, tags = (
        torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows])
        for rows, filler in (
            ([sample.ids for sample in batch], pad),
            ([sample.shapes for sample in batch], 0),
            ([sample.tags for sample in batch], _PADDING),
        )
    )
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits = network(ids, (tags != _PADDING).long(), shapes)
    loss = _loss(logits.float(), tags)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def _loss(logits: Tensor, tags: Tensor) -> Tensor:
    """Cross-entropy where the tag is known, and where it is not, the surprise at a person."""
    told = torch.log_softmax(logits, dim=-1)
    known, open_ = tags >= 0, tags == NO_PERSON
    loss = -told[known].gather(1, tags[known].unsqueeze(1)).sum()
    if bool(open_.any()):
        persons = told[open_][:, list(_PERSONS)].exp().sum(1).clamp(max=1 - 1e-6)
        loss = loss - torch.log1p(-persons).sum()
    return loss / (known | open_).sum()


def _batches(samples: Sequence[Sample], size: int, random: Random) -> Iterator[list[Sample]]:
    """Samples of like length together, the batches in any order."""
    order = sorted(samples, key=lambda sample: (len(sample.ids) // 4, random.random()))
    starts = list(range(0, len(order), size))
    random.shuffle(starts)
    for start in starts:
        yield order[start : start + size]


def _log(path: Path, entry: dict[str, object]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 5) if values else math.nan
