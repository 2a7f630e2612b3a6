"""Some hundred texts of many kinds and lengths, from the corpus that the package carries, as one padded batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from detectors.contract import Item
from detectors.corpus import FOLDER, read_corpus
from detectors.encoder.framing import Framer
from detectors.encoder.manifest import Manifest

__all__ = ["Batch", "batch", "items"]

Batch = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

_LONGEST = 64
_FILES = ("user/risk-plain", "user/idiom", "user/everyday", "user/middle-posts", "reply/refusals", "reply/support")


def items(count: int) -> list[Item]:
    """The same ones each time, evenly from every file."""
    found = read_corpus(only=[FOLDER / f"{name}.txt" for name in _FILES]).items
    return [Item(one.side, one.text, one.context) for one in (found[len(found) * at // count] for at in range(count))]


def batch(manifest: Manifest, count: int) -> Batch:
    """Ids, mask and types, each ``[count, tokens]``."""
    framer = Framer(Tokenizer.from_file(str(manifest.tokenizer)))
    frames = [framer.frame(item, longest=_LONGEST) for item in items(count)]
    longest = max(len(frame.ids) for frame in frames)
    ids = np.full((count, longest), framer.pad, dtype=np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for row, frame in enumerate(frames):
        ids[row, : len(frame.ids)] = frame.ids
        mask[row, : len(frame.ids)] = 1
        types[row, frame.scored : len(frame.ids)] = 1
    return ids, mask, types
