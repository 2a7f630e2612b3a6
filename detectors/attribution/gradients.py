"""Integrated gradients (Sundararajan, Taly and Yan 2017) of the weights that are served. Needs the extra ``[torch]``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.encoder.cuda import restore
from detectors.encoder.framing import Frame

__all__ = ["MOST_STEPS", "Attributed", "Gradients"]

MOST_STEPS: Final = 256
"""Points of the path that are tried at most."""

_STEPS: Final = 16
_AT_ONCE: Final = 32  # points of a path in one pass: bounds memory
_CLOSE: Final = 0.05  # of the difference that is attributed, or of a logit where that is small


@dataclass(frozen=True, slots=True)
class Attributed:
    """What one frame's logit rests on. ``weights``: ``[tokens]``, logits that each token adds to ``baseline``, that of the
    frame with its words masked. ``gap``: by how much baseline and weights together miss ``logit``."""

    logit: float
    baseline: float
    weights: NDArray[np.float64]

    @property
    def gap(self) -> float:
        """Logits that the sum of the weights is short of, or over, the difference (completeness: none)."""
        return float(self.logit - self.baseline - self.weights.sum())

    @property
    def complete(self) -> bool:
        """Whether the gap is small against what is attributed."""
        return abs(self.gap) <= _CLOSE * max(abs(self.logit - self.baseline), 1.0)


class Gradients:
    """The served network in single precision, and its gradients. One thread at a time."""

    def __init__(self, weights: Path, mask: int, kept: frozenset[int]) -> None:
        """``mask``: the token that says nothing of the word in its place; ``kept``: those that are no words (separators,
        speakers' tags) and stand in the baseline as they are."""
        self._network = restore(weights).eval()
        for parameter in self._network.parameters():
            parameter.requires_grad_(False)
        self._mask, self._kept = mask, kept

    def logits(self, frames: Sequence[Frame], column: int) -> list[float]:
        """One logit of each frame, as this network has it: in single precision, so a little off what int8 says."""
        with torch.no_grad():
            return [float(self._logits(self._network.embed(ids), types)[0, column]) for ids, types in map(_inputs, frames)]

    def path(self, frame: Frame, column: int, *, steps: int = _STEPS) -> Attributed:
        """The attribution of one logit, by Gauss-Legendre quadrature along the straight path from the masked frame. Twice as
        many points are taken until the sum is complete, at most :data:`MOST_STEPS`."""
        ids, types = _inputs(frame)
        blank = torch.tensor([[token if token in self._kept else self._mask for token in frame.ids]])
        with torch.no_grad():
            end, start = self._network.embed(ids), self._network.embed(blank)
            logit, baseline = (float(self._logits(each, types)[0, column]) for each in (end, start))
        while True:
            found = Attributed(logit, baseline, self._integral(start, end, types, column, steps))
            if found.complete or steps >= MOST_STEPS:
                return found
            steps *= 2

    def _integral(self, start: Tensor, end: Tensor, types: Tensor, column: int, steps: int) -> NDArray[np.float64]:
        points, weights = np.polynomial.legendre.leggauss(steps)
        at = torch.tensor((points + 1) / 2, dtype=start.dtype).view(-1, 1, 1)
        share = torch.tensor(weights / 2, dtype=start.dtype).view(-1, 1, 1)
        total = torch.zeros_like(start[0])
        for first in range(0, steps, _AT_ONCE):
            own = slice(first, first + _AT_ONCE)
            between = (start + at[own] * (end - start)).requires_grad_(True)
            logits = self._logits(between, types.expand(len(between), -1))
            (gradient,) = torch.autograd.grad(logits[:, column].sum(), between)
            total += (gradient * share[own]).sum(0)
        each: NDArray[np.float64] = (total * (end - start)[0]).sum(-1).double().numpy()
        return each

    def _logits(self, embedded: Tensor, types: Tensor) -> Tensor:
        mask = torch.ones_like(types)
        states = self._network.bert(inputs_embeds=embedded, attention_mask=mask, token_type_ids=types).last_hidden_state
        found: Tensor = self._network.head(states, mask, types)
        return found


def _inputs(frame: Frame) -> tuple[Tensor, Tensor]:
    ids = torch.tensor([frame.ids])
    types = torch.zeros_like(ids)
    types[0, frame.scored :] = 1
    return ids, types
