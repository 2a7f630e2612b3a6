"""Labelled rows for evaluation, from any JSON Lines file in the form of ``handrail score``'s with labels beside."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from detectors.contract import Speaker, Utterance
from detectors.evaluation import fields
from detectors.evaluation.errors import RowsUnfit
from detectors.signals import SIGNALS, Kind, Side, vocabulary

__all__ = ["Asked", "Row", "family", "read_rows", "read_scores"]

Asked = Callable[[str], int | None]
"""The rung of the safety question that a chatbot's message asks, ``None`` where it asks none."""

_FORM: Final = (
    'one JSON object a line: {"id": "…", "messages": [{"role": "user" or "assistant", "content": "…"}, …], '
    '"labels": {"risk.suicide": 1, …}}, with "conversation", "turn", "pair", "slices", "question", "whole" and '
    '"benign" where they are known'
)
_MOST_SLICES: Final = 400
_LARGEST_PAIR: Final = 100
_LEVELS: Final = 6
_RUNGS: Final = 6
_LAST_TURN: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text.

    ``labels``: from 0 to 1 for the signals that are known, from 0 to 6 for ``risk.suicide_level``; ``companion.*`` is the
    highest of that family. ``conversation``: what is resampled together; the id where a file names none. ``slices``: names
    under which the row counts, its file's among them. ``question``: the rung that was asked. ``turn``: which of the
    speaker's turns in the conversation it is. ``pair``: rows of the same pair are to be told apart from each other.
    ``benign``: whether nothing is to be done about it, where somebody said so.
    """

    id: str
    side: Side
    text: str
    context: tuple[Utterance, ...]
    labels: Mapping[str, float]
    conversation: str
    slices: tuple[str, ...]
    question: int | None = None
    whole: bool = True
    turn: int | None = None
    pair: str | None = None
    benign: bool | None = None


def read_rows(paths: Sequence[Path], asked: Asked | None = None) -> list[Row]:
    """All rows of all files. Raises :class:`RowsUnfit` for the first that cannot be used.

    ``asked``: tells which safety question a chatbot's message asks, for rows that do not say it.
    """
    rows: list[Row] = []
    for path in paths:
        for number, found in _objects(path):
            try:
                rows.append(_row(found, path.stem, asked))
            except (KeyError, TypeError, ValueError) as error:
                raise RowsUnfit(f"{path}:{number}: {_reason(error)}; write {_FORM}") from None
    if not rows:
        raise RowsUnfit(f"{', '.join(map(str, paths))}: no rows; write {_FORM}")
    _check(rows)
    return rows


def read_scores(path: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Ids and signals of what ``handrail score`` wrote, without missing signals and rows that could not be scored.

    Raises :class:`RowsUnfit` where it comes to a line that cannot be used.
    """
    for number, row in _objects(path):
        if "error" in row:
            continue
        try:
            signals = {str(name): float(value) for name, value in row["signals"].items() if value is not None}
            yield str(row["id"]), signals
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RowsUnfit(f"{path}:{number}: {_reason(error)}; give a file that handrail score wrote") from None


def _check(rows: Sequence[Row]) -> None:
    seen: set[str] = set()
    turns: set[tuple[str, Side, int]] = set()
    for row in rows:
        if row.id in seen:
            raise RowsUnfit(f"the id {row.id!r} stands on two rows; give every row its own")
        seen.add(row.id)
        if row.turn is not None:
            place = (row.conversation, row.side, row.turn)
            if place in turns:
                raise RowsUnfit(
                    f"turn {row.turn} of the conversation of row {row.id!r} stands on two rows; number them anew"
                )
            turns.add(place)
    pairs = Counter(row.pair for row in rows if row.pair is not None)
    if pairs and max(pairs.values()) > _LARGEST_PAIR:
        raise RowsUnfit(
            f"{pairs.most_common(1)[0][1]:,} rows of one pair, {_LARGEST_PAIR} at most: each is compared with each"
        )
    names = {name for row in rows for name in row.slices}
    if len(names) > _MOST_SLICES:
        raise RowsUnfit(
            f"{len(names):,} different slices, {_MOST_SLICES} at most: a slice is a kind of row; what belongs together is a "
            '"conversation"'
        )


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    found = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise RowsUnfit(f"{path}:{number}: no JSON ({error}); write {_FORM}") from None
                if not isinstance(found, dict):
                    raise RowsUnfit(f"{path}:{number}: no JSON object; write {_FORM}")
                yield number, found
    except OSError as error:
        raise RowsUnfit(f"{path}: {error.strerror}; give a file that can be read") from None


def _row(found: Mapping[str, Any], stem: str, asked: Asked | None) -> Row:
    identity, said = fields.identity(found), fields.messages(found)
    *before, last = said
    side = Side.USER if last.speaker is Speaker.USER else Side.REPLY
    labels = {name: _label(name, value, side) for name, value in fields.labels(found).items()}
    question = fields.number(found, "question", _RUNGS)
    if question is None and asked is not None and side is Side.USER and before and before[-1].speaker is Speaker.ASSISTANT:
        question = asked(before[-1].text)
    conversation, turn = fields.name(found, "conversation"), fields.number(found, "turn", _LAST_TURN)
    if turn is not None and conversation is None:
        raise ValueError("a turn without its conversation")
    return Row(
        identity,
        side,
        last.text,
        tuple(before),
        labels,
        f"{stem}/{identity}" if conversation is None else conversation,
        tuple(dict.fromkeys((stem, *fields.names(found, "slices")))),
        question,
        fields.flag(found, "whole") is not False,
        turn,
        fields.name(found, "pair"),
        fields.flag(found, "benign"),
    )


def _label(name: str, value: Any, side: Side) -> float:
    highest = _highest(name, side)
    if highest is None:
        own = [signal.name for signal in vocabulary(side) if signal.kind is Kind.PROBABILITY]
        close = difflib.get_close_matches(name, own, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"{name!r} is no signal of the {side.value}'s side that has a probability{hint}")
    if not isinstance(value, bool | int | float) or not 0 <= value <= highest:
        raise ValueError(f"the label of {name!r} is not from 0 to {highest}")
    return float(value)


def _highest(name: str, side: Side) -> int | None:
    """The highest label that a name can have, ``None`` where it can have none."""
    if family(name, side):
        return 1
    signal = SIGNALS.get(name)
    if signal is None or signal.side is not side:
        return None
    return {Kind.PROBABILITY: 1, Kind.LEVEL: _LEVELS}.get(signal.kind)


def family(name: str, side: Side) -> tuple[str, ...]:
    """The probabilities that ``companion.*`` and the like stand for, of which the highest counts; none for other names."""
    if not name.endswith(".*"):
        return ()
    own = (signal for signal in vocabulary(side) if signal.kind is Kind.PROBABILITY)
    return tuple(signal.name for signal in own if signal.name.startswith(name[:-1]))


def _reason(error: Exception) -> str:
    return f"{error.args[0]!r} is not there" if isinstance(error, KeyError) else str(error)
