"""``handrail train`` and ``handrail calibrate``: from data to a model, its log and its figures on the test split."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from detectors.training.errors import TrainingError
from detectors.training.example import Example

if TYPE_CHECKING:
    from detectors.encoder.network import Network
    from detectors.training.figures import Figures

__all__ = ["calibrate", "measure", "train"]

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
    halfway: bool = False,
    folds: int = 0,
    rate: float | None = None,
    draw: Mapping[str, float] | None = None,
    words: bool = False,
    device: str = "auto",
    name: str = "handrail-minilm",
    version: str = "0",
    tell: Callable[[str], None] = print,
) -> Path:
    """Trains, exports and evaluates; returns the model's folder, ``out/model``.

    ``minutes``: of training, whatever was planned. ``folds``: how many networks are trained first, each on all folds but
    one, whose word on that one becomes part of the labels; they take half of the time. ``init``: weights of an earlier run
    (its ``network.pt``) to start from; ``halfway``: the weights end in the middle between those and where training led.
    ``draw``: how much of a source an epoch draws where that is not the default. ``words``: trains word embeddings as well;
    always so on a card. Raises :class:`TrainingError`.
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
    from detectors.scorer.process import LexiconTier
    from detectors.training.emotions import fit_emotions
    from detectors.training.folds import crossfitted
    from detectors.training.loop import ON_CARD, Plan, Trainer, load_weights, midway
    from detectors.training.pretrained import eager, pretrained_folder, pretrained_network
    from detectors.training.ship import build
    from detectors.training.sources import SOURCES, read
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
    path = pretrained_folder() / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    framer = Framer(tokenizer)

    def fresh() -> Network:
        torch.manual_seed(seed)
        network = pretrained_network(framer.tags, tokenizer)
        if init is not None:
            load_weights(network, init)
        return network

    card = device.startswith("cuda")
    plan = replace(ON_CARD if card else Plan(), seed=seed, epochs=epochs, minutes=minutes)
    plan = replace(plan, words=words or plan.words, rate=rate or plan.rate)
    if draw:
        plan = replace(plan, mixture={**plan.mixture, **_shares(draw, plan.mixture)})
    learned, watched = parts.train, _watched(parts.validation)
    if folds:
        if minutes is not None:
            plan = replace(plan, minutes=minutes / 2)
        each = replace(plan, minutes=plan.minutes / folds) if plan.minutes is not None else plan
        learned = tuple(crossfitted(parts.train, watched, each, framer, fresh, out, folds=folds, device=device, tell=tell))
    network = fresh()
    trainer = Trainer(network, framer, learned, watched, plan, out, device=device)
    if resume:
        trainer.resume()
    found = trainer.run()
    if halfway:
        midway(network, fresh())
    fit_emotions(network, framer, parts.train, seed=seed, device=device)
    tell(f"trained; mean AUROC on validation {found.get('mean', float('nan'))}")
    folder, lexicon = out / "model", LexiconTier()
    fitted = build(eager(network.cpu()), path, parts.validation, lexicon, folder, name=name, version=version, counts=counts)
    tell(f"{len(fitted.heads)} signals served, {len(fitted.left)} left to the lexicon tier; {folder}")
    measure(folder, parts.test, data, out)
    tell(f"figures on the test split: {out / 'test-model.json'}, {out / 'test-lexicon.json'}")
    return folder


def calibrate(
    data: Path,
    folder: Path,
    *,
    out: Path | None = None,
    card: Path | None = None,
    tell: Callable[[str], None] = print,
) -> None:
    """Fits calibration and thresholds of the model in ``folder`` anew on the validation split; its weights stay.

    ``out``: where the figures on the test split go. ``card``: a model card whose tables are written anew. Raises
    :class:`TrainingError` and :class:`~detectors.encoder.errors.ModelUnfit`.
    """
    from detectors.encoder.manifest import read_manifest
    from detectors.scorer.process import LexiconTier
    from detectors.training.ship import calibrate as refit
    from detectors.training.sources import SOURCES, read
    from detectors.training.splits import split

    manifest = read_manifest(folder)
    counts = {source["name"]: source["examples"] for source in manifest.sources}
    tell(f"reading {', '.join(SOURCES)}")
    parts = split(read(data))
    name, version = manifest.model.split("@")
    fitted = refit(folder, parts.validation, LexiconTier(), name=name, version=version, counts=counts)
    tell(f"{len(fitted.heads)} signals served, {len(fitted.left)} left to the lexicon tier; {folder}")
    if out is not None or card is not None:
        measure(folder, parts.test, data, out, card)
        tell("figures on the test split: " + ", ".join(str(path) for path in (out, card) if path is not None))


def measure(
    folder: Path, test: Sequence[Example], data: Path, out: Path | None = None, card: Path | None = None
) -> tuple[Figures, Figures]:
    """The model's figures on the test split and the lexicon's, both as they are served; ``out`` gets them as JSON, with the
    rows for ``handrail eval``, ``card`` as tables. The development comments of GoEmotions belong to the test."""
    from detectors.encoder.tier import ModelTier
    from detectors.scorer.process import LexiconTier
    from detectors.scorer.tiers import Stack, Tier
    from detectors.training.card import blocks, fill
    from detectors.training.figures import figures, unseen
    from detectors.training.ship import findings_json, rows_json, say
    from detectors.training.sources import goemotions

    manifest = json.loads((folder / "manifest.json").read_bytes())
    thresholds = {name: entry["threshold"] for name, entry in manifest["signals"].items()}
    emotions = [replace(example, source="goemotions_dev") for example in goemotions.dev(data)]
    of = unseen([*test, *emotions])
    rows = [row for _, row in of]
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "test-rows.jsonl").write_bytes(rows_json(rows))
    found = []
    for label in ("model", "lexicon"):
        lexicon = LexiconTier()
        tiers: list[Tier] = [lexicon] if label == "lexicon" else [ModelTier.load(folder, words=lexicon.words), lexicon]
        answers = {row.id: answer for row, answer in zip(rows, say(Stack(tiers), rows), strict=True)}
        own = figures(of, answers, thresholds, tuple(thresholds))
        if out is not None:
            (out / f"test-{label}.json").write_bytes(findings_json(own.findings))
        found.append(own)
    if card is not None:
        fill(card, blocks(manifest, *found))
    return found[0], found[1]


def _shares(draw: Mapping[str, float], known: Mapping[str, float]) -> Mapping[str, float]:
    for source, share in draw.items():
        name, slash, edition = source.partition("/")
        if name not in known or (slash and not edition.isdecimal()):
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
