"""How much of a score rests on the words that are shown for it: by how many logits it falls when they are taken out.

    python -m tests.benchmarks.faithfulness --data DATA [--signal risk.suicide] [--items 120]

On validation items of the corpus in which the signal is there and reaches its threshold. Three ways of choosing words, each
of about as many characters as the span: the span that stands beside the score, the words with the highest integrated
gradients, and a stretch at random. Means with 95% intervals from 2,000 resamples of situations.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from detectors.attribution.message import Attributor, Word
from detectors.contract import Item
from detectors.encoder.backend import OnnxBackend, padded
from detectors.encoder.framing import Framer
from detectors.encoder.heads import OUTPUTS
from detectors.encoder.manifest import read_manifest, shipped
from detectors.encoder.tier import ModelTier
from detectors.scorer.process import LexiconTier
from detectors.signals import Side
from detectors.training.example import Example
from detectors.training.sources import read
from detectors.training.splits import split

_FEWEST, _MOST = 8, 90  # words: there is something to leave out, and one window holds all
Spans = list[tuple[int, int]]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--signal", action="append")
    parser.add_argument("--items", type=int, default=120)
    given = parser.parse_args()
    folder = shipped()
    assert folder is not None
    examples = [example for example in split(read(given.data)).validation if _fits(example)]
    Random(5).shuffle(examples)
    print(
        "| signal | items | share of the text | falls by: span | as many words by gradients | at random |\n"
        "|---|---|---|---|---|---|"
    )
    for signal in given.signal or ("risk.suicide", "concern.suicide", "risk.violence", "abuse.partner", "risk.psychosis"):
        print(_row(folder, [e for e in examples if e.labels.get(signal, 0.0) >= 0.5], signal, given.items), flush=True)


def _fits(example: Example) -> bool:
    return (
        example.source == "corpus"
        and example.side is Side.USER
        and not example.context
        and 8 <= len(example.text.split()) <= 90
    )


def _row(folder: Path, examples: list[Example], signal: str, most: int) -> str:
    lexicon = LexiconTier()
    tier, attributor = ModelTier.load(folder, words=lexicon.words), Attributor(folder, words=lexicon.words)
    manifest = read_manifest(folder, check=False)
    framer, backend = Framer(Tokenizer.from_file(str(manifest.tokenizer))), OnnxBackend(str(manifest.weights))
    column = OUTPUTS.index(signal)
    random = Random(7)
    falls: list[list[float]] = []
    shares: list[float] = []
    groups: list[str] = []
    for example in examples:
        (scores,) = tier.score([example.item])
        span = scores.spans.get(signal)
        found = attributor.attribute([example.item], example.text, signal) if span is not None else None
        if span is None or found is None or len(falls) >= most:
            continue
        length = span[1] - span[0]
        start = random.randrange(max(len(example.text) - length, 0) + 1)
        chosen: list[Spans] = [[span], _heaviest(found.words, length), [(start, start + length)]]
        texts = [example.text, *(_without(example.text, spans) for spans in chosen)]
        frames = [framer.frame(Item(Side.USER, text, language="en")) for text in texts]
        whole, *rest = padded(backend, frames, framer.pad, len(OUTPUTS))[:, column]
        falls.append([float(whole - each) for each in rest])
        shares.append(length / len(example.text))
        groups.append(example.group)
    if not falls:
        return f"| `{signal}` | 0 | - | - | - | - |"
    cells = " | ".join(_interval(np.array(falls)[:, at], groups) for at in range(3))
    return f"| `{signal}` | {len(falls)} | {np.mean(shares):.0%} | {cells} |"


def _heaviest(words: tuple[Word, ...], length: int) -> Spans:
    spans: Spans = []
    for word in sorted(words, key=lambda word: -word.weight):
        if sum(end - start for start, end in spans) >= length:
            break
        spans.append((word.start, word.end))
    return spans


def _without(text: str, spans: Spans) -> str:
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]} {text[end:]}"
    return " ".join(text.split()) or "."


def _interval(values: NDArray[np.float64], groups: list[str]) -> str:
    names = sorted(set(groups))
    sums = np.array([[values[[g == name for g in groups]].sum(), groups.count(name)] for name in names])
    draws = np.random.default_rng(3).integers(0, len(names), (2000, len(names)))
    means = sums[draws].sum(1)
    low, high = np.percentile(means[:, 0] / means[:, 1], [2.5, 97.5])
    return f"{values.mean():.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    main()
