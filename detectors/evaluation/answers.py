"""Whose answers are judged: a tier of ours, all of them together, or a file of scores that somebody else made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.batch import language_of
from detectors.contract import Item, context_of
from detectors.encoder.manifest import read_manifest, shipped
from detectors.evaluation.answering import Answering
from detectors.evaluation.errors import RowsUnfit
from detectors.evaluation.measures import Vector
from detectors.evaluation.rows import Row, read_scores
from detectors.passages import of_message, reply_items
from detectors.scorer.tiers import Stack
from detectors.signals import SIGNALS, Scores, Side, vocabulary

__all__ = ["NAMES", "Answered", "Listener", "answer", "in_session_order", "items_of", "told"]

NAMES: Final = ("full", "model", "lexicon")

_BATCH: Final = 64
_LAYERED: Final = "full:"

_HEARD: Final = tuple(signal.name for side in (Side.USER, Side.REPLY) for signal in vocabulary(side))


@dataclass(frozen=True, slots=True)
class Answered:
    """``name``: who answered. ``columns``: by signal, a score for each row, NaN where there is none. ``thresholds``: those
    that come with the answers, none for a file or the lexicon."""

    name: str
    columns: Mapping[str, Vector]
    thresholds: Mapping[str, float]


class Listener(Protocol):
    """Hears every row's scores, a conversation's rows in the order of their turns: what plays sessions."""

    def before(self, row: Row) -> Sequence[Item]:
        """What else is to be scored before the row: turns that its conversation has had so far."""
        ...

    def hear(self, row: Row, before: Sequence[Scores], items: Sequence[Item], scores: Sequence[Scores]) -> None:
        """The scores of what came before, and of the row's own items."""
        ...


def answer(
    source: str,
    rows: Sequence[Row],
    names: Sequence[str],
    device: str = "auto",
    listener: Listener | None = None,
) -> Answered:
    """The answers of ``source``: ``full`` (the model, the lexicon where it is silent), ``model``, ``lexicon``, a model's
    folder, ``full:`` and a folder, another model's pack (a .yaml file), or a file of ``handrail score``.

    ``names``: the signals that are kept. Raises :class:`RowsUnfit`, :class:`~detectors.evaluation.errors.AnswersFailed`
    where a tier fails on rows, :class:`~detectors.encoder.errors.ModelUnfit` and
    :class:`~detectors.external.errors.PackUnfit`.
    """
    path = Path(source)
    if source not in NAMES and path.is_file() and not _is_pack(path):
        every = names if listener is None else tuple(dict.fromkeys((*names, *_HEARD)))
        values = _of_file(path, rows, every)
        if listener is not None:
            for place in in_session_order(rows):
                told = zip(every, values[place].tolist(), strict=True)
                _tell(listener, rows[place], {own: value for own, value in told if not math.isnan(value)}, path.name)
        return Answered(path.name, {own: values[:, at] for at, own in enumerate(names)}, {})
    stack, thresholds = _stack(source, path, device)
    kept = {own: np.full(len(rows), math.nan) for own in names}
    for place, found in _scored(rows, Answering(stack), listener):
        for own, value in found.items():
            if own in kept:
                kept[own][place] = value
    return Answered(stack.model, kept, thresholds)


def _of_file(path: Path, rows: Sequence[Row], names: Sequence[str]) -> NDArray[np.float64]:
    """The file's scores, ``[rows, names]``."""
    place = {row.id: at for at, row in enumerate(rows)}
    values = np.full((len(rows), len(names)), math.nan)
    for identity, signals in read_scores(path):
        at = place.get(identity)
        if at is not None:
            values[at] = [signals.get(name, math.nan) for name in names]
    return values


def in_session_order(rows: Sequence[Row]) -> list[int]:
    """Places of the rows: as they came, but those of a conversation that have turns together and in their order."""
    first: dict[str, int] = {}
    for at, row in enumerate(rows):
        first.setdefault(row.conversation, at)

    def key(at: int) -> tuple[int, int, bool, int]:
        row = rows[at]
        return (at, 0, False, at) if row.turn is None else (first[row.conversation], row.turn, row.side is Side.REPLY, at)

    return sorted(range(len(rows)), key=key)


