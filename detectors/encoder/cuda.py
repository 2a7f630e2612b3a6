"""The same weights for torch: read from the ONNX file, dequantised, run in half precision. Needs the extra ``[torch]``."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BertConfig

from detectors.encoder.backend import Logits
from detectors.encoder.errors import DeviceFailed, ModelUnfit
from detectors.encoder.network import Network
from detectors.encoder.shapes import MOST_TOKENS, RECORDED_TOKENS, Shape, rows_within, shape_for

__all__ = ["MATRICES", "TOLERANCE", "TOLERANCE_FLOAT", "TOLERANCE_PROBABILITY", "TorchBackend", "restore"]

TOLERANCE: Final = 1.5
"""How far a logit of this backend may lie from ONNX Runtime's in int8, whose activations are quantised as well, with one
scale for all of a batch: the 99th percentile of the distance stays below it. Tested."""

TOLERANCE_FLOAT: Final = 0.2
"""The same between this backend's own precisions."""

TOLERANCE_PROBABILITY: Final = 0.1
"""The same as :data:`TOLERANCE` for a calibrated probability."""

_log = logging.getLogger(__name__)

_PREFIX: Final = "network."
_TRANSPOSED: Final = "_Transposed"
_WARM_RUNS: Final = 3
MATRICES: Final = {"attention": "attention.output.dense", "intermediate": "intermediate.dense", "output": "output.dense"}
"""The matrices of a layer beside its attention's own, in the order in which they are multiplied: short name and path."""


@dataclass(slots=True)
class _Recording:
    """A graph of kernels over fixed memory: inputs are copied in, it is replayed, outputs are read."""

    graph: Any  # torch.cuda.CUDAGraph
    inputs: torch.Tensor
    outputs: tuple[torch.Tensor, torch.Tensor]


