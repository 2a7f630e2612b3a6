"""Whose answers are judged: a tier of ours, all of them together, or a file of scores that somebody else made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from detectors.contract import Item
from detectors.encoder.manifest import read_manifest, shipped
from detectors.evaluation.errors import RowsUnfit
from detectors.evaluation.rows import Row, read_scores
from detectors.passages import reply_items
from detectors.signals import SIGNALS, Scores, Side

__all__ = ["NAMES", "Answers", "answer", "highest", "items_of"]

NAMES: Final = ("full", "model", "lexicon")

_BATCH: Final = 64

Answers = Mapping[str, Mapping[str, float]]
"""Signals' values by row id."""

_Score = Callable[[Sequence[Item]], list[Scores]]


def answer(source: str, rows: Sequence[Row], device: str = "auto") -> tuple[str, Answers, dict[str, float]]:
    """Who answered, the answers, and the thresholds that come with them (none for a file or the lexicon).

    ``source``: ``full`` (the model, the lexicon where it is silent), ``model``, ``lexicon``, a model's folder, or a file of
    ``handrail score``. Raises :class:`RowsUnfit` and :class:`~detectors.encoder.errors.ModelUnfit`.
    """
    path = Path(source)
    if source not in NAMES and path.is_file():
        return path.name, read_scores(path), {}
    name, score, thresholds = _scorer(source, path, device)
    found: dict[str, Mapping[str, float]] = {}
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        items = [items_of(row) for row in part]
        scores = score([item for own in items for item in own])
        at = 0
        for row, own in zip(part, items, strict=True):
            found[row.id] = highest(own, scores[at : at + len(own)])
            at += len(own)
    return name, found, thresholds


def _scorer(source: str, path: Path, device: str) -> tuple[str, _Score, dict[str, float]]:
    from detectors.encoder.tier import ModelTier
    from detectors.scorer.process import LexiconTier, stack_for

    if source == "lexicon":
        lexicon = LexiconTier()
        return lexicon.name, lexicon.score, {}
    folder = shipped() if source in NAMES else path if path.is_dir() else None
    if source == "full":
        stack = stack_for(device)
        thresholds = {head.name: head.threshold for head in read_manifest(folder).heads.values()} if folder else {}

        def score(items: Sequence[Item]) -> list[Scores]:
            return [found.told(item.side) for item, found in zip(items, stack.score(items), strict=True)]

        return stack.model, score, thresholds
    if folder is None:
        raise RowsUnfit(
            f"{source} is nobody who answers; give {', '.join(NAMES)}, a model's folder, or a file that handrail score wrote"
            if source not in NAMES
            else "this installation carries no model; give lexicon, or a model's folder"
        )
    tier = ModelTier.load(folder, "cpu" if device == "auto" else device, words=LexiconTier().words)
    thresholds = {head.name: head.threshold for head in read_manifest(folder, check=False).heads.values()}
    return tier.name, tier.score, thresholds


def items_of(row: Row) -> list[Item]:
    """As the gateway would ask: a person's turn at once; a reply by sentences, each with what came before, and whole."""
    if row.side is Side.USER:
        return [Item(Side.USER, row.text, row.context, row.question)]
    return reply_items(row.text, row.context, whole=row.whole)


def highest(items: Sequence[Item], scores: Sequence[Scores]) -> dict[str, float]:
    """The highest over a reply's sentences; what is judged on the whole, from the whole."""
    found: dict[str, float] = {}
    sentences_seen = any(not item.whole for item in items)
    for item, own in zip(items, scores, strict=True):
        for name, value in own.answered():
            whole = SIGNALS[name].whole
            if item.side is Side.REPLY and whole != item.whole and (whole or sentences_seen):
                continue
            found[name] = max(found.get(name, value), value)
    return found
