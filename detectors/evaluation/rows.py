"""Labelled rows for evaluation, from any JSON Lines file in the form of ``handrail score``'s with labels beside."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from detectors.contract import Speaker, Utterance
from detectors.evaluation.errors import RowsUnfit
from detectors.signals import SIGNALS, Kind, Side

__all__ = ["Row", "read_rows", "read_scores"]

_FORM: Final = (
    'one JSON object a line: {"id": "…", "messages": [{"role": "user" or "assistant", "content": "…"}, …], '
    '"labels": {"risk.suicide": 1, …}}, with "conversation", "slices", "question" and "whole" where they are known'
)


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text.

    ``labels``: from 0 to 1 for the signals that are known. ``conversation``: what is resampled together; the id where a file
    names none. ``slices``: names under which the row counts, its file's among them. ``question``: the rung that was asked.
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


def read_rows(paths: Sequence[Path]) -> list[Row]:
    """All rows of all files. Raises :class:`RowsUnfit` for the first that cannot be used."""
    rows: list[Row] = []
    for path in paths:
        for number, found in _objects(path):
            try:
                rows.append(_row(found, path.stem))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise RowsUnfit(f"{path}:{number}: {_reason(error)}; write {_FORM}") from None
    if not rows:
        raise RowsUnfit(f"{', '.join(map(str, paths))}: no rows; write {_FORM}")
    ids = [row.id for row in rows]
    if len(set(ids)) != len(ids):
        again = next(i for at, i in enumerate(ids) if i in set(ids[:at]))
        raise RowsUnfit(f"the id {again!r} stands on two rows; give every row its own")
    return rows


def read_scores(path: Path) -> dict[str, Mapping[str, float]]:
    """What ``handrail score`` wrote: signals by id, missing ones left out; rows that could not be scored are left out."""
    found: dict[str, Mapping[str, float]] = {}
    for number, row in _objects(path):
        if "error" in row:
            continue
        try:
            signals = {str(name): float(value) for name, value in row["signals"].items() if value is not None}
            found[str(row["id"])] = signals
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RowsUnfit(f"{path}:{number}: {_reason(error)}; give a file that handrail score wrote") from None
    return found


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


def _row(found: Mapping[str, Any], stem: str) -> Row:
    messages = [(Speaker(message["role"]), str(message["content"])) for message in found["messages"]]
    if not messages:
        raise ValueError("no messages")
    speaker, text = messages[-1]
    side = Side.USER if speaker is Speaker.USER else Side.REPLY
    labels = {name: _label(name, value, side) for name, value in found["labels"].items() if value is not None}
    question = found.get("question")
    if question is not None and (not isinstance(question, int) or not 0 <= question <= 6):
        raise ValueError("question is no rung from 0 to 6")
    identity = str(found["id"])
    context = tuple(Utterance(who, said) for who, said in messages[:-1])
    slices = tuple(dict.fromkeys((stem, *map(str, found.get("slices", ())))))
    conversation = str(found.get("conversation", f"{stem}/{identity}"))
    return Row(identity, side, text, context, labels, conversation, slices, question, bool(found.get("whole", True)))


def _label(name: str, value: Any, side: Side) -> float:
    signal = SIGNALS.get(name)
    if signal is None or signal.side is not side or signal.kind is not Kind.PROBABILITY:
        own = [s.name for s in SIGNALS.values() if s.side is side and s.kind is Kind.PROBABILITY]
        close = difflib.get_close_matches(name, own, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"{name!r} is no signal of the {side.value}'s side that has a probability{hint}")
    if not isinstance(value, bool | int | float) or not 0 <= value <= 1:
        raise ValueError(f"the label of {name!r} is not from 0 to 1")
    return float(value)


def _reason(error: Exception) -> str:
    return f"{error.args[0]!r} is not there" if isinstance(error, KeyError) else str(error)
