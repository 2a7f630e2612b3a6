"""Rows of conversations in, scores of their last messages out: what `handrail score` does, in constant memory.

Row and result are described in the documentation of the command: ``{"id", "messages": [{"role", "content"}, …]}`` in,
``{"id", "model", "signals"}`` out, and ``{"id", "line", "error"}`` in the place of a row that cannot be read. No error
quotes what a row holds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

import orjson

from detectors.contract import Item, Speaker, Utterance
from detectors.language import identify
from detectors.passages import reply_items
from detectors.scorer.tiers import Tiered
from detectors.signals import Scores, Side, Tier, vocabulary

__all__ = ["LONGEST_LINE", "Asked", "Unread", "Worker", "read_lines", "score_rows"]

LONGEST_LINE: Final = 4 * 1024 * 1024
"""Bytes. A longer line is a bad row; what stands behind it is read all the same."""

_ROWS: Final = 64  # read ahead, so that a model gets whole batches
_ITEMS: Final = 256  # scored at once, however many sentences a reply has
_CONTEXT: Final = 4  # messages before a person's, as the gateway gives them
_CONTEXT_CHARACTERS: Final = 1200
_HISTORY: Final = 32  # messages that say which language a session is in
_SPEAKERS: Final = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}

_NAMES: Final = {
    side: (tuple(signal.name for signal in vocabulary(side)), tuple(signal.whole for signal in vocabulary(side)))
    for side in (Side.USER, Side.REPLY)
}
"""The names of a side's signals, and which of them are judged on a whole reply."""

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
class Unread:
    """A line that is no text: why, in words that go into the row's error."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class _Bad:
    id: str | None
    line: int
    error: str


class _RowError(ValueError):
    """A row that cannot be read. ``id`` is the row's, where it has a good one."""

    def __init__(self, error: str, id: str | None = None) -> None:
        super().__init__(error)
        self.id = id


def read_lines(file: BinaryIO, told: Callable[[int], None] | None = None) -> Iterator[str | Unread]:
    """The lines of a UTF-8 file, none of them held longer than :data:`LONGEST_LINE`. ``told`` hears how many bytes were
    read."""
    while line := file.readline(LONGEST_LINE + 1):
        size = len(line)
        if size > LONGEST_LINE and not line.endswith(b"\n"):
            while rest := file.readline(LONGEST_LINE):
                size += len(rest)
                if rest.endswith(b"\n"):
                    break
            yield Unread(f"the line is longer than {LONGEST_LINE} bytes; give the last messages of the conversation alone")
        else:
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                yield Unread(f"byte {error.start} of the line is not UTF-8; write the file in UTF-8")
        if told is not None:
            told(size)


def score_rows(lines: Iterable[str | Unread], worker: Worker, *, asked: Asked | None = None) -> Iterator[str]:
    """One JSON text for each row, in order, without a line end; blank lines are skipped, and a byte order mark at the start.

    A person's message is scored with up to four messages before it, and with the safety question that the one right before
    it asks, where ``asked`` knows one. A reply is scored sentence by sentence, each with the person's last message and what
    the reply said before, and once as a whole: a signal is the highest over the sentences, but for those that are judged on
    the whole. A signal that nobody answered is ``null``. Never raises for what a line holds.
    """
    ahead: list[_Row | _Bad] = []
    waiting = 0
    for number, line in enumerate(lines, 1):
        if isinstance(line, str):
            line = line.removeprefix("\ufeff") if number == 1 else line
            if not line.strip():
                continue
        row = _read(line, number, asked)
        ahead.append(row)
        waiting += len(row.items) if isinstance(row, _Row) else 0
        if len(ahead) >= _ROWS or waiting >= _ITEMS:
            yield from _scored(ahead, worker)
            ahead, waiting = [], 0
    yield from _scored(ahead, worker)


def _read(line: str | Unread, number: int, asked: Asked | None) -> _Row | _Bad:
    if isinstance(line, Unread):
        return _Bad(None, number, line.reason)
    try:
        return _row(_parsed(line), asked)
    except _RowError as error:
        return _Bad(error.id, number, str(error))


