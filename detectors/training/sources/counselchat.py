"""CounselChat (Bertagnolli 2020), MIT: questions to counsellors and their answers.

Questions speak of risk only as :func:`harmless` has it, and only in topics far from it. Answers are supportive replies: they
neither refuse nor hold back a person nor do harm.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detectors import sentences
from detectors.contract import Speaker, Utterance
from detectors.signals import Side
from detectors.training.example import Example, harmless

__all__ = ["read"]

_FAR: Final = frozenset((
    "intimacy", "relationships", "parenting", "family-conflict", "relationship-dissolution", "marriage", "lgbtq",
    "workplace-relationships", "counseling-fundamentals", "professional-ethics", "social-relationships", "human-sexuality",
    "legal-regulatory", "anger-management", "behavioral-change", "spirituality", "sleep-improvement",
))  # fmt: skip
_GOOD: Final = (
    "companion.isolation", "companion.retention", "harm.method", "harm.encouragement", "harm.delusion",
    "harm.minimising", "harm.abandonment",
)  # fmt: skip
_MAY_REFUSE: Final = re.compile(r"\b(?:can'?t|cannot|unable|not able|won'?t|sorry)\b", re.IGNORECASE)
_PER_ANSWER: Final = 3
_SHORTEST, _LONGEST = 40, 400


def read(folder: Path) -> Iterator[Example]:
    """Questions and some sentences of each answer. ``group`` is the question."""
    asked: set[str] = set()
    for line in (folder / "counselchat" / "counsel_chat.jsonl").read_text("utf-8").rstrip("\n").split("\n"):
        row = json.loads(line)
        question, group = (row["questionText"] or row["questionTitle"] or "").strip(), row["questionID"]
        if not question:
            continue
        if group not in asked:
            asked.add(group)
            labels = harmless(question) if row["topic"] in _FAR else {}
            if labels:
                yield Example("counselchat", group, Side.USER, question, labels, slices=("counselling",))
        yield from _answer(group, question, row["answerText"] or "")


def _answer(group: str, question: str, answer: str) -> Iterator[Example]:
    spans = [span for span in sentences.split(answer) if _SHORTEST <= span[1] - span[0] <= _LONGEST]
    for start, end in spans[:_PER_ANSWER]:
        text = answer[start:end].strip()
        labels = dict.fromkeys(_GOOD, 0.0)
        if not _MAY_REFUSE.search(text):
            labels["refusal.any"] = 0.0
        context: tuple[Utterance, ...] = (Utterance(Speaker.USER, question),)
        if answer[:start].strip():
            context += (Utterance(Speaker.ASSISTANT, answer[:start].strip()),)
        yield Example("counselchat", group, Side.REPLY, text, labels, context, slices=("counselling",))
