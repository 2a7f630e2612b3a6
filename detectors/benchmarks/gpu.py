"""What scoring costs on a CUDA card: ``python -m detectors.benchmarks.gpu``, or ``make gpu``.

Frames a second by length and batch, from arrays in this machine's memory and back (what serving sees) and on the card alone,
beside the rate of a plain product of matrices in the same precision in the same run. First the card's scores are compared
with the CPU's: figures of a card that scores otherwise are not written. Needs the extra ``[torch]``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from detectors.benchmarks.report import Cell, Report, arguments, machine
from detectors.benchmarks.timing import Effort, Rate, rate
from detectors.benchmarks.work import dimensions, frames, turns
from detectors.encoder.backend import OnnxBackend, padded
from detectors.encoder.manifest import Manifest, read_manifest, shipped
from detectors.scorer.process import stack_for

__all__ = ["main"]

_LENGTHS: Final = (16, 32, 64, 128, 256, 512)
_ROWS: Final = (1, 8, 32, 128, 512, 2048)
_MOST_TOKENS: Final = 65_536
_SIZE: Final = 8192  # of the plain product's matrices
_TURNS: Final = 1024
_BATCH: Final = 32
_COMPARED: Final = 256


def main(given: Sequence[str] | None = None) -> int:
    """Measures and writes; 1 where there is nothing to measure, or where the card scores otherwise than the CPU."""
    told, effort = arguments(__doc__.partition(":")[0], given)
    trouble = _missing()
    if trouble is not None:
        sys.stderr.write(f"{trouble}\n")
        return 1
    import torch

    from detectors.encoder.cuda import TorchBackend

    folder = shipped()
    assert folder is not None  # noqa: S101  (_missing has looked)
    manifest = read_manifest(folder)
    device = told.device or "cuda"
    backend = TorchBackend(manifest.weights, device)
    far = _distance(manifest, backend)
    if far is not None:
        sys.stderr.write(f"{far}\n")
        return 1
    size = dimensions(manifest.weights)
    before = os.getloadavg()[0]
    matrix = _matrix_rate(torch, device, effort)
    cells = []
    for tokens in _LENGTHS:
        for rows in _ROWS:
            if rows * tokens > _MOST_TOKENS:
                continue
            batch = frames(rows, tokens)
            there = torch.from_numpy(np.stack(batch)).to(device)
            whole = rate(lambda batch=batch: backend.run(*batch), rows, effort)  # type: ignore[misc]
            with torch.inference_mode():
                alone = rate(
                    lambda there=there: backend.forward(there),  # type: ignore[misc]
                    rows,
                    effort,
                    finish=lambda: torch.cuda.synchronize(device),
                )
            for way, found in (("there and back", whole), ("on the card, kernels started one by one", alone)):
                cells.append(Cell(way, tokens, rows, found, found.median * size.operations(tokens) / matrix.median))
    stack, items = stack_for(device), turns(_TURNS)
    through = rate(lambda: [stack.score(items[at : at + _BATCH]) for at in range(0, _TURNS, _BATCH)], _TURNS, effort)
    card = {"card": torch.cuda.get_device_name(device), "torch": torch.__version__, "CUDA": torch.version.cuda}
    report = Report(
        torch.cuda.get_device_name(device),
        manifest.model,
        machine() | card,
        matrix,
        f"{_precision(torch)}, {_SIZE} by {_SIZE}",
        cells,
        through,
        (before, os.getloadavg()[0]),
    )
    if told.print:
        sys.stdout.write(report.page())
    else:
        sys.stdout.writelines(f"{path}\n" for path in report.write("gpu", told.out))
    return 0


def _missing() -> str | None:
    """What there is too little of here, in words."""
    if shipped() is None:
        return "this installation carries no model; there is nothing to measure"
    try:
        import torch
    except ImportError:
        return "torch is not installed; `make gpu` on a machine with a CUDA card measures it: pip install 'handrail[torch]'"
    if not torch.cuda.is_available():
        return (
            f"torch {torch.__version__} finds no CUDA card here; there is nothing to measure. On a machine with a card, "
            "install torch's CUDA build and run `make gpu` again; `make bench` measures the CPU"
        )
    return None


def _precision(torch: Any) -> str:
    return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"


def _matrix_rate(torch: Any, device: str, effort: Effort) -> Rate:
    """Operations a second of a plain product in the precision that the network runs in."""
    kind = getattr(torch, _precision(torch))
    left, right = (torch.randn((_SIZE, _SIZE), device=device, dtype=kind) for _ in range(2))
    product = torch.empty_like(left)
    return rate(
        lambda: torch.mm(left, right, out=product),
        2.0 * _SIZE**3,
        effort,
        finish=lambda: torch.cuda.synchronize(device),
    )


def _distance(manifest: Manifest, backend: Any) -> str | None:
    """What is wrong with the card's scores beside the CPU's, every shape once as it is and once more as it is recorded;
    ``None``: nothing."""
    from tokenizers import Tokenizer

    from detectors.encoder.cuda import TOLERANCE_PROBABILITY
    from detectors.encoder.framing import Framer
    from detectors.encoder.heads import OUTPUTS

    framer = Framer(Tokenizer.from_file(str(manifest.tokenizer)))
    asked = [framer.frame(item) for item in turns(_COMPARED)]
    heads = manifest.heads.values()

    def probabilities(runner: Any, size: int) -> np.ndarray[Any, Any]:
        parts = [padded(runner, asked[at : at + size], framer.pad, len(OUTPUTS)) for at in range(0, len(asked), size)]
        return np.array(
            [[head.calibration.probability(float(row[head.column])) for head in heads] for row in np.concatenate(parts)]
        )

    here = probabilities(OnnxBackend(str(manifest.weights)), 16)
    for size in (1, 1, 1, 16, 16, 16, len(asked)):
        far = float(np.percentile(np.abs(probabilities(backend, size) - here), 99))
        if not far < TOLERANCE_PROBABILITY:
            return (
                f"the card's probabilities are {far:.3f} from the CPU's (99th percentile, batches of {size}), more than "
                f"{TOLERANCE_PROBABILITY}; do not serve on it"
            )
    return None


if __name__ == "__main__":
    sys.exit(main())
