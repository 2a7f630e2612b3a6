"""What is told of a pack before it serves: what it would answer, how fast, how large, and what to mind."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detectors.contract import Item
from detectors.external.calibration import Raw, Table
from detectors.external.inspection import minds, some
from detectors.external.labels import Answer
from detectors.external.pack import Use, read_pack
from detectors.external.tier import ExternalTier
from detectors.signals import Side

__all__ = ["NEUTRAL", "Examination", "Line", "Sample", "examine"]

NEUTRAL: Final = (
    "The train to the coast leaves at ten past nine, so we had breakfast early.",
    "I made a pot of soup and watched the rain for a while.",
)
"""What a pack is tried on: nothing should be found in it."""

_SLOW: Final = 0.25


@dataclass(frozen=True, slots=True)
class Line:
    """One signal: what it is read off, and what becomes of it."""

    signal: str
    text: str
    labels: str
    use: Use
    calibration: str
    threshold: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What the pack says of one neutral text, and the seconds that it took."""

    text: str
    values: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, slots=True)
class Examination:
    """All that is told. ``size``: of the weights, in bytes. ``minds``: what somebody who sets it up should know."""

    name: str
    model: str
    licence: str
    languages: tuple[str, ...]
    device: str
    output: str
    longest: int
    parameters: int
    size: int
    load_seconds: float
    lines: tuple[Line, ...]
    unused: tuple[str, ...]
    samples: tuple[Sample, ...]
    minds: tuple[str, ...]


def examine(file: str | Path, device: str, *, downloads: bool = False) -> Examination:
    """Loads a pack and tries it. Raises :class:`~detectors.external.errors.PackUnfit`."""
    pack = read_pack(file)
    started = time.perf_counter()
    tier = ExternalTier.load(pack, device, downloads=downloads)
    seconds = time.perf_counter() - started
    samples = tuple(_tried(tier, text) for text in NEUTRAL)
    labels, spec = tier.classifier.labels, pack.spec
    read = {column for answer in tier.answers for column in answer.columns}
    return Examination(
        name=pack.name,
        model=f"{spec.model.hub} at {spec.model.revision}" if spec.model.hub is not None else str(spec.model.folder),
        licence=spec.licence,
        languages=spec.languages,
        device=tier.classifier.device,
        output=tier.classifier.output,
        longest=tier.classifier.longest,
        parameters=tier.classifier.parameters,
        size=tier.classifier.size,
        load_seconds=seconds,
        lines=tuple(_line(tier, answer, labels) for answer in tier.answers),
        unused=tuple(label for at, label in enumerate(labels) if at not in read),
        samples=samples,
        minds=tuple(_minds(tier, samples)),
    )


def _line(tier: ExternalTier, answer: Answer, labels: tuple[str, ...]) -> Line:
    names = [labels[column] for column in answer.columns]
    joined = (" + " if answer.summed else " or ").join(names)
    kind = answer.calibration
    told = "none" if isinstance(kind, Raw) else f"{len(kind.knots)} knots" if isinstance(kind, Table) else ""
    if not told and not isinstance(kind, Raw | Table):
        told = f"slope {kind.slope:g}, offset {kind.offset:g}"
    text = "a person's turn" if answer.side is Side.USER else "a whole reply" if answer.whole else "a reply's sentence"
    return Line(
        answer.signal,
        text,
        f"not ({joined})" if answer.negated else joined,
        tier.uses[answer.signal],
        told,
        answer.threshold,
    )


def _tried(tier: ExternalTier, text: str) -> Sample:
    """The text as whatever the pack reads."""
    language = None
    items = [
        Item(Side.USER, text, question=0, language=language),
        Item(Side.REPLY, text, language=language),
        Item(Side.REPLY, text, whole=True, language=language),
    ]
    wanted = [item for item in items if tier.wanted(item, None)]
    started = time.perf_counter()
    scores = [tier.score([item])[0] for item in wanted]
    seconds = (time.perf_counter() - started) / max(1, len(wanted))
    return Sample(text, {name: value for own in scores for name, value in own.answered()}, seconds)


def _minds(tier: ExternalTier, samples: tuple[Sample, ...]) -> Iterator[str]:
    yield from minds(tier.answers, tier.uses)
    found = {
        answer.signal
        for answer in tier.answers
        for sample in samples
        if sample.values.get(answer.signal, 0.0) >= answer.threshold and not answer.signal.startswith("emotion.")
    }
    if found:
        yield f"{some(sorted(found))} found in a neutral sentence: check the labels, the calibration and the threshold"
    slowest = max(sample.seconds for sample in samples)
    if slowest > _SLOW:
        yield f"a sentence takes {slowest:.2f} s, and a turn waits for it: use a GPU, or a smaller model"
