"""``handrail train --what names``: from data to the head's folder, with its figures."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from detectors.encoder.manifest import MODELS
from detectors.training.errors import TrainingError

if TYPE_CHECKING:
    from detectors.pii.network import TagNetwork

__all__ = ["train"]


def train(
    data: Path,
    out: Path,
    *,
    minutes: float | None = None,
    epochs: int | None = None,
    seed: int = 1,
    rate: float | None = None,
    init: Path | None = None,
    name: str = "handrail-pii",
    version: str = "0",
    tokenizer: Path | None = None,
    tell: Callable[[str], None] = print,
) -> Path:
    """Trains, exports and measures the head; returns its folder, ``out/model``. Under 15 minutes on two cores by default.

    ``init``: weights of an earlier run (its ``network.pt``) to start from. ``tokenizer``: by default that of the model
    that scores, which the head's folder then refers to. Raises :class:`TrainingError`.
    """
    # With threads that spin while they wait, a neighbour on one of two cores makes a step ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    try:
        import torch
        from tokenizers import Tokenizer
    except ImportError as error:
        raise TrainingError(f"training needs {error.name}; install the extra: pip install 'handrail[torch]'") from None
    from detectors.pii.network import pretrained_tags
    from detectors.pii.pieces import Piecer
    from detectors.pii.training.loop import Plan
    from detectors.pii.training.loop import train as run
    from detectors.pii.training.material import read
    from detectors.pii.training.ship import build
    from detectors.pii.training.writing import Writer

    material = read(data)
    tell(f"{len(material.train):,} texts and {len(material.comments):,} comments to train on")
    plan = Plan(seed=seed)
    plan = replace(plan, minutes=minutes or plan.minutes, epochs=epochs or plan.epochs, rate=rate or plan.rate)
    out.mkdir(parents=True, exist_ok=True)
    vocabulary = tokenizer or MODELS / "handrail-minilm" / "tokenizer.json"
    torch.manual_seed(seed)
    network = pretrained_tags()
    if init is not None:
        _load(network, init)
    run(network, Piecer(Tokenizer.from_file(str(vocabulary))), Writer(material), plan, out / "log.jsonl")
    torch.save(network.state_dict(), out / "network.pt")
    found = build(network, vocabulary, material, out / "model", name=name, version=version)
    for title, figures in found["figures"].items():
        value, low, high = figures["entities"]["all"]["f1"]
        tell(f"{title}: F1 {value:.3f} [{low:.3f}, {high:.3f}] on {figures['entities']['all']['n']:,} entities")
    return out / "model"


def _load(network: TagNetwork, path: Path) -> None:
    import torch

    from detectors.training.errors import RunUnfit

    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, TypeError, RuntimeError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        raise RunUnfit(f"{path} holds no weights of this network ({reason}); give a network.pt of this release") from None
