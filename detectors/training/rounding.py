"""int8 as it will be served, felt while training: what goes into the encoder's matrices is rounded (quantisation-aware
training; Jacob et al. 2018), and what lies far out, and so makes the steps of all others coarse, costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor, nn

__all__ = ["Rounding", "rounded"]

_STEPS: Final = 255
_FAR: Final = 6.0  # most of what goes into a matrix lies within


def rounded(values: Tensor) -> Tensor:
    """To 255 steps from the lowest to the highest value, as ONNX Runtime does with one scale for a whole batch; the gradient
    passes as if nothing had been done."""
    exact = values.detach()
    low, high = exact.amin().clamp(max=0.0), exact.amax().clamp(min=0.0)
    step = ((high - low) / _STEPS).clamp(min=1e-9)
    zero = torch.round(-low / step)
    near = (torch.clamp(torch.round(exact / step) + zero, 0, _STEPS) - zero) * step
    return values + (near - exact)


class Rounding:
    """Rounds what goes into every matrix of ``encoder`` while it is :meth:`on`."""

    def __init__(self, encoder: nn.Module) -> None:
        self._on = False
        self._far: list[Tensor] = []
        for module in encoder.modules():
            if isinstance(module, nn.Linear):
                module.register_forward_pre_hook(self._before)

    @contextmanager
    def on(self) -> Iterator[None]:
        """For one pass forward."""
        self._on = True
        self._far.clear()
        try:
            yield
        finally:
            self._on = False

    def cost(self) -> Tensor:
        """Of the last pass: how far inputs lay beyond what is usual, the mean square over all matrices. Above 0 only where
        something lay beyond."""
        return torch.stack(self._far).mean()

    def _before(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not self._on:
            return None
        (values,) = inputs
        beyond = values[values.detach().abs() > _FAR]  # few, so that little is kept for the gradient
        self._far.append((beyond.abs() - _FAR).square().sum() / values.numel())
        return (rounded(values),)
