"""From a trained network to the one weight file: fused graph, int8 per channel."""

from __future__ import annotations

import importlib
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from torch import Tensor, nn

from detectors.encoder.cuda import MATRICES

__all__ = ["Exportable", "export"]

_OPSET: Final = 17
_INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")


class Exportable(Protocol):
    """An encoder under a head: :class:`~detectors.encoder.network.Network`, or one with an answer for each token."""

    bert: Any

    def cpu(self) -> Exportable:
        """The network, on the CPU."""
        ...

    def words(self) -> Tensor:
        """The word embeddings, ``[vocabulary, width]``."""
        ...

    def head(self, states: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Logits from the encoder's states."""
        ...


class _Exported(nn.Module):
    """The network with int8 word embeddings, one scale a word."""

    def __init__(self, network: Exportable) -> None:
        super().__init__()
        self.network = network
        self.votes: Callable[[Tensor], Tensor] | None = getattr(network, "votes", None)
        words = network.words().float()
        scale = words.abs().amax(1, keepdim=True).clamp(min=1e-8) / 127
        self.register_buffer("words", torch.round(words / scale).to(torch.int8))
        self.register_buffer("words_scale", scale)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, ...]:
        embedded = self.words[input_ids].float() * self.words_scale[input_ids]
        states = self.network.bert(
            inputs_embeds=embedded, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        logits = self.network.head(states, attention_mask, token_type_ids)
        return (logits,) if self.votes is None else (logits, self.votes(states))


def export(network: Exportable, target: Path, *, per_token: bool = False) -> None:
    """Writes ``network`` to ``target`` as ONNX. Its attention must be ``eager``: that is what the fusion knows.
    ``per_token``: its logits are of each token, not of a text. A network that votes has the votes as a second output.

    Matrices of the encoder are int8 with a scale a channel, word embeddings int8 with a scale a word; the heads stay in
    single precision.
    """
    onnx: Any = importlib.import_module("onnx")
    quantization: Any = importlib.import_module("onnxruntime.quantization")
    optimizer: Any = importlib.import_module("onnxruntime.transformers.optimizer")
    config: Any = network.bert.config
    exported = _Exported(network.cpu()).eval()
    ids = torch.randint(0, config.vocab_size, (2, 12))
    mask, types = torch.ones_like(ids), torch.ones_like(ids)
    each = {0: "batch", 1: "tokens"}
    outputs = ("logits",) if exported.votes is None else ("logits", "votes")
    axes = dict.fromkeys((*_INPUTS, *outputs), each) | ({} if per_token else {"logits": {0: "batch"}})
    with tempfile.TemporaryDirectory() as folder, _quiet():
        raw, fused = Path(folder) / "raw.onnx", Path(folder) / "fused.onnx"
        torch.onnx.export(
            exported,
            (ids, mask, types),
            str(raw),
            input_names=list(_INPUTS),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
        )
        model = optimizer.optimize_model(
            str(raw),
            model_type="bert",
            num_heads=config.num_attention_heads,
            hidden_size=config.hidden_size,
            opt_level=0,
        )
        layers = config.num_hidden_layers
        if model.get_fused_operator_statistics()["Attention"] != layers:
            raise RuntimeError("the attention of the exported graph was not fused; load the network with eager attention")
        _name(
            model.model.graph, layers, "network.tags.weight_Transposed" if per_token else "network.level.weight_Transposed"
        )
        model.save_model_to_file(str(fused))
        quantization.quantize_dynamic(
            str(fused),
            str(target),
            per_channel=True,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Attention"],
            nodes_to_exclude=[
                node.name + suffix
                for node in model.model.graph.node
                if node.name.startswith("head.")
                for suffix in ("", "_MatMul")  # what the tool calls a Gemm that it has taken apart
            ],
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
        _finish(onnx, target)


def _name(graph: Any, layers: int, plain: str) -> None:
    """Gives the encoder's matrices names that mean something, and the heads' nodes theirs, so that they can be left out.
    ``plain``: the name of the one head's matrix that is multiplied without its bias."""
    stored = {entry.name: entry for entry in graph.initializer}
    matrices = [
        node for node in graph.node if node.op_type == "MatMul" and node.input[1] in stored and "encoder" in node.name
    ]
    if len(matrices) != layers * len(MATRICES):
        raise RuntimeError(f"the exported graph has {len(matrices)} matrices in {layers} layers; the exporter has changed")
    for at, node in enumerate(matrices):
        name = f"layer.{at // len(MATRICES)}.{list(MATRICES)[at % len(MATRICES)]}"
        stored[node.input[1]].name = name
        node.input[1] = name
    for at, node in enumerate(graph.node):
        if node.op_type in ("MatMul", "Gemm") and node not in matrices:
            node.name = f"head.{at}"
            if node.op_type == "MatMul":
                matrix = stored[node.input[1]]
                matrix.name = node.input[1] = plain
                stored[plain] = matrix


def _finish(onnx: Any, path: Path) -> None:
    """Names the word embeddings, and parts each sum from the normalisation that follows it: one kernel for both takes ONNX
    Runtime longer than two. The backend sees to it that they are not joined again when they are loaded."""
    model = onnx.load(str(path))
    new = {"words": "words_quantized"}
    for entry in model.graph.initializer:
        entry.name = new.get(entry.name, entry.name)
    nodes: list[Any] = []
    for node in model.graph.node:
        for at, name in enumerate(node.input):
            node.input[at] = new.get(name, name)
        nodes.extend(_parted(onnx, node) if node.op_type == "SkipLayerNormalization" else (node,))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, str(path))


def _parted(onnx: Any, node: Any) -> Iterator[Any]:
    """A ``SkipLayerNormalization`` as sums and a ``LayerNormalization``."""
    left, right, scale, shift, *bias = node.input
    (result,) = node.output
    (epsilon,) = (attribute.f for attribute in node.attribute if attribute.name == "epsilon")
    for at, term in enumerate((right, *bias)):
        yield onnx.helper.make_node("Add", [left, term], [left := f"{result}_sum{at}"], name=f"{node.name}_Add{at}")
    yield onnx.helper.make_node(
        "LayerNormalization", [left, scale, shift], [result], name=f"{node.name}_Norm", axis=-1, epsilon=epsilon
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's advice is for whoever changes it, not for whoever runs it."""
    loggers = [logging.getLogger(name) for name in ("root", "onnxruntime", "torch.onnx", "onnxruntime.transformers")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
