"""The head: persons, places and organisations in a text of any length, by a small network in ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from detectors.encoder.backend import OnnxTagger
from detectors.encoder.errors import ModelUnfit
from detectors.pii.manifest import Manifest, read_manifest
from detectors.pii.pieces import Piecer, Pieces, windows
from detectors.pii.tags import OUTSIDE, TAGS, runs, viterbi

__all__ = ["Head", "Name", "Network", "log_probabilities", "names_in"]

_BATCH: Final = 16  # windows run together: bounds memory
_THREADS: Final = 2
_NO_NAMES: Final = frozenset(
    {
        "a", "an", "the", "of", "in", "at", "on", "to", "and", "or", "i", "me", "my", "you", "your", "he", "him", "his",
        "she", "her", "it", "we", "us", "our", "they", "them",
    }
)  # fmt: skip
"""Words that no name consists of alone, whatever the head makes of them."""


@dataclass(frozen=True, slots=True)
class Name:
    """A half-open range of code points, its type, and how sure the head is of it, in (0, 1]."""

    start: int
    end: int
    type: str
    score: float


class Network(Protocol):
    """Runs the network: :class:`~detectors.encoder.backend.OnnxTagger`."""

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits, ``[batch, tokens, tags]``."""
        ...


class Head:
    """Finds names. Safe to share between threads."""

    def __init__(self, network: Network, piecer: Piecer, *, outside: float = 0.0) -> None:
        self._network, self._piecer, self._outside = network, piecer, outside

    @classmethod
    def load(cls, folder: Path) -> Head:
        """The head in ``folder``. Raises :class:`~detectors.encoder.errors.ModelUnfit`."""
        return cls.of(read_manifest(folder))

    @classmethod
    def of(cls, manifest: Manifest) -> Head:
        """The head that ``manifest`` speaks of. Raises :class:`~detectors.encoder.errors.ModelUnfit`."""
        threads = max(1, min(_THREADS, len(os.sched_getaffinity(0))))
        try:
            piecer = Piecer(Tokenizer.from_file(str(manifest.tokenizer)))
            network = OnnxTagger(str(manifest.weights), threads=threads)
        except Exception as error:  # each of the two libraries has errors of its own
            raise ModelUnfit(
                f"{manifest.weights} with {manifest.tokenizer} cannot be served ({type(error).__name__}); train it again"
            ) from None
        return cls(network, piecer, outside=manifest.outside)

    def find(self, text: str) -> list[Name]:
        """The names in ``text``, in order. Never raises for what it contains."""
        pieces = self._piecer.pieces(text)
        return names_in(text, pieces, log_probabilities(pieces, self._network, self._piecer), self._outside)


def names_in(text: str, pieces: Pieces, told: NDArray[Any], outside: float) -> list[Name]:
    """The names that ``told``, log probabilities of each word's tags, make most likely."""
    shifted = told.copy()
    shifted[:, OUTSIDE] += outside
    found = []
    for first, last, kind in runs(viterbi(shifted)):
        start, end = pieces.words[first][0], pieces.words[last - 1][1]
        said = text[start:end].lower()
        if any(map(str.isalnum, said)) and said not in _NO_NAMES and said not in _medicines():
            surely = float(1 - np.exp(told[first:last, OUTSIDE]).mean())
            found.append(Name(start, end, kind, min(max(surely, 1e-3), 1.0)))
    return found


@cache
def _medicines() -> frozenset[str]:
    """Medicines and drugs, which look like firms to the head and which whoever reads a case must see."""
    return frozenset((files("detectors.pii") / "medicines.txt").read_text("utf-8").split())


def log_probabilities(pieces: Pieces, network: Network, piecer: Piecer) -> NDArray[np.float64]:
    """Of each word's tags, ``[words, tags]``: the mean over its pieces, each read where its window holds most around it."""
    plan = windows(len(pieces.ids))
    told = np.zeros((len(pieces.words), len(TAGS)))
    counts = np.zeros((len(pieces.words), 1))
    word_of = np.asarray(pieces.word_of, dtype=np.int64)
    for begin in range(0, len(plan), _BATCH):
        batch = plan[begin : begin + _BATCH]
        logits = _run(pieces, batch, network, piecer)
        for row, (start, _, taken, until) in enumerate(batch):
            own = logits[row, 1 + taken - start : 1 + until - start].astype(np.float64)
            own -= own.max(1, keepdims=True)
            own -= np.log(np.exp(own).sum(1, keepdims=True))
            np.add.at(told, word_of[taken:until], own)
            np.add.at(counts, word_of[taken:until], 1)
    return told / np.maximum(counts, 1)


def _run(
    pieces: Pieces, batch: Sequence[tuple[int, int, int, int]], network: Network, piecer: Piecer
) -> NDArray[np.float32]:
    longest = max(end - start for start, end, _, _ in batch) + 2
    ids = np.full((len(batch), longest), piecer.pad, dtype=np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for row, (start, end, _, _) in enumerate(batch):
        size = end - start + 2
        ids[row, :size] = (piecer.cls, *pieces.ids[start:end], piecer.sep)
        types[row, 1 : size - 1] = pieces.shapes[start:end]
        mask[row, :size] = 1
    return network.run(ids, mask, types)
