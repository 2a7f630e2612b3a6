"""The model as a tier of the scorer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from detectors.contract import Item
from detectors.encoder.backend import Backend, Logits, voted
from detectors.encoder.devices import Device, backend_for
from detectors.encoder.evidence import Votes, whole_words
from detectors.encoder.framing import Framer
from detectors.encoder.heads import HEADS, LEVELS, OUTPUTS, RECENCIES
from detectors.encoder.manifest import Calibration, Head, Manifest, read_manifest
from detectors.encoder.placement import Placement
from detectors.encoder.reading import CHARACTERS, Reading, Weigh, read, readable
from detectors.encoder.windows import combine
from detectors.signals import SIGNALS, Scores, Side, Tier

__all__ = ["ModelTier", "Weigh", "Words"]

Words = Callable[[Sequence[Item]], Sequence[Mapping[str, float]]]
"""What the lexicon says of each item, by signal; a signal that it is silent on is left out."""

_BEHAVIOUR: Final = "risk.suicide_behaviour"
_LEVEL: Final = "risk.suicide_level"
_DAY: Final = "24h"
_SURE_OF_A_DAY: Final = (
    0.75  # on validation .87 of what is told to be so recent is (.83 without), .90 of what is is found (.93)
)
_FAR: Final = 700.0  # of the odds, beyond which an exponential has no number
_WITHOUT_A_PLACE: Final = ("emotion.", "answer.", "support.", "distress")  # what a text says as a whole


class ModelTier:
    """Implements :class:`detectors.scorer.tiers.Tier`.

    A text in a language outside the model's list, without a word, or mostly of tokens that it does not know is missing
    throughout: the lexicon answers for it. A long text is read in windows and is ``covered`` where they hold all of it. A
    person's turn after others is read with them and by itself, and the mean of both logits counts. Of a reply its passages
    and its whole are asked for apart, and each has calibrations of its own. A signal that reaches its
    threshold has a span: the words that stand out in the window where it is highest.
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
        self._asked = {
            (side, whole): _Calibrated(
                [(head, each) for head in heads if (each := _calibration(head, whole=whole)) is not None]
            )
            for side, heads in self._heads.items()
            for whole in (False, True)
        }
        self.name = manifest.model

    @classmethod
    def load(
        cls, folder: Path, device: Device | str = "cpu", *, weigh: Weigh | None = None, words: Words | None = None
    ) -> ModelTier:
        """The tier of the model in ``folder`` on ``device``. Raises :class:`~detectors.encoder.errors.ModelUnfit`."""
        manifest = read_manifest(folder)
        return cls(manifest, backend_for(manifest, device), weigh=weigh, words=words)

    @property
    def placement(self) -> Placement | None:
        """Where its network runs; ``None`` where that is the CPU and nothing else was asked for."""
        found: Placement | None = getattr(self._backend, "placement", None)
        return found

    def score(self, batch: Sequence[Item]) -> list[Scores]:
        """See :class:`~detectors.scorer.tiers.Tier`."""
        readings = [self._read(item) for item in batch]
        frames = [frame for reading in readings if reading is not None for frame in reading.frames]
        logits, votes = voted(self._backend, frames, self._framer.pad, len(OUTPUTS))
        said = self._words(batch) if self._words is not None else [{}] * len(batch)
        found = []
        at = 0
        for item, reading, known in zip(batch, readings, said, strict=True):
            if reading is None:
                found.append(Scores.missing(item.side, self.name))
                continue
            end = at + len(reading.frames)
            found.append(self._scores(item, reading, reading.mean(logits[at:end]), votes[at:end], known))
            at = end
        return found

    def _read(self, item: Item) -> Reading | None:
        """The item's frames; ``None`` where it cannot be read."""
        if item.language is not None and item.language not in self._manifest.languages:
            return None
        tokens = readable(item, self._framer)
        return None if tokens is None else read(item, tokens, self._framer, weigh=self._weigh)

    def _scores(
        self, item: Item, reading: Reading, logits: Logits, votes: Sequence[Votes], said: Mapping[str, float]
    ) -> Scores:
        windows = self._asked[item.side, item.whole].probabilities(logits, said)
        values = combine(windows)
        if item.question is None:
            values = {name: value for name, value in values.items() if not name.startswith("answer.")}
        tags: dict[str, str] = {}
        if item.side is Side.USER:
            _falling(values)
            if _BEHAVIOUR in values:
                best = int(np.argmax(logits[:, self._manifest.heads[_BEHAVIOUR].column]))
                tags[_BEHAVIOUR] = _when(logits[best, len(HEADS) :])
            level = self._level(values, tags)
            if level is not None:
                values[_LEVEL] = level
        spans = self._spans(item, reading, windows, values, votes)
        return Scores.of(
            item.side,
            self.name,
            values,
            tier=Tier.FULL,
            spans=spans,
            tags=tags,
            language=item.language,
            covered=reading.covered,
        )

    def _spans(
        self,
        item: Item,
        reading: Reading,
        windows: Sequence[Mapping[str, float]],
        values: Mapping[str, float],
        votes: Sequence[Votes],
    ) -> dict[str, tuple[int, int]]:
        """Where in the text each signal stands that reaches its threshold."""
        flagged = [
            head
            for head in self._heads[item.side]
            if values.get(head.name, 0.0) >= head.threshold and not head.name.startswith(_WITHOUT_A_PLACE)
        ]
        places = self._framer.places(item.text[:CHARACTERS]) if flagged else None
        if places is None:
            return {}
        found = {}
        for head in flagged:
            window = max(range(len(windows)), key=lambda at, name=head.name: windows[at][name])  # type: ignore[misc]
            first, last = reading.found(window, head.column, votes)
            start, end = whole_words(item.text, places[first][0], max(end for _, end in places[first:last]))
            if start < end:
                found[head.name] = (start, end)
        return found

    def _level(self, values: dict[str, float], tags: dict[str, str]) -> float | None:
        """The highest ideation level that reaches its threshold, 6 where recent behaviour does; ``None`` without heads."""
        heads = self._manifest.heads
        if not all(name in values for name in LEVELS):
            return None
        recent = tags.get(_BEHAVIOUR) not in (None, "earlier")
        if recent and values[_BEHAVIOUR] >= heads[_BEHAVIOUR].threshold:
            return 6.0
        return float(max((k for k, name in enumerate(LEVELS, 1) if values[name] >= heads[name].threshold), default=0))


