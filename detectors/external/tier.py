"""Another model as a tier of the scorer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Item
from detectors.encoder.evidence import whole_words
from detectors.external.calibration import Raw
from detectors.external.files import locate
from detectors.external.framing import Frame, Framed, Framer, Weigh
from detectors.external.joining import join, open_to
from detectors.external.labels import Answer, Values, answers, probabilities, said
from detectors.external.loading import Classifier, load
from detectors.external.pack import Pack, Use, read_pack
from detectors.signals import Scores, Side, Tier

__all__ = ["ExternalTier"]

_ANSWERS = "answer."


class ExternalTier:
    """Implements :class:`detectors.scorer.tiers.Tier` and :class:`~detectors.scorer.tiers.Joining`.

    A person's turn is read for the signals of that side; a reply's sentence for those that a sentence shows, a whole reply
    for all. Answers to a safety question are given where one is open. A text in a language that the pack
    has not, or without a token, is left to others. A long text is read in windows, of which the highest counts.
    """

    def __init__(self, pack: Pack, classifier: Classifier, *, weigh: Weigh | None = None) -> None:
        """``weigh``: chooses which windows of a very long text are read. Raises
        :class:`~detectors.external.errors.PackUnfit`."""
        self.pack, self.classifier, self._weigh = pack, classifier, weigh
        self.answers = answers(pack, classifier.labels, classifier.output)
        try:
            self._framer = Framer(classifier.tokenizer, classifier.longest, pack.spec.windows, pack.spec.context)
        except ValueError as error:
            raise pack.unfit(("context",), f"{error}; write shorter templates or a larger max_tokens") from None
        self.uses: Mapping[str, Use] = {name: pack.spec.use_of(name) for name in pack.spec.signals}
        self.name = pack.name

    @classmethod
    def load(
        cls, pack: str | Path | Pack, device: str = "cpu", *, downloads: bool = False, weigh: Weigh | None = None
    ) -> ExternalTier:
        """The tier of a pack on ``device``, or on the one that the pack names. ``downloads``: whether its model may be
        fetched. Raises :class:`~detectors.external.errors.PackUnfit`."""
        own = pack if isinstance(pack, Pack) else read_pack(pack)
        return cls(own, load(own, locate(own, downloads=downloads), own.spec.device or device), weigh=weigh)

    def uncalibrated(self) -> ExternalTier:
        """The same model, saying what it says."""
        own = copy(self)
        own.answers = tuple(replace(answer, calibration=Raw()) for answer in self.answers)
        return own

    def wanted(self, item: Item, above: Scores | None) -> bool:
        """See :class:`~detectors.scorer.tiers.Joining`."""
        if not self.pack.spec.reads(item.language):
            return False
        return open_to(above, {answer.signal: self.uses[answer.signal] for answer in self._asked(item)}, item.side)

    def join(self, above: Scores, own: Scores) -> Scores:
        """See :class:`~detectors.scorer.tiers.Joining`."""
        return join(above, own, self.uses)

    def score(self, batch: Sequence[Item]) -> list[Scores]:
        """See :class:`~detectors.scorer.tiers.Tier`."""
        asked = [self._asked(item) if self.pack.spec.reads(item.language) else () for item in batch]
        framed = [self._framer.frames(item, self._weigh) if own else None for item, own in zip(batch, asked, strict=True)]
        found = self._read([frame for each in framed if each is not None for frame in each.frames])
        scores, at = [], 0
        for item, own, each in zip(batch, asked, framed, strict=True):
            if each is None:
                scores.append(Scores.of(item.side, self.name, {}, language=item.language))
                continue
            end = at + len(each.frames)
            scores.append(self._scores(item, own, each, found[at:end]))
            at = end
        return scores

    def _asked(self, item: Item) -> tuple[Answer, ...]:
        """What the pack has to say of such a text."""
        return tuple(
            answer
            for answer in self.answers
            if answer.side is item.side
            and (item.side is not Side.REPLY or item.whole or not answer.whole)
            and (item.question is not None or not answer.signal.startswith(_ANSWERS))
        )

    def _read(self, frames: Sequence[Frame]) -> list[Values]:
        """Of each frame its labels' probabilities: ``[labels]``, or ``[tokens, labels]``."""
        found: list[Values] = [np.empty(0)] * len(frames)
        for places, ids, mask, types in self._batches(frames):
            logits = self.classifier.network.run(ids, mask, types)
            for row, at in enumerate(places):
                own = logits[row] if logits.ndim == 2 else logits[row, : len(frames[at].ids)]
                found[at] = probabilities(own, self.classifier.output)
        return found

    def _batches(
        self, frames: Sequence[Frame]
    ) -> Iterator[tuple[list[int], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Some frames at a time, those of like length together, with their places."""
        order = sorted(range(len(frames)), key=lambda at: len(frames[at].ids))
        start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and len(frames[order[end]].ids) * (end - start + 1) <= self.pack.spec.batch_tokens:
                end += 1
            places = order[start:end]
            shape = (len(places), len(frames[places[-1]].ids))
            ids = np.full(shape, self.classifier.pad, dtype=np.int64)
            mask, types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
            for row, at in enumerate(places):
                size = len(frames[at].ids)
                ids[row, :size], mask[row, :size], types[row, :size] = frames[at].ids, 1, frames[at].types
            yield places, ids, mask, types
            start = end

    def _scores(self, item: Item, asked: Sequence[Answer], framed: Framed, found: Sequence[Values]) -> Scores:
        values: dict[str, float] = {}
        spans: dict[str, tuple[int, int]] = {}
        for answer in asked:
            each = [said(own, answer) for own in found]
            if each[0].ndim:
                value, span = _by_tokens(item.text, framed.frames, each, answer)
                if span is not None and value >= answer.threshold:
                    spans[answer.signal] = span
            else:
                value = answer.calibration.probability(max(float(own) for own in each))
            values[answer.signal] = value
        return Scores.of(
            item.side,
            self.name,
            values,
            tier=Tier.FULL,
            spans=spans,
            language=item.language,
            covered=framed.covered,
        )


def _by_tokens(
    text: str, frames: Sequence[Frame], said: Sequence[Values], answer: Answer
) -> tuple[float, tuple[int, int] | None]:
    """The highest of the text's tokens, and the words around it that reach the threshold too."""
    best, where = -1.0, None
    for frame, values in zip(frames, said, strict=True):
        for at, place in enumerate(frame.places):
            if place is not None and values[at] > best:
                best, where = float(values[at]), (frame, values, at)
    value = answer.calibration.probability(max(best, 0.0))
    if where is None:
        return value, None
    frame, values, first = where
    last = first

    def reaches(at: int) -> bool:
        inside = 0 <= at < len(frame.places) and frame.places[at] is not None
        return inside and answer.calibration.probability(float(values[at])) >= answer.threshold

    while reaches(first - 1):
        first -= 1
    while reaches(last + 1):
        last += 1
    left, right = frame.places[first], frame.places[last]
    if left is None or right is None:
        return value, None
    start, end = whole_words(text, left[0], right[1])
    return value, (start, end) if start < end else None