def _parsed(line: str) -> object:
    if len(line) > LONGEST_LINE:
        raise _RowError(
            f"the line is longer than {LONGEST_LINE} characters; give the last messages of the conversation alone"
        )
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        at = error.pos
    if "\\u" in line:
        # Half of an emoji is bad JSON to some and a cut message to others: its text is read all the same.
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            pass
    raise _RowError(f"not JSON from character {at} on; each line is one object") from None


def _row(row: object, asked: Asked | None) -> _Row:
    if not isinstance(row, dict):
        raise _RowError('a row is an object: {"id": …, "messages": […]}')
    name = row.get("id")
    if not isinstance(name, str) or not _encodable(name):
        raise _RowError("id is missing; every row has one" if name is None else "id must be a string of Unicode characters")
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _RowError("messages must be a list with at least one message", name)
    said = [_utterance(message, at, name) for at, message in enumerate(messages)]
    items = _user_items(said, asked) if said[-1].speaker is Speaker.USER else _reply_items(said)
    return _Row(name, tuple(items))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _utterance(message: object, at: int, name: str) -> Utterance:
    if not isinstance(message, dict):
        raise _RowError(f"messages[{at}] must be an object with role and content", name)
    role, content = message.get("role"), message.get("content")
    speaker = _SPEAKERS.get(role) if isinstance(role, str) else None
    if speaker is None:
        raise _RowError(f"messages[{at}].role must be user or assistant", name)
    if not isinstance(content, str):
        raise _RowError(f"messages[{at}].content must be a string", name)
    return Utterance(speaker, content)


def _language(said: Sequence[Utterance]) -> str | None:
    """What a person's earlier messages were written in."""
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
    spoken = [utterance for utterance in before if utterance.text][-_CONTEXT:]
    context = tuple(Utterance(utterance.speaker, utterance.text[-_CONTEXT_CHARACTERS:]) for utterance in spoken)
    return [Item(Side.USER, last.text, context, question, language=_language(before))]


def _reply_items(said: Sequence[Utterance]) -> list[Item]:
    *before, last = said
    return reply_items(last.text, before, language=_language(before))


def _scored(rows: Sequence[_Row | _Bad], worker: Worker) -> Iterator[str]:
    items = [item for row in rows if isinstance(row, _Row) for item in row.items]
    found: list[Scores | None] = []
    for start in range(0, len(items), _ITEMS):
        found.extend(told.scores for told in worker.score(items[start : start + _ITEMS]))
    at = 0
    for row in rows:
        if isinstance(row, _Bad):
            yield orjson.dumps({"id": row.id, "line": row.line, "error": row.error}).decode()
            continue
        own = found[at : at + len(row.items)]
        at += len(row.items)
        result = {"id": row.id, "model": _model(own, worker), "signals": _signals(row.items, own)}
        yield orjson.dumps(result).decode()


def _model(scores: Sequence[Scores | None], worker: Worker) -> str:
    """The highest that answered anything of the message."""
    names = [own.model for own in scores if own is not None]
    return worker.model if worker.model in names or not names else names[0]


def _signals(items: Sequence[Item], scores: Sequence[Scores | None]) -> dict[str, float | None]:
    """Every signal of the message's side: the highest over the items that it is judged on."""
    names, whole = _NAMES[items[0].side]
    best: list[float | None] = [None] * len(names)
    sentences = any(not item.whole for item in items)
    for item, own in zip(items, scores, strict=True):
        if own is None:
            continue
        for at, value in enumerate(own.values):
            if own.tiers[at] < Tier.LEXICON or not math.isfinite(value):
                continue
            if sentences and item.whole != whole[at]:
                continue
            so_far = best[at]
            if so_far is None or value > so_far:
                best[at] = value
    return {name: value if value is None else round(value, 6) for name, value in zip(names, best, strict=True)}
