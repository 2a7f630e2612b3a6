"""The same weights for torch: read from the ONNX file, dequantised, run in half precision. Needs the extra ``[torch]``."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BertConfig

from detectors.encoder.backend import Logits
from detectors.encoder.errors import ModelUnfit
from detectors.encoder.network import Network

__all__ = ["MATRICES", "TOLERANCE", "TOLERANCE_PROBABILITY", "TorchBackend", "restore"]

TOLERANCE: Final = 0.15
"""How far a logit of this backend may lie from ONNX Runtime's in int8, whose activations are quantised as well: the
99th percentile of the distance stays below it. Tested."""

TOLERANCE_PROBABILITY: Final = 0.1
"""The same for a calibrated probability."""

_PREFIX: Final = "network."
_TRANSPOSED: Final = "_Transposed"
MATRICES: Final = {"attention": "attention.output.dense", "intermediate": "intermediate.dense", "output": "output.dense"}
"""The matrices of a layer beside its attention's own, in the order in which they are multiplied: short name and path."""


class TorchBackend:
    """Implements :class:`detectors.encoder.backend.Backend`."""

    def __init__(self, weights: Path, device: str = "cuda", *, dtype: torch.dtype | None = None) -> None:
        """``dtype``: bfloat16 where the device has it, else float16; float32 on a CPU."""
        self._device = torch.device(device)
        if dtype is None:
            cuda = self._device.type == "cuda"
            dtype = torch.float32 if not cuda else torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        self._network = restore(weights).to(self._device, dtype).eval()

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]) -> tuple[Logits, Logits]:
        """See :class:`~detectors.encoder.backend.Backend`."""
        with torch.inference_mode():
            inputs = [torch.from_numpy(part).to(self._device) for part in (ids, mask, types)]
            states = self._network.states(*inputs)
            logits = self._network.head(states, *inputs[1:])
            votes = self._network.votes(states)
        return logits.float().cpu().numpy(), votes.float().cpu().numpy()


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
