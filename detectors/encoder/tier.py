"""The model as a tier of the scorer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from tokenizers import Tokenizer

from detectors.contract import Item
from detectors.encoder.backend import Backend, Logits, OnnxBackend, padded
from detectors.encoder.framing import LONGEST, TRAINED, Frame, Framer
from detectors.encoder.heads import HEADS, LEVELS, OUTPUTS, RECENCIES
from detectors.encoder.manifest import Manifest, read_manifest
from detectors.encoder.windows import Plan, combine, plan
from detectors.signals import SIGNALS, Scores, Side, Tier

__all__ = ["ModelTier", "Weigh", "Words"]

Weigh = Callable[[str, Side], float]
"""How much a passage of a text asks to be read, at once and by words alone."""

Words = Callable[[Sequence[Item]], Sequence[Mapping[str, float]]]
"""What the lexicon says of each item, by signal; a signal that it is silent on is left out."""

_BEHAVIOUR: Final = "risk.suicide_behaviour"
_LEVEL: Final = "risk.suicide_level"
_UNREADABLE: Final = 0.4  # share of unknown tokens above which a text is not in a language the model knows
_CHARACTERS: Final = 60_000  # of a text that are made into tokens; a turn of 10,000 words has about as many
_THREADS: Final = 2


class ModelTier:
    """Implements :class:`detectors.scorer.tiers.Tier`.

    A text in a language outside the model's list, without a word, or mostly of tokens that it does not know is missing
    throughout: the lexicon answers for it. A long text is read in windows and is ``covered`` where they hold all of it. A
    person's turn after others is read with them and by itself, and the mean of both logits counts.
    """

    def __init__(
        self, manifest: Manifest, backend: Backend, *, weigh: Weigh | None = None, words: Words | None = None
    ) -> None:
        """``weigh``: chooses which windows of a very long text are read. ``words``: counts in the calibration."""
        self._manifest, self._backend, self._weigh, self._words = manifest, backend, weigh, words
        self._framer = Framer(Tokenizer.from_file(str(manifest.tokenizer)))
        self._heads = {
            side: tuple(head for head in manifest.heads.values() if SIGNALS[head.name].side is side)
            for side in (Side.USER, Side.REPLY)
        }
        self.name = manifest.model

    @classmethod
    def load(cls, folder: Path, device: str = "cpu", *, weigh: Weigh | None = None, words: Words | None = None) -> ModelTier:
        """The tier of the model in ``folder`` on ``device`` (cpu, cuda, cuda:N). Raises
        :class:`~detectors.encoder.errors.ModelUnfit`."""
        manifest = read_manifest(folder)
        if device.startswith("cuda"):
            from detectors.encoder.cuda import TorchBackend

            return cls(manifest, TorchBackend(manifest.weights, device), weigh=weigh, words=words)
        threads = max(1, min(_THREADS, len(os.sched_getaffinity(0))))
        return cls(manifest, OnnxBackend(str(manifest.weights), threads=threads), weigh=weigh, words=words)

    def score(self, batch: Sequence[Item]) -> list[Scores]:
        """See :class:`~detectors.scorer.tiers.Tier`."""
        frames: list[Frame] = []
        parts: list[tuple[int, int, bool]] = []
        for item in batch:
            begin = len(frames)
            covered = self._frames(item, frames)
            parts.append((begin, len(frames), covered))
        logits = (
            padded(self._backend, frames, self._framer.pad, len(OUTPUTS))
            if frames
            else np.empty((0, len(OUTPUTS)), np.float32)
        )
        said = self._words(batch) if self._words is not None else [{}] * len(batch)
        return [
            self._scores(item, _read(item, logits[begin:end]), known, covered=covered)
            for item, (begin, end, covered), known in zip(batch, parts, said, strict=True)
        ]

    def _frames(self, item: Item, frames: list[Frame]) -> bool:
        """Adds the item's frames, none where it cannot be read, those of a second reading last; whether they hold all of the
        text."""
        if item.language is not None and item.language not in self._manifest.languages:
            return False
        text = item.text[:_CHARACTERS]
        tokens = self._framer.tokens(text)
        if not tokens or tokens.count(self._framer.unknown) > _UNREADABLE * len(tokens):
            return False
        readings = (item, replace(item, context=())) if _stands_alone(item) else (item,)
        if len(tokens) < TRAINED - 8:
            frames.extend(self._framer.assemble(reading, tokens) for reading in readings)
            return True
        windows = self._plan(item, text, len(tokens))
        frames.extend(
            self._framer.assemble(reading, tokens[start:end], longest=min(LONGEST, max(TRAINED, end - start + 8)))
            for reading in readings
            for start, end in windows.windows
        )
        return windows.covered and len(text) == len(item.text)

    def _plan(self, item: Item, text: str, size: int) -> Plan:
        if self._weigh is None:
            return plan(size)
        weigh, per_token = self._weigh, len(text) / size
        # Tokens are spread over a text evenly enough to find the passage behind a window.
        return plan(size, lambda start, end: weigh(text[int(start * per_token) : int(end * per_token)], item.side))

    def _scores(self, item: Item, logits: Logits, said: Mapping[str, float], *, covered: bool) -> Scores:
        if not len(logits):
            return Scores.missing(item.side, self.name)
        heads = self._heads[item.side]
        values = combine(
            [
                {
                    head.name: head.calibration.probability(float(row[head.column]), said.get(head.name, 0.0))
                    for head in heads
                }
                for row in logits
            ]
        )
        if item.question is None:
            values = {name: value for name, value in values.items() if not name.startswith("answer.")}
        if item.side is Side.REPLY:
            # A passage is judged by what a passage shows, a whole reply by what only the whole shows.
            values = {name: value for name, value in values.items() if SIGNALS[name].whole == item.whole}
        tags: dict[str, str] = {}
        if item.side is Side.USER:
            _falling(values)
            if _BEHAVIOUR in values:
                best = int(np.argmax(logits[:, self._manifest.heads[_BEHAVIOUR].column]))
                tags[_BEHAVIOUR] = RECENCIES[int(np.argmax(logits[best, len(HEADS) :]))]
            level = self._level(values, tags)
            if level is not None:
                values[_LEVEL] = level
        return Scores.of(item.side, self.name, values, tier=Tier.FULL, tags=tags, language=item.language, covered=covered)

    def _level(self, values: dict[str, float], tags: dict[str, str]) -> float | None:
        """The highest ideation level that reaches its threshold, 6 where recent behaviour does; ``None`` without heads."""
        heads = self._manifest.heads
        if not all(name in values for name in LEVELS):
            return None
        recent = tags.get(_BEHAVIOUR) not in (None, "earlier")
        if recent and values[_BEHAVIOUR] >= heads[_BEHAVIOUR].threshold:
            return 6.0
        return float(max((k for k, name in enumerate(LEVELS, 1) if values[name] >= heads[name].threshold), default=0))


def _stands_alone(item: Item) -> bool:
    """Whether a turn is read by itself too: what somebody said before must not stand for what they say now. An answer to a
    question means nothing without it."""
    return item.side is Side.USER and bool(item.context) and item.question is None


def _read(item: Item, logits: Logits) -> Logits:
    """The logits of an item's windows; of a turn that is read twice, the means of both readings, one behind the other."""
    if not _stands_alone(item):
        return logits
    half = len(logits) // 2
    return np.asarray((logits[:half] + logits[half:]) / 2, dtype=np.float32)


def _falling(values: dict[str, float]) -> None:
    """Keeps P(level >= k) from rising with k where calibration, which is done level by level, would let it."""
    most = 1.0
    for name in LEVELS:
        if name in values:
            most = values[name] = min(values[name], most)