class TorchBackend:
    """Implements :class:`detectors.encoder.backend.Backend`. Belongs to one thread at a time.

    A batch is padded to one of few shapes (:mod:`detectors.encoder.shapes`). On CUDA a small one is recorded as a graph when
    it comes for the second time, and replayed from then on. Where the card has no room for a batch its halves are run; from
    then on batches of that size go in parts.
    """

    def __init__(
        self, weights: Path, device: str = "cuda", *, dtype: torch.dtype | None = None, graphs: bool = True
    ) -> None:
        """``dtype``: bfloat16 where the device has it, else float16; float32 on a CPU. ``graphs``: whether to record any.

        Raises :class:`~detectors.encoder.errors.DeviceFailed` (``absent``) where there is no such card, and
        :class:`~detectors.encoder.errors.ModelUnfit`.
        """
        self._device = torch.device(device)
        self._cuda = self._device.type == "cuda"
        if self._cuda and not torch.cuda.is_available():
            raise DeviceFailed("absent", f"{device}: torch {torch.__version__} finds no CUDA device here", final=True)
        if dtype is None:
            dtype = torch.float32 if not self._cuda else torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        network = restore(weights)
        try:
            self._network = network.to(self._device, dtype).eval()
        except RuntimeError as error:  # a number that no card has, a driver that is too old, no memory
            raise DeviceFailed("absent", f"{device} cannot be used ({type(error).__name__})", final=True) from None
        self._record = graphs and self._cuda
        self._recordings: dict[Shape, _Recording | None] = {}
        self._seen: set[Shape] = set()
        self._pool: Any = torch.cuda.graph_pool_handle() if self._record else None
        self._staged = torch.zeros(3 * RECORDED_TOKENS, dtype=torch.int64, pin_memory=self._cuda)
        self.tokens = MOST_TOKENS
        """Tokens of one run, padding included; less after the card once had no room."""

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> tuple[Logits, Logits]:
        """See :class:`~detectors.encoder.backend.Backend`. Raises :class:`~detectors.encoder.errors.DeviceFailed`."""
        rows, tokens = ids.shape
        parts = []
        at = 0
        while at < rows:
            end = min(rows, at + rows_within(tokens, self.tokens))
            try:
                parts.append(self._part(ids[at:end], mask[at:end], types[at:end]))
            except torch.OutOfMemoryError:
                self._shed(end - at, tokens)
                continue
            except RuntimeError as error:
                # Only the type is told.
                raise DeviceFailed("error", f"{self._device} failed ({type(error).__name__})") from None
            at = end
        if len(parts) == 1:
            return parts[0]
        return np.concatenate([logits for logits, _ in parts]), np.concatenate([votes for _, votes in parts])

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and votes on the device, in its precision, of ids, mask and types there, ``[3, rows, tokens]``."""
        ids, mask, types = inputs
        # With four dimensions the mask is taken as it is: whether any token is padding is not asked of the device.
        states = self._network.states(ids, mask.bool()[:, None, None, :], types)
        return self._network.head(states, mask, types), self._network.votes(states)

    def _part(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> tuple[Logits, Logits]:
        rows, tokens = ids.shape
        shape = shape_for(rows, tokens)
        with torch.inference_mode(), self._current():
            staged = self._stage(shape, ids, mask, types)
            recording = self._recording(shape)
            if recording is None:
                found = self.forward(staged.to(self._device, non_blocking=True))
            else:
                recording.inputs.copy_(staged, non_blocking=True)
                recording.graph.replay()
                found = recording.outputs
            logits, votes = (
                self._fetched(found[0][:rows], torch.float32),
                self._fetched(found[1][:rows, :tokens], torch.float16),
            )
            if self._cuda:
                # Only now is there anything to read, and are the staged arrays free again.
                torch.cuda.current_stream().synchronize()
        return np.array(logits.numpy()), votes.numpy().astype(np.float32)

    def _fetched(self, found: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """On its way to memory of this machine; there once the stream is done."""
        if not self._cuda:
            return found.to(dtype)
        here = torch.empty(found.shape, dtype=dtype, pin_memory=True)
        return here.copy_(found.to(dtype), non_blocking=True)

    def _current(self) -> AbstractContextManager[Any]:
        device: AbstractContextManager[Any] = torch.cuda.device(self._device) if self._cuda else nullcontext()
        return device

    def _stage(
        self, shape: Shape, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]
    ) -> torch.Tensor:
        """The batch in its shape, in memory that the card reads by itself. A row of padding has one token, so that its
        attention is a number."""
        if shape.recorded:
            # Without gaps, so that it is copied as it lies.
            staged = self._staged[: 3 * shape.rows * shape.tokens].view(3, shape.rows, shape.tokens).zero_()
        else:
            staged = torch.zeros((3, shape.rows, shape.tokens), dtype=torch.int64, pin_memory=self._cuda)
        rows, tokens = ids.shape
        for place, part in zip(staged, (ids, mask, types), strict=True):
            place[:rows, :tokens] = torch.from_numpy(np.ascontiguousarray(part))
        staged[1, rows:, 0] = 1
        return staged

    def _recording(self, shape: Shape) -> _Recording | None:
        """The shape's graph, recorded when it comes for the second time; ``None``: run it as it is."""
        if not (self._record and shape.recorded):
            return None
        if shape in self._recordings:
            return self._recordings[shape]
        if shape not in self._seen:
            self._seen.add(shape)
            return None
        try:
            found: _Recording | None = self._recorded(shape)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            # Some kernel that cannot be recorded: slower, and not wrong.
            _log.warning("%d rows of %d tokens cannot be recorded: %s", shape.rows, shape.tokens, type(error))
            found = None
        self._recordings[shape] = found
        return found

    def _recorded(self, shape: Shape) -> _Recording:
        inputs = torch.zeros((3, shape.rows, shape.tokens), dtype=torch.int64, device=self._device)
        inputs[1, :, 0] = 1
        # Libraries choose their kernels and take their memory at the first calls, which must not be recorded.
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(_WARM_RUNS):
                self.forward(inputs)
        torch.cuda.current_stream().wait_stream(beside)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Graphs share one pool: each writes all that it reads, and its outputs are copied before the next one is replayed.
        with torch.cuda.graph(graph, pool=self._pool):
            outputs = self.forward(inputs)
        return _Recording(graph, inputs, outputs)

    def _shed(self, rows: int, tokens: int) -> None:
        """The card had no room for so many rows: half as many from now on. Raises where one row is too many."""
        if rows <= 1:
            raise DeviceFailed("memory", f"{self._device} has no room for one row of {tokens} tokens") from None
        self.tokens = max(shape_for(1, tokens).tokens, rows * tokens // 2)
        _log.warning("the card has no room for %d rows of %d tokens; they run in parts", rows, tokens)
        if self._cuda:
            torch.cuda.empty_cache()


def restore(weights: Path) -> Network:
    """The network in single precision from the file that serving uses. Raises :class:`ModelUnfit`."""
    onnx: Any = importlib.import_module("onnx")
    broken: Any = importlib.import_module("google.protobuf.message").DecodeError
    try:
        graph = onnx.load(str(weights)).graph
        found = {entry.name: onnx.numpy_helper.to_array(entry) for entry in graph.initializer}
        attention = next(node for node in graph.node if node.op_type == "QAttention")
        heads = next(int(entry.i) for entry in attention.attribute if entry.name == "num_heads")
        return _network(found, heads)
    except (broken, KeyError, ValueError, RuntimeError, OSError, StopIteration) as error:
        raise ModelUnfit(f"{weights} is no weight file of this release ({error!r}); export the model again") from None


def _network(found: Mapping[str, NDArray[Any]], heads: int) -> Network:
    words = _plain(found, "words")
    layers = sum(name.endswith("_qkv_weight_quantized") for name in found)
    config = BertConfig(
        vocab_size=words.shape[0],
        hidden_size=words.shape[1],
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=found["layer.0.intermediate_quantized"].shape[1],
        max_position_embeddings=found[f"{_PREFIX}bert.embeddings.position_embeddings.weight"].shape[0],
    )
    network = Network(config, None)
    state: dict[str, NDArray[Any]] = {}
    for name, values in found.items():
        if name.startswith(_PREFIX) and values.ndim:
            plain = name.removeprefix(_PREFIX)
            turned = plain.endswith(_TRANSPOSED)
            state[plain.removesuffix(_TRANSPOSED)] = values.T if turned else values
    state["bert.embeddings.word_embeddings.weight"] = words
    for layer in range(layers):
        own = f"bert.encoder.layer.{layer}"
        packed, bias = _plain(found, f"Attention_{layer}_qkv_weight"), found[f"Attention_{layer}_qkv_bias"]
        parts = zip(("query", "key", "value"), np.split(packed, 3, axis=1), np.split(bias, 3), strict=True)
        for part, matrix, offset in parts:
            state[f"{own}.attention.self.{part}.weight"] = matrix.T
            state[f"{own}.attention.self.{part}.bias"] = offset
        for name, path in MATRICES.items():
            state[f"{own}.{path}.weight"] = _plain(found, f"layer.{layer}.{name}").T
    missing = [name for name in network.state_dict() if name not in state and not name.startswith("tags.")]
    if missing:
        raise KeyError(", ".join(missing))
    tensors = {name: torch.from_numpy(np.array(values, dtype=np.float32)) for name, values in state.items()}
    network.load_state_dict({name: tensors[name] for name in network.state_dict() if name in tensors}, strict=False)
    return network


def _plain(found: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    """A matrix of which each column (of the words: each row) has a scale of its own, in single precision."""
    values, scale = found[f"{name}_quantized"].astype(np.float32), found[f"{name}_scale"]
    zero = found.get(f"{name}_zero_point")
    plain: NDArray[Any] = (values if zero is None else values - zero.astype(np.float32)) * scale
    return plain
