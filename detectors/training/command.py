"""``handrail train``: from data to a model's folder, with its log and its figures on the test split."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from detectors.training.errors import TrainingError
from detectors.training.example import Example

__all__ = ["train"]

_WATCHED: Final = 400


def train(
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    minutes: float | None = None,
    epochs: int = 4,
    seed: int = 1,
    sources: Sequence[str] | None = None,
    init: Path | None = None,
    rate: float | None = None,
    draw: Mapping[str, float] | None = None,
    device: str = "auto",
    name: str = "handrail-minilm",
    version: str = "0",
    tell: Callable[[str], None] = print,
) -> Path:
    """Trains, exports and evaluates; returns the model's folder, ``out/model``.

    ``init``: weights of an earlier run (its ``network.pt``) to start from. ``draw``: how much of a source an epoch draws
    where that is not the default. Raises :class:`TrainingError`.
    """
    # With threads that spin while they wait, a neighbour on one of two cores makes a step ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    try:
        import torch
        from tokenizers import Tokenizer
    except ImportError as error:
        raise TrainingError(f"training needs {error.name}; install the extra: pip install 'handrail[torch]'") from None
    from detectors.encoder.framing import Framer
    from detectors.encoder.tier import ModelTier
    from detectors.evaluation.study import study
    from detectors.scorer.process import LexiconTier
    from detectors.training.loop import Plan, Trainer, load_weights
    from detectors.training.pretrained import eager, pretrained_folder, pretrained_network
    from detectors.training.ship import build, findings_json, row_of, say
    from detectors.training.sources import SOURCES, goemotions, read
    from detectors.training.splits import split

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = tuple(sources or SOURCES)
    tell(f"reading {', '.join(chosen)}")
    parts = split(read(data, chosen))
    counts = Counter(example.source for example in parts.train)
    tell(
        f"{len(parts.train):,} to train, {len(parts.validation):,} to tune, {len(parts.test):,} for the last figure; "
        f"{parts.dropped} near-duplicates across splits left out"
    )
    torch.manual_seed(seed)
    path = pretrained_folder() / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    framer = Framer(tokenizer)
    network = pretrained_network(framer.tags, tokenizer)
    if init is not None:
        load_weights(network, init)
    plan = Plan(seed=seed, epochs=epochs, minutes=minutes, bf16=device.startswith("cuda"))
    if rate is not None:
        plan = replace(plan, rate=rate)
    if draw:
        plan = replace(plan, mixture={**plan.mixture, **_shares(draw, plan.mixture)})
    trainer = Trainer(network, framer, parts.train, _watched(parts.validation), plan, out, device=device)
    if resume:
        trainer.resume()
    found = trainer.run()
    tell(f"trained; mean AUROC on validation {found.get('mean', float('nan'))}")
    folder, lexicon = out / "model", LexiconTier()
    fitted = build(eager(network.cpu()), path, parts.validation, lexicon, folder, name=name, version=version, counts=counts)
    tell(f"{len(fitted.heads)} signals served, {len(fitted.left)} left to the lexicon tier; {folder}")
    tier = ModelTier.load(folder, words=lexicon.words)
    test = list(parts.test)
    if "goemotions" in chosen:
        test += [replace(example, source="goemotions_dev") for example in goemotions.dev(data)]
    rows = [row_of(example, at) for at, example in enumerate(test)]
    thresholds = {head.name: head.threshold for head in fitted.heads}
    for label, scorer in (("model", tier), ("lexicon", lexicon)):
        answers = {row.id: answer for row, answer in zip(rows, say(scorer, rows), strict=True)}
        findings = study(rows, answers, thresholds if scorer is tier else None)
        (out / f"test-{label}.json").write_bytes(findings_json(findings))
    tell(f"figures on the test split: {out / 'test-model.json'}, {out / 'test-lexicon.json'}")
    return folder


def _shares(draw: Mapping[str, float], known: Mapping[str, float]) -> Mapping[str, float]:
    for source, share in draw.items():
        if source not in known:
            raise TrainingError(f"there is no source {source!r} to draw from; choose from {', '.join(known)}")
        if not 0 <= share <= 10:
            raise TrainingError(f"{share:g} of {source} cannot be drawn; give a share from 0 to 10")
    return draw


def _watched(validation: Sequence[Example]) -> list[Example]:
    """What is looked at after each epoch: all of the corpus, and as much of every other source as a look is worth."""
    seen: Counter[str] = Counter()
    chosen = []
    for example in validation:
        seen[example.source] += 1
        if example.source == "corpus" or seen[example.source] <= _WATCHED:
            chosen.append(example)
    return chosen
