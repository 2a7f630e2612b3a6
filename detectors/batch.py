"""Rows of conversations in, scores of their last messages out: what `handrail score` does, in constant memory.

Row and result are described in the documentation of the command: ``{"id", "messages": [{"role", "content"}, …]}`` in,
``{"id", "model", "signals"}`` out, and ``{"id", "line", "error"}`` in the place of a row that cannot be read. No error
quotes what a row holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import orjson

from detectors.contract import Item, Speaker, Utterance, context_of
from detectors.language import identify
from detectors.lines import LONGEST_LINE, Bad, Line, RowError, Unread, identity, numbered, parsed, read_lines
from detectors.messages import read_messages
from detectors.passages import of_message, reply_items
from detectors.scorer.tiers import Tiered
from detectors.signals import Scores, Side, vocabulary

__all__ = [
    "LONGEST_LINE",
    "Asked",
    "Row",
    "Unread",
    "Worker",
    "language_of",
    "read_lines",
    "read_row",
    "score_rows",
]

_ROWS: Final = 64  # read ahead, so that a model gets whole batches
_ITEMS: Final = 256  # scored at once, however many sentences a reply has
_HISTORY: Final = 32  # messages that say which language a session is in

_NAMES: Final = {side: tuple(signal.name for signal in vocabulary(side)) for side in (Side.USER, Side.REPLY)}

Asked = Callable[[str], int | None]
"""The rung of the safety question that a chatbot's message asks, ``None`` where it asks none."""


class Worker(Protocol):
    """What scores: :class:`detectors.scorer.tiers.Stack`."""

    @property
    def model(self) -> str:
        """Who answers, ``name@version``."""
        ...

    def score(self, batch: Sequence[Item]) -> list[Tiered]:
        """One result for each item, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """A row's last message, ``text``, as what the scorer is asked of it."""

    id: str
    text: str
    items: tuple[Item, ...]


def score_rows(lines: Iterable[Line], worker: Worker, *, asked: Asked | None = None) -> Iterator[str]:
    """One JSON text for each row, in order, without a line end; blank lines are skipped, and a byte order mark at the start.

    A person's message is scored with up to four messages before it, and with the safety question that the one right before
    it asks, where ``asked`` knows one. A reply is scored sentence by sentence, each with the person's last message and what
    the reply said before, and once as a whole; what becomes of these is :func:`~detectors.passages.of_message`. A signal
    that nobody answered is ``null``. Never raises for what a line holds.
    """
    ahead: list[Row | Bad] = []
    waiting = 0
    for number, line in numbered(iter(lines)):
        row = read_row(line, number, asked)
        ahead.append(row)
        waiting += len(row.items) if isinstance(row, Row) else 0
        if len(ahead) >= _ROWS or waiting >= _ITEMS:
            yield from _scored(ahead, worker)
            ahead, waiting = [], 0
    yield from _scored(ahead, worker)


def read_row(line: Line, number: int, asked: Asked | None) -> Row | Bad:
    """A line as a row, or why it is none. ``asked``: see :func:`score_rows`."""
    try:
        return _row(parsed(line), asked)
    except RowError as error:
        return Bad(error.id, number, str(error))


def _row(value: object, asked: Asked | None) -> Row:
    row, name = identity(value, '{"id": …, "messages": […]}')
    try:
        said = read_messages(row.get("messages"))
    except (TypeError, ValueError) as error:
        raise RowError(str(error), name) from None
    items = _user_items(said, asked) if said[-1].speaker is Speaker.USER else _reply_items(said)
    return Row(name, said[-1].text, tuple(items))


def language_of(said: Sequence[Utterance]) -> str | None:
    """What a person's earlier messages were written in, as a session would know it."""
    language: str | None = None
    for utterance in said[-_HISTORY:]:
        if utterance.speaker is Speaker.USER:
            language = identify(utterance.text, language) or language
    return language


def _user_items(said: Sequence[Utterance], asked: Asked | None) -> list[Item]:
    *before, last = said
    question = None
    if asked is not None and before and before[-1].speaker is Speaker.ASSISTANT:
        question = asked(before[-1].text)
    return [Item(Side.USER, last.text, context_of(before), question, language=language_of(before))]


def _reply_items(said: Sequence[Utterance]) -> list[Item]:
    *before, last = said
    return reply_items(last.text, before, language=language_of(before))


def _scored(rows: Sequence[Row | Bad], worker: Worker) -> Iterator[str]:
    items = [item for row in rows if isinstance(row, Row) for item in row.items]
    found: list[Scores | None] = []
    for start in range(0, len(items), _ITEMS):
        found.extend(told.scores for told in worker.score(items[start : start + _ITEMS]))
    at = 0
    for row in rows:
        if isinstance(row, Bad):
            yield row.dumped()
            continue
        own = found[at : at + len(row.items)]
        at += len(row.items)
        result = {"id": row.id, "model": _model(own, worker), "signals": _signals(row.items, own)}
        yield orjson.dumps(result).decode()


def _model(scores: Sequence[Scores | None], worker: Worker) -> str:
    """The highest that answered anything of the message."""
    names = [own.model for own in scores if own is not None]
    # Where others' models answer beside the highest, the name of each stands behind its own.
    beside = [name for name in names if name.startswith(f"{worker.model}+")]
    return max(beside, key=len) if beside else worker.model if worker.model in names or not names else names[0]


def _signals(items: Sequence[Item], scores: Sequence[Scores | None]) -> dict[str, float | None]:
    """Every signal of the message's side."""
    found = of_message(items, scores)
    told = {} if found is None else dict(found.answered())
    return {name: round(told[name], 6) if name in told else None for name in _NAMES[items[0].side]}
