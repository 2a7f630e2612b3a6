"""From a trained network to a model's folder: weights, tokenizer, manifest; and its figures on the test split."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson
from tokenizers import Tokenizer

from detectors.contract import Item
from detectors.encoder.backend import OnnxBackend, padded
from detectors.encoder.framing import Framer
from detectors.encoder.heads import OUTPUTS
from detectors.evaluation.answers import items_of, told
from detectors.evaluation.rows import Row
from detectors.evaluation.study import Finding
from detectors.scorer.tiers import Stack, Tier, Tiered
from detectors.signals import VOCABULARY_VERSION, Scores, Side
from detectors.training.example import Example
from detectors.training.fit import PREVALENCE, Fitted, fit
from detectors.training.served import served
from detectors.training.sources import LICENCES

if TYPE_CHECKING:
    from detectors.encoder.network import Network

__all__ = ["build", "calibrate", "findings_json", "row_of", "rows_json", "say"]

_BATCH: Final = 64
_WEIGHTS: Final = "model.onnx"
_TOKENIZER: Final = "tokenizer.json"


def build(
    network: Network,
    tokenizer: Path,
    validation: Sequence[Example],
    lexicon: Tier,
    folder: Path,
    *,
    name: str,
    version: str,
    counts: Mapping[str, int],
) -> Fitted:
    """Writes the model's folder. ``network`` has eager attention. ``counts``: training examples by source."""
    from detectors.training.export import export  # torch, which a calibration does without

    folder.mkdir(parents=True, exist_ok=True)
    export(network, folder / _WEIGHTS)
    shutil.copyfile(tokenizer, folder / _TOKENIZER)
    return calibrate(folder, validation, lexicon, name=name, version=version, counts=counts)


def calibrate(
    folder: Path,
    validation: Sequence[Example],
    lexicon: Tier,
    *,
    name: str,
    version: str,
    counts: Mapping[str, int],
) -> Fitted:
    """Writes the manifest of the weights in ``folder`` anew, from what they say of ``validation``."""
    weights, copied = folder / _WEIGHTS, folder / _TOKENIZER
    framer = Framer(Tokenizer.from_file(str(copied)))
    backend = OnnxBackend(str(weights))
    answers = served(validation, framer, lambda frames: padded(backend, frames, framer.pad, len(OUTPUTS)))
    fitted = fit(validation, answers, say(lexicon, validation))
    manifest = {
        "name": name,
        "version": version,
        "vocabulary": VOCABULARY_VERSION,
        "languages": ["en"],
        "clinically_validated": False,
        "labels": "by authors of this project and by a model",
        "calibrated_for_at_least": {side.value: share for side, share in PREVALENCE.items()},
        "sources": [
            {"name": source, "licence": LICENCES[source], "examples": number} for source, number in sorted(counts.items())
        ],
        "files": {
            key: {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
            for key, path in (("weights", weights), ("tokenizer", copied))
        },
        "outputs": list(OUTPUTS),
        "signals": {
            head.name: {
                "threshold": head.threshold,
                "ece": head.ece,
                "tier": "full",
                "bands": dict(head.bands),
                "calibration": asdict(head.calibration),
                **({} if head.whole is None else {"whole": asdict(head.whole)}),
            }
            for head in fitted.heads
        },
        "left_to_lexicon": dict(fitted.left),
    }
    half = folder / ".manifest.json"
    half.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    half.replace(folder / "manifest.json")
    return fitted


def say(tier: Tier | Stack, examples: Sequence[Example] | Sequence[Row]) -> list[dict[str, float]]:
    """What a tier answers of each as it would be asked, signals by name, missing ones left out."""
    found = []
    for start in range(0, len(examples), _BATCH):
        rows = [each if isinstance(each, Row) else row_of(each, 0) for each in examples[start : start + _BATCH]]
        items = [items_of(row) for row in rows]
        asked = [replace(item, language="en") for own in items for item in own]
        answers: Sequence[Scores | Tiered] = tier.score(asked)
        scores = [_told(each, item) for each, item in zip(answers, asked, strict=True)]
        at = 0
        for own in items:
            found.append(told(own, scores[at : at + len(own)]))
            at += len(own)
    return found


def _told(scores: Scores | Tiered, item: Item) -> Scores:
    return scores.told(item.side) if isinstance(scores, Tiered) else scores


def row_of(example: Example, at: int) -> Row:
    """An example as a row of an evaluation; its source is a slice."""
    return Row(
        id=f"{example.source}/{at}",
        side=example.side,
        text=example.text,
        context=example.context,
        labels=dict(example.labels),
        conversation=f"{example.source}/{example.group}",
        slices=tuple(dict.fromkeys((example.source, *example.slices))),
        question=example.question,
    )


def rows_json(rows: Sequence[Row]) -> bytes:
    """The rows as the JSON Lines that ``handrail eval`` reads."""
    lines = []
    for row in rows:
        before = [{"role": turn.speaker.value, "content": turn.text} for turn in row.context]
        last = {"role": "user" if row.side is Side.USER else "assistant", "content": row.text}
        found = {
            "id": row.id,
            "messages": [*before, last],
            "labels": dict(row.labels),
            "conversation": row.conversation,
            "slices": list(row.slices),
            "whole": row.whole,
        }
        lines.append(orjson.dumps(found if row.question is None else {**found, "question": row.question}))
    return b"\n".join((*lines, b""))


def findings_json(findings: Sequence[Finding]) -> bytes:
    """The findings as JSON; a figure without meaning is null."""

    def plain(value: Any) -> Any:
        if isinstance(value, float):
            return None if math.isnan(value) else round(value, 5)
        if isinstance(value, Mapping):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, np.generic):
            return plain(value.item())
        return value

    return orjson.dumps([plain(asdict(finding)) for finding in findings], option=orjson.OPT_INDENT_2)
