"""What there is to do: frames of one length, turns of the corpus, and how many operations a frame takes."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Item
from detectors.corpus import read_corpus
from detectors.encoder.heads import OUTPUTS

__all__ = ["Dimensions", "dimensions", "frames", "turns"]

_TRUNKS = 3


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Of the encoder: layers, the states' width, the width between; and of a head's trunk."""

    layers: int
    width: int
    inner: int
    trunk: int

    def operations(self, tokens: int) -> float:
        """Multiplications and additions of one frame of ``tokens``, matrices alone: projections and feed-forward of each
        layer, attention, and the heads on every token and on the whole."""
        dense = 2 * (4 * self.width**2 + 2 * self.width * self.inner)
        attention = 4 * tokens * self.width
        heads = 2 * (_TRUNKS * self.width * self.trunk + self.trunk * len(OUTPUTS))
        return float(self.layers * tokens * (dense + attention) + (tokens + 1) * heads)


def dimensions(weights: Path) -> Dimensions:
    """As a weight file has them."""
    onnx: Any = importlib.import_module("onnx")
    shapes = {entry.name: tuple(entry.dims) for entry in onnx.load(str(weights)).graph.initializer}
    width, inner = shapes["layer.0.intermediate_quantized"]
    layers = sum(name.endswith("_qkv_weight_quantized") for name in shapes)
    return Dimensions(layers, width, inner, shapes["network.level.weight_Transposed"][0])


def frames(
    rows: int, tokens: int, vocabulary: int = 30_000
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Full frames of chance tokens, ids, mask and types, ``[rows, tokens]``: what they say makes no difference in time."""
    ids = np.random.default_rng(1).integers(1000, vocabulary, (rows, tokens), dtype=np.int64)
    types = np.ones_like(ids)
    types[:, 0] = 0
    return ids, np.ones_like(ids), types


def turns(count: int) -> list[Item]:
    """Turns of both sides with what was said before them, evenly from the corpus."""
    found = read_corpus().items
    return [Item(one.side, one.text, one.context) for one in (found[len(found) * at // count] for at in range(count))]
