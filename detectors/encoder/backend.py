"""What multiplies the matrices, from one weight file: ONNX Runtime on CPU here, torch on CUDA
(:mod:`detectors.encoder.cuda`), a model server (:mod:`detectors.encoder.remote`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.encoder.evidence import Votes
from detectors.encoder.framing import Frame

__all__ = ["Backend", "Logits", "OnnxBackend", "OnnxTagger", "padded", "voted"]

Logits = NDArray[np.float32]
"""``[frames, outputs]``."""

_TOKENS: Final = 4096  # of one call, padding included: bounds memory; a backend's own ``tokens`` go before it
_WASTE: Final = 1.3  # a frame joins a call while its longest is at most so many times its shortest
_SPIN_MICROSECONDS: Final = "100"
_SLOWER: Final = "SkipLayerNormFusion"  # a sum and a normalisation take less time apart than joined in one kernel
_SLACK: Final = 8  # tokens of padding that never matter


class Backend(Protocol):
    """Runs the network."""

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> tuple[Logits, Logits]:
        """Of a padded batch, from ``[batch, tokens]``: logits, ``[batch, outputs]``, and what the heads say of each token
        alone, ``[batch, tokens, outputs]``."""
        ...


class _OnnxGraph:
    """int8 on CPU."""

    def __init__(self, weights: str, *, threads: int = 2) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A thread that sleeps between two matrices costs a third of the time of a turn; one that spins on after the last
        # takes the core from the gateway beside it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        options.add_session_config_entry("session.intra_op.spin_duration_us", _SPIN_MICROSECONDS)
        self._session: Any = onnxruntime.InferenceSession(
            weights, options, providers=["CPUExecutionProvider"], disabled_optimizers=[_SLOWER]
        )

    def _outputs(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> Sequence[Logits]:
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        found: Sequence[Logits] = self._session.run(None, feed)
        return found


class OnnxBackend(_OnnxGraph):
    """A model with logits and votes, in int8 on CPU."""

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> tuple[Logits, Logits]:
        """See :class:`Backend`."""
        logits, votes = self._outputs(ids, mask, types)
        return logits, votes


class OnnxTagger(_OnnxGraph):
    """A model that answers for each token, in int8 on CPU."""

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> Logits:
        """Logits of a padded batch, ``[batch, tokens, outputs]`` from ``[batch, tokens]``."""
        return self._outputs(ids, mask, types)[0]


def padded(backend: Backend, frames: Sequence[Frame], pad: int, outputs: int) -> Logits:
    """Logits of every frame, in order."""
    found = np.empty((len(frames), outputs), dtype=np.float32)
    for places, logits, _ in _batches(backend, frames, pad):
        found[places] = logits
    return found


def voted(backend: Backend, frames: Sequence[Frame], pad: int, outputs: int) -> tuple[Logits, list[Votes]]:
    """Logits of every frame, in order, and of each its tokens' votes, ``[tokens, outputs]``."""
    found = np.empty((len(frames), outputs), dtype=np.float32)
    votes: list[Votes] = [np.empty((0, outputs), dtype=np.float32)] * len(frames)
    for places, logits, own in _batches(backend, frames, pad):
        found[places] = logits
        for row, at in enumerate(places):
            votes[at] = own[row, : len(frames[at].ids)]
    return found, votes


def _batches(backend: Backend, frames: Sequence[Frame], pad: int) -> Iterator[tuple[list[int], Logits, Logits]]:
    """What the backend says of some frames at a time, with their places: frames of like length run together, so that little
    is padding."""
    most = getattr(backend, "tokens", None) or _TOKENS
    order = sorted(range(len(frames)), key=lambda at: len(frames[at].ids))
    start = 0
    while start < len(order):
        shortest = len(frames[order[start]].ids)
        end = start + 1
        while end < len(order):
            longest = len(frames[order[end]].ids)
            if longest > max(shortest * _WASTE, shortest + _SLACK) or longest * (end - start + 1) > most:
                break
            end += 1
        places = order[start:end]
        longest = len(frames[places[-1]].ids)
        ids = np.full((len(places), longest), pad, dtype=np.int64)
        mask = np.zeros((len(places), longest), dtype=np.int64)
        types = np.zeros((len(places), longest), dtype=np.int64)
        for row, at in enumerate(places):
            size = len(frames[at].ids)
            ids[row, :size] = frames[at].ids
            mask[row, :size] = 1
            types[row, frames[at].scored : size] = 1
        yield places, *backend.run(ids, mask, types)
        start = end
