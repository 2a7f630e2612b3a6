"""From a trained network to the head's folder: weights, the tokenizer by reference, the bias that validation asks for, and
its figures on texts that it has not seen."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
from tokenizers import Tokenizer

from detectors.encoder.backend import OnnxTagger
from detectors.encoder.manifest import MODELS
from detectors.evaluation.intervals import Estimate
from detectors.pii.head import Head, log_probabilities, names_in
from detectors.pii.manifest import TASK, digest, read_manifest
from detectors.pii.network import TagNetwork, eager_tags
from detectors.pii.pieces import LONGEST, SHAPES, Piecer
from detectors.pii.tags import TAGS, TYPES
from detectors.pii.training.material import NAME, Material, Partly
from detectors.pii.training.study import Answer, Figures, study
from detectors.pii.training.writing import Text, filled, lowered, persons
from detectors.training.export import export
from detectors.training.sources.entities import Tagged

__all__ = ["LICENCES", "build", "figures"]

LICENCES: Final = {
    "wnut17": "CC BY 4.0",
    "presidio_research": "MIT",
    "goemotions": "CC BY 4.0",
    "corpus": "Apache-2.0",
    "sentences and names of this project": "Apache-2.0",
}

_WEIGHTS: Final = "model.onnx"
_BIASES: Final = tuple(round(-2.0 + 0.25 * step, 2) for step in range(17))
_BETA: Final = 1.5
_COMMENTS: Final = 1000


def build(
    network: TagNetwork, tokenizer: Path, material: Material, folder: Path, *, name: str, version: str
) -> dict[str, Any]:
    """Writes the head's folder; returns its manifest. ``tokenizer``: referred to where it is a model's that the package
    carries, else copied."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / _WEIGHTS
    export(eager_tags(network), weights, per_token=True)
    piecer = Piecer(Tokenizer.from_file(str(tokenizer)))
    manifest: dict[str, Any] = {
        "name": name,
        "version": version,
        "task": TASK,
        "languages": ["en"],
        "clinically_validated": False,
        "labels": "by the authors of the public sets; names put into sentences by authors of this project",
        "encoder": "the first layers of all-MiniLM-L6-v2 (Apache-2.0)",
        "layers": int(network.bert.config.num_hidden_layers),
        "sources": [
            {"name": source, "licence": LICENCES[source], "examples": number}
            for source, number in sorted(material.counts.items())
        ]
        + [{"name": source, "licence": LICENCES[source]} for source in LICENCES if source not in material.counts],
        "files": {
            "weights": {"name": _WEIGHTS, "sha256": digest(weights), "bytes": weights.stat().st_size},
            "tokenizer": {**_referred(tokenizer, folder), "sha256": digest(tokenizer)},
        },
        "tags": list(TAGS),
        "shapes": list(SHAPES),
        "longest": LONGEST,
        "outside": _bias(OnnxTagger(str(weights)), piecer, material),
    }
    _write(folder, manifest)
    head = Head.of(read_manifest(folder))
    manifest["figures"] = figures(head, material)
    _write(folder, manifest)
    return manifest


def _referred(tokenizer: Path, folder: Path) -> dict[str, str]:
    if tokenizer.resolve().parent.parent == MODELS.resolve():
        return {"of": tokenizer.resolve().parent.name, "name": tokenizer.name}
    shutil.copyfile(tokenizer, folder / tokenizer.name)
    return {"name": tokenizer.name}


def figures(head: Head, material: Material) -> dict[str, Any]:
    """On the test part: by set, as written and without capitals."""
    find = _finder(head)
    found: dict[str, Any] = {}
    for source in ("wnut17", "presidio_research"):
        own = [text for text in material.test if text.source == source]
        found[source] = _plain(study(_answers(own, find)))
        found[f"{source}, no capitals"] = _plain(study(_answers(map(_lower, own), find)))
    comments = _comments(material.test_comments, "test")
    found["goemotions with names"] = _plain(study(_answers(comments, find, TYPES[:1]), TYPES[:1]))
    found["goemotions with names, no capitals"] = _plain(study(_answers(map(_lower, comments), find, TYPES[:1]), TYPES[:1]))
    return found


def _bias(network: OnnxTagger, piecer: Piecer, material: Material) -> float:
    """What to add to the log probability of no name, so that F1.5 on validation is highest: a name that stays is worse than
    a word that goes."""
    texts = [*material.validation, *map(_lower, material.validation)]
    comments = _comments(material.validation_comments, "validation")
    every = [(text, TYPES) for text in texts] + [(text, TYPES[:1]) for text in (*comments, *map(_lower, comments))]
    told = [
        (text, kinds, pieces := piecer.pieces(text.text), log_probabilities(pieces, network, piecer))
        for text, kinds in every
    ]
    best, best_f = 0.0, -math.inf
    for bias in _BIASES:
        right = found = there = 0
        for text, kinds, pieces, scores in told:
            spans = {
                (one.start, one.end, one.type) for one in names_in(text.text, pieces, scores, bias) if one.type in kinds
            }
            right += len(spans & set(text.spans))
            found += len(spans)
            there += len(text.spans)
        f = (1 + _BETA**2) * right / max(found + _BETA**2 * there, 1)
        if f > best_f:
            best, best_f = bias, f
    return best


def _comments(comments: Iterable[Partly], part: Any) -> list[Tagged]:
    """Comments with names of ``part`` in their places, and as many without a name."""
    random, names = Random(7), persons(part)  # noqa: S311
    named = [comment for comment in comments if NAME in comment.text]
    bare = [comment for comment in comments if NAME not in comment.text][: len(named)]
    found = []
    for comment in [*named[:_COMMENTS], *bare[:_COMMENTS]]:
        text = filled(comment, [random.choice(names) for _ in range(comment.text.count(NAME))])
        found.append(Tagged("goemotions", comment.group, text.text, text.spans))
    return found


def _lower(tagged: Tagged) -> Tagged:
    return replace(tagged, text=lowered(Text(tagged.text, tagged.spans)).text)


def _finder(head: Head) -> Callable[[str], list[tuple[int, int, str]]]:
    return lambda text: [(name.start, name.end, name.type) for name in head.find(text)]


def _answers(
    texts: Iterable[Tagged], find: Callable[[str], list[tuple[int, int, str]]], types: Sequence[str] = TYPES
) -> list[Answer]:
    return [
        Answer(
            text.group,
            len(text.text),
            tuple(span for span in text.spans if span[2] in types),
            tuple(span for span in find(text.text) if span[2] in types),
        )
        for text in texts
    ]


def _plain(figures: Figures) -> dict[str, Any]:
    return {
        "texts": figures.texts,
        "entities": {
            kind: {"n": number, **{name: _rounded(value) for name, value in measures.items()}}
            for kind, (number, measures) in figures.by_type.items()
        },
        "texts_without": figures.quiet,
        "alarmed": _rounded(figures.alarmed),
    }


def _rounded(value: Estimate) -> list[float | None]:
    """Value, low and high."""
    return [None if np.isnan(part) else round(float(part), 3) for part in asdict(value).values()]


def _write(folder: Path, manifest: dict[str, Any]) -> None:
    half = folder / ".manifest.json"
    half.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    half.replace(folder / "manifest.json")
