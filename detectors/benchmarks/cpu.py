"""What scoring costs on this machine's CPU: ``python -m detectors.benchmarks.cpu``, or ``make bench``.

Frames a second by length and batch, beside the rate of a plain int8 product of matrices in the same run, with the same
threads. Needs the extra ``[torch]`` for ``onnx``.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from detectors.benchmarks.report import Cell, Report, arguments, machine
from detectors.benchmarks.timing import Effort, Rate, rate
from detectors.benchmarks.work import dimensions, frames, turns
from detectors.encoder.backend import OnnxBackend
from detectors.encoder.manifest import read_manifest, shipped
from detectors.scorer.process import stack_for

__all__ = ["main"]

_LENGTHS: Final = (16, 32, 64, 128, 256, 512)
_ROWS: Final = (1, 8, 32)
_MOST_TOKENS: Final = 4096
_SIZE: Final = 1024  # of the plain product's matrices
_TURNS: Final = 256
_BATCH: Final = 32


def matrix_rate(threads: int, effort: Effort, size: int = _SIZE) -> Rate:
    """Operations a second of a product of ``size`` by ``size``, uint8 by int8, by the runtime that serves."""
    onnx: Any = importlib.import_module("onnx")
    runtime: Any = importlib.import_module("onnxruntime")
    right = np.random.default_rng(1).integers(-127, 128, (size, size)).astype(np.int8)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMulInteger", ["left", "right"], ["product"])],
        "product",
        [onnx.helper.make_tensor_value_info("left", onnx.TensorProto.UINT8, [size, size])],
        [onnx.helper.make_tensor_value_info("product", onnx.TensorProto.INT32, [size, size])],
        [onnx.numpy_helper.from_array(right, "right")],
    )
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    left = np.random.default_rng(2).integers(0, 256, (size, size)).astype(np.uint8)
    return rate(lambda: session.run(None, {"left": left}), 2.0 * size**3, effort)


def main(given: Sequence[str] | None = None) -> int:
    """Measures and writes; 1 where there is nothing to measure."""
    told, effort = arguments(__doc__.partition(":")[0], given)
    folder = shipped()
    if folder is None:
        sys.stderr.write("this installation carries no model; there is nothing to measure\n")
        return 1
    manifest = read_manifest(folder)
    size = dimensions(manifest.weights)
    before = os.getloadavg()[0]
    cells = []
    most = min(2, len(os.sched_getaffinity(0)))
    matrix = matrix_rate(1, effort)
    for threads in range(1, most + 1):
        backend = OnnxBackend(str(manifest.weights), threads=threads)
        plain = matrix if threads == 1 else matrix_rate(threads, effort)
        for tokens in _LENGTHS:
            for rows in _ROWS:
                if rows * tokens > _MOST_TOKENS:
                    continue
                batch = frames(rows, tokens)
                found = rate(lambda batch=batch, backend=backend: backend.run(*batch), rows, effort)  # type: ignore[misc]
                share = found.median * size.operations(tokens) / plain.median
                cells.append(Cell(f"int8, {threads} thread{'s' * (threads > 1)}", tokens, rows, found, share))
    stack, items = stack_for("cpu"), turns(_TURNS)
    through = rate(lambda: [stack.score(items[at : at + _BATCH]) for at in range(0, _TURNS, _BATCH)], _TURNS, effort)
    form = f"uint8 by int8, {_SIZE} by {_SIZE}, 1 thread"
    report = Report("the CPU", manifest.model, machine(), matrix, form, cells, through, (before, os.getloadavg()[0]))
    if told.print:
        sys.stdout.write(report.page())
    else:
        sys.stdout.writelines(f"{path}\n" for path in report.write("cpu", told.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