def _scored(
    rows: Sequence[Row], answering: Answering, listener: Listener | None
) -> Iterator[tuple[int, Mapping[str, float]]]:
    order = in_session_order(rows) if listener else range(len(rows))
    for start in range(0, len(rows), _BATCH):
        part = order[start : start + _BATCH]
        before = [list(listener.before(rows[place])) if listener else [] for place in part]
        items = [items_of(rows[place]) for place in part]
        asked = [(rows[place].id, [*pair[0], *pair[1]]) for place, *pair in zip(part, before, items, strict=True)]
        for place, earlier, own, scores in zip(part, before, items, answering.score(asked), strict=True):
            heard, found = scores[: len(earlier)], scores[len(earlier) :]
            if listener:
                listener.hear(rows[place], heard, own, found)
            yield place, told(own, found)
    answering.check()


def _tell(listener: Listener, row: Row, found: Mapping[str, float], model: str) -> None:
    """A row of a file of scores: a reply has one value a signal, so its sentences are one."""
    own = {name: value for name, value in found.items() if name in SIGNALS and SIGNALS[name].side is row.side}
    scores = Scores.of(row.side, model, own)
    if row.side is Side.USER:
        listener.hear(row, (), [Item(row.side, row.text, row.context, row.question)], [scores])
    else:
        items = [Item(row.side, row.text, row.context, whole=whole) for whole in (False, True)]
        listener.hear(row, (), items, [scores, scores])


def _stack(source: str, path: Path, device: str) -> tuple[Stack, dict[str, float]]:
    """Whoever answers, with the language identifier as in the scorer process, and their thresholds."""
    from detectors.encoder.devices import placed
    from detectors.encoder.tier import ModelTier
    from detectors.external.tier import ExternalTier
    from detectors.language import identify
    from detectors.scorer.process import LexiconTier, stack_for

    lexicon = LexiconTier()
    if _is_pack(path):
        other = ExternalTier.load(path, placed(device), weigh=lexicon.weigh)
        return Stack([other], identify), {answer.signal: answer.threshold for answer in other.answers}
    if source == "lexicon":
        return Stack([lexicon], identify), {}
    layered = source == "full" or source.startswith(_LAYERED)
    if source.startswith(_LAYERED):
        path = Path(source.removeprefix(_LAYERED))
    folder = shipped() if source in NAMES else path if path.is_dir() else None
    thresholds = {head.name: head.threshold for head in read_manifest(folder, check=False).heads.values()} if folder else {}
    if source == "full":
        return stack_for(device), thresholds
    if folder is None:
        raise RowsUnfit(
            f"{source} is nobody who answers; give {', '.join(NAMES)}, a model's folder ({_LAYERED}FOLDER: with the "
            "lexicon below it), or a file that handrail score wrote"
            if source not in NAMES
            else "this installation carries no model; give lexicon, or a model's folder"
        )
    tier = ModelTier.load(folder, "cpu" if device == "auto" else device, weigh=lexicon.weigh, words=lexicon.words)
    return Stack([tier, lexicon] if layered else [tier], identify), thresholds


def _is_pack(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml")


def items_of(row: Row) -> list[Item]:
    """As the gateway would ask: a person's turn at once; a reply by sentences, each with what came before, and whole. All in
    the language of what the person said before."""
    language = language_of(row.context)
    if row.side is Side.USER:
        return [Item(Side.USER, row.text, context_of(row.context), row.question, language=language)]
    return reply_items(row.text, row.context, whole=row.whole, language=language)


def told(items: Sequence[Item], scores: Sequence[Scores]) -> dict[str, float]:
    """What was answered of one message, by signal."""
    found = of_message(items, scores)
    return {} if found is None else dict(found.answered())
