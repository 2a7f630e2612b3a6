"""Emotions are fitted last: their trunk and heads, to plain labels, on states of the encoder, which stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from detectors.encoder.framing import Framer
from detectors.encoder.heads import EMOTION_HEADS, HEADS
from detectors.encoder.network import Network
from detectors.training.batches import by_length, positive_weights
from detectors.training.example import Example
from detectors.training.served import bags

__all__ = ["fit_emotions"]

_SOURCE: Final = "goemotions"
_EPOCHS: Final = 10
_SIZE: Final = 256
_RATE: Final = 1e-3
_DECAY: Final = 0.05
_COLUMNS: Final = [HEADS.index(name) for name in EMOTION_HEADS]


def fit_emotions(
    network: Network, framer: Framer, examples: Sequence[Example], *, seed: int, device: str = "cpu", epochs: int = _EPOCHS
) -> None:
    """Fits ``network``'s emotions anew to the comments of GoEmotions among ``examples``; nothing else of it changes. Where
    there are none, nothing does."""
    told = [example for example in examples if example.source == _SOURCE]
    if not told:
        return
    network.to(device).eval()
    states = _states(network, framer, told, device)
    labels = torch.tensor([[example.labels[name] for name in EMOTION_HEADS] for example in told], device=device)
    positive = positive_weights(told, {_SOURCE: 1.0})[_COLUMNS].to(device)
    random = torch.Generator().manual_seed(seed)
    parameters = [*network.emotion.parameters(), *network.emotion_heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=_DECAY)
    starts = list(range(0, len(told), _SIZE))
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, epochs * len(starts))
    for _ in range(epochs):
        order = torch.randperm(len(told), generator=random).to(device)
        for start in starts:
            chosen = order[start : start + _SIZE]
            logits = network.emotion_heads(network.emotion(nn.functional.dropout(states[chosen], 0.1)))
            loss = nn.functional.binary_cross_entropy_with_logits(logits, labels[chosen], pos_weight=positive)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            falling.step()


def _states(network: Network, framer: Framer, told: Sequence[Example], device: str) -> Tensor:
    """The encoder's mean state of each text, ``[examples, width]``. Comments have no context and one window."""
    frames = [bags(example, framer)[0].frames[0] for example in told]
    found = torch.empty(len(frames), network.bert.config.hidden_size, device=device)
    with torch.no_grad():
        for places, (ids, mask, types) in by_length(frames, framer.pad, size=_SIZE, device=device):
            found[places] = network.pooled(network.states(ids, mask, types), mask, types)
    return found
