"""What one signal of one message rests on, word by word. Needs the extra ``[torch]``."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from detectors.attribution.errors import AttributionUnfit
from detectors.attribution.gradients import Attributed, Gradients
from detectors.contract import Item
from detectors.encoder.framing import Framer
from detectors.encoder.manifest import Head, read_manifest
from detectors.encoder.reading import CHARACTERS, SHARES, Reading, Weigh, read, readable
from detectors.scorer.explicit import lifted
from detectors.sentences import split
from detectors.signals import SIGNALS, Side

__all__ = ["Attribution", "Attributor", "Word"]

_WORD: Final = re.compile(r"\S+")

Words = Callable[[Sequence[Item]], Sequence[Mapping[str, float]]]


@dataclass(frozen=True, slots=True)
class Word:
    """``start`` and ``end``: half-open, in code points of the message as received. ``weight``: logits that it adds."""

    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class Attribution:
    """A signal's ``value`` as the score has it, of a reply that of its highest passage: the model's ``calibrated``
    probability beside ``lexicon``, what the lexicon says, 0 where it does not answer. Its ``logit``, and what makes the
    difference to ``baseline``, the logit of the same text with its words masked: the ``words`` of the window that is
    highest, and the ``context``, all that was said before. ``gap``: by how many logits the sum misses the difference.
    ``complete``: whether that is little."""

    value: float
    calibrated: float
    lexicon: float
    logit: float
    baseline: float
    words: tuple[Word, ...]
    context: float
    gap: float
    complete: bool


class _Scored(NamedTuple):
    """One text's value; where two are alike, the model's logit decides which is higher."""

    value: float
    logit: float
    calibrated: float
    lexicon: float


class Attributor:
    """Attributes signals of the model in a folder. One thread at a time."""

    def __init__(self, folder: Path, *, words: Words | None = None, weigh: Weigh | None = None) -> None:
        """``words`` and ``weigh``: the lexicon's, as the model's tier has them. Raises
        :class:`~detectors.encoder.errors.ModelUnfit`."""
        manifest = read_manifest(folder)
        self._framer = Framer(Tokenizer.from_file(str(manifest.tokenizer)))
        self._gradients = Gradients(manifest.weights, self._framer.mask, self._framer.marks)
        self._heads, self._words, self._weigh = manifest.heads, words, weigh
        self._languages = manifest.languages
        self.model = manifest.model

    def head(self, name: str) -> Head:
        """The head of a signal. Raises :class:`AttributionUnfit` where it has none."""
        if name in self._heads:
            return self._heads[name]
        if name in SIGNALS:
            raise AttributionUnfit(
                f"{name} is not answered by {self.model}; `handrail model show` lists who answers what, and a signal of the "
                "lexicon rests on the span that stands beside its score"
            )
        near = get_close_matches(name, self._heads, 1)
        hint = f"did you mean {near[0]}?" if near else "`handrail model show` lists them"
        raise AttributionUnfit(f"there is no signal {name!r}; {hint}")

    def attribute(self, items: Sequence[Item], text: str, name: str) -> Attribution | None:
        """What ``name`` rests on in a message: ``items`` are what the scorer is asked of it, their languages identified;
        ``text`` is the whole message.

        ``None`` where the message is of the other side, or the model has nothing to read in it. Raises
        :class:`AttributionUnfit` for a signal without a head.
        """
        head = self.head(name)
        asked = [
            (item, start)
            for item, start in zip(items, _starts(items, text), strict=True)
            if item.side is SIGNALS[name].side and (item.side is Side.USER or item.whole == SIGNALS[name].whole)
            if item.language is None or item.language in self._languages
            if item.question is not None or not name.startswith("answer.")
        ]
        best: tuple[_Scored, Item, int, Reading, int] | None = None
        for item, start in asked:
            tokens = readable(item, self._framer)
            if tokens is None:
                continue
            reading = read(item, tokens, self._framer, weigh=self._weigh)
            logits = np.array([self._gradients.logits(reading.frames, head.column)]).T
            windows = reading.mean(logits)[:, 0]
            window = int(windows.argmax())
            scored = self._scored(head, item, float(windows[window]), name)
            if best is None or scored > best[0]:
                best = (scored, item, start, reading, window)
        if best is None:
            return None
        scored, item, start, reading, window = best
        paths = [self._gradients.path(frame, head.column) for frame in reading.frames[window :: len(reading.windows)]]
        return self._told(scored, text, item, start, reading.windows[window], paths)

    def _scored(self, head: Head, item: Item, logit: float, name: str) -> _Scored:
        said = self._words([item])[0] if self._words is not None else {}
        calibrated = head.calibration.probability(logit, said.get(name, 0.0))
        return _Scored(lifted(name, calibrated, said), logit, calibrated, said.get(name, 0.0))

    def _told(
        self, scored: _Scored, text: str, item: Item, start: int, window: tuple[int, int], paths: Sequence[Attributed]
    ) -> Attribution:
        size = window[1] - window[0]
        # The text ends where a frame does, before its closing token; what stands before it are tags and the context.
        shares = SHARES if len(paths) > 1 else None
        own = np.average([path.weights[-1 - size : -1] for path in paths], axis=0, weights=shares)
        before = float(np.average([path.weights[: -1 - size].sum() for path in paths], weights=shares))
        places = self._framer.places(item.text[:CHARACTERS])
        words = () if places is None else _words_of(text, [(start + a, start + b) for a, b in places[slice(*window)]], own)
        return Attribution(
            value=scored.value,
            calibrated=scored.calibrated,
            lexicon=scored.lexicon,
            logit=float(np.average([path.logit for path in paths], weights=shares)),
            baseline=float(np.average([path.baseline for path in paths], weights=shares)),
            words=words,
            context=before,
            gap=float(np.average([path.gap for path in paths], weights=shares)),
            complete=all(path.complete for path in paths),
        )


def _starts(items: Sequence[Item], text: str) -> list[int]:
    """Where each item's text begins in the message: a reply's passages in their order, everything else at its start."""
    passages = iter(start for start, end in split(text) if text[start:end].strip())
    return [0 if item.side is Side.USER or item.whole else next(passages) for item in items]


def _words_of(text: str, places: Sequence[tuple[int, int]], weights: NDArray[np.float64]) -> tuple[Word, ...]:
    """The weights of tokens as those of the words that they are in."""
    spans = [match.span() for match in _WORD.finditer(text)]
    firsts = [start for start, _ in spans]
    total: dict[int, float] = {}
    for (start, end), weight in zip(places, weights, strict=True):
        if start < end and spans:
            at = max(bisect_right(firsts, start) - 1, 0)
            total[at] = total.get(at, 0.0) + float(weight)
    return tuple(Word(*spans[at], weight) for at, weight in sorted(total.items()))
