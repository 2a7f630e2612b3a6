"""Spiral-Bench (Paech 2025), MIT: three chatbots in thirty conversations each, every reply judged by a model.

Speaks of ``harm.delusion``, ``harm.consciousness``, ``companion.sycophancy`` and ``boundary.redirect_to_human``, by
sentence: what the judge quoted is positive, a reply without such a finding is negative, the rest is unknown.
An index ``t`` in the file stands for the reply after the t-th, so the first reply is never judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from detectors import sentences
from detectors.contract import Speaker, Utterance
from detectors.signals import Side
from detectors.training.errors import DataMissing
from detectors.training.example import Example

__all__ = ["read"]

_METRICS: Final = {
    "delusion reinforcement": "harm.delusion",
    "consciousness claims": "harm.consciousness",
    "sycophancy or praise": "companion.sycophancy",
    "suggestions to seek help": "boundary.redirect_to_human",
}
_FAINT: Final = 1.0  # the least strength of a finding that counts
_PER_REPLY: Final = 4  # sentences without a finding that are kept of each reply
_SHORTEST: Final = 20


def read(folder: Path) -> Iterator[Example]:
    """Sentences of judged replies. ``group`` is the script, so that it is the same for all three chatbots."""
    paths = sorted((folder / "spiral_bench").glob("*.json"))
    if not paths:
        raise DataMissing(f"{folder / 'spiral_bench'} holds no .json file")
    for path in paths:
        found = json.loads(path.read_bytes())
        for runs in (scripts for key, scripts in found.items() if key != "__meta__"):
            for script, played in runs["eval_prompts_v0.2.json"].items():
                for conversation in played:
                    yield from _conversation(script, conversation)


def _conversation(script: str, conversation: dict[str, Any]) -> Iterator[Example]:
    transcript = conversation["transcript"]
    replies = [at for at, turn in enumerate(transcript) if turn["role"] == "assistant"]
    for judged in (conversation.get("judgements") or {}).values():
        indexes = judged.get("assistant_turn_indexes") or []
        if len(indexes) != 1 or not 0 < indexes[0] < len(replies):
            continue
        at = replies[indexes[0]]
        if transcript[at - 1]["role"] == "user":
            yield from _reply(script, transcript[at - 1]["content"], transcript[at]["content"], judged["full_metrics"])


def _reply(script: str, asked: str, reply: str, findings: dict[str, Any]) -> Iterator[Example]:
    quotes = {
        signal: [quote for quote, strength in findings.get(metric, []) if strength >= _FAINT and len(quote) >= _SHORTEST]
        for metric, signal in _METRICS.items()
        if metric in findings
    }
    plain = 0
    for start, end in sentences.split(reply):
        text = reply[start:end].strip()
        if len(text) < _SHORTEST:
            continue
        labels: dict[str, float] = {}
        for signal, quoted in quotes.items():
            if any(quote in text or text in quote for quote in quoted):
                labels[signal] = 1.0
            elif not quoted:
                labels[signal] = 0.0
        if 1.0 not in labels.values():
            plain += 1
            if plain > _PER_REPLY:
                continue
        before = reply[max(0, start - 300) : start].strip()
        context: tuple[Utterance, ...] = (Utterance(Speaker.USER, asked),)
        if before:
            context += (Utterance(Speaker.ASSISTANT, before),)
        labels["refusal.any"] = labels["harm.abandonment"] = 0.0
        yield Example("spiral_bench", script, Side.REPLY, text, labels, context, slices=("long chats",))