class _Calibrated:
    """Heads with the calibration of one reading, all at once: :meth:`~detectors.encoder.manifest.Calibration.probability` of
    each."""

    def __init__(self, asked: Sequence[tuple[Head, Calibration]]) -> None:
        self._names = [head.name for head, _ in asked]
        self._at = {name: at for at, name in enumerate(self._names)}
        self._columns = np.array([head.column for head, _ in asked], dtype=np.intp)
        self._slopes, self._offsets, self._words = (
            np.array([getattr(each, of) for _, each in asked], dtype=np.float64) for of in ("slope", "offset", "words")
        )

    def probabilities(self, logits: Logits, said: Mapping[str, float]) -> list[dict[str, float]]:
        """Of each window by signal. ``logits``: ``[windows, outputs]``; ``said``: the lexicon's probabilities."""
        offsets = self._offsets
        words = [(at, word) for name, word in said.items() if word and (at := self._at.get(name)) is not None]
        if words:
            offsets = offsets.copy()
            for at, word in words:
                offsets[at] += self._words[at] * word
        odds = logits[:, self._columns] * self._slopes + offsets
        values = 1.0 / (1.0 + np.exp(-np.clip(odds, -_FAR, _FAR)))
        return [dict(zip(self._names, row, strict=True)) for row in values.tolist()]


def _calibration(head: Head, *, whole: bool) -> Calibration | None:
    """How a logit of this reading becomes a probability; ``None`` where the reading says nothing of the signal: a passage is
    not asked for what only the whole shows."""
    if SIGNALS[head.name].side is not Side.REPLY or SIGNALS[head.name].whole == whole:
        return head.calibration
    return head.whole if whole else None


def _when(logits: NDArray[np.float32]) -> str:
    """When behaviour was, from the logits of :data:`RECENCIES`: the likeliest; the last day only where that is likely
    enough, since within it somebody is called at once."""
    odds = np.exp(logits - logits.max())
    if RECENCIES[int(odds.argmax())] == _DAY and odds.max() < _SURE_OF_A_DAY * odds.sum():
        odds[[RECENCIES.index("now"), RECENCIES.index(_DAY)]] = 0.0
    return RECENCIES[int(odds.argmax())]


def _falling(values: dict[str, float]) -> None:
    """Keeps P(level >= k) from rising with k where calibration, which is done level by level, would let it."""
    most = 1.0
    for name in LEVELS:
        if name in values:
            most = values[name] = min(values[name], most)
