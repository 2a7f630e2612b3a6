"""What the payloads of the scorer's messages mean: items, scores, the handshake and the answers' outcomes.

Everything is exact: what is decoded equals what was encoded, to the last bit of a float and with lone surrogates in texts.
Bytes that are not a message raise :class:`~detectors.errors.WireError`, whatever they are; no size that is merely claimed
is ever allocated. No error says what a text contained.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final

from detectors.contract import Item, Speaker, Utterance
from detectors.errors import WireError
from detectors.signals import VOCABULARY_VERSION, Scores, Side, Tier, position, vocabulary

__all__ = [
    "WIRE_VERSION",
    "Answer",
    "Outcome",
    "Welcome",
    "decode_answer",
    "decode_ask",
    "decode_hello",
    "decode_item",
    "decode_scores",
    "decode_welcome",
    "encode_answer",
    "encode_ask",
    "encode_hello",
    "encode_item",
    "encode_scores",
    "encode_welcome",
]

WIRE_VERSION: Final = 2

_MAGIC: Final = b"HRSC"
_HELLO: Final = struct.Struct("<4sHH")
_ITEM: Final = struct.Struct("<BBBBHI")
_UTTERANCE: Final = struct.Struct("<BI")
_SCORES: Final = struct.Struct("<BBBBHHH")
_SPAN: Final = struct.Struct("<HII")
_TAG: Final = struct.Struct("<HB")
_ASK: Final = struct.Struct("<d")
_NO_QUESTION: Final = 255
_WHOLE, _LANGUAGE = 1, 2
_COVERED = 1
_SETTLED = 1
_SIDES: Final = (Side.USER, Side.REPLY, Side.SESSION)
_SIDE_CODE: Final = {side: code for code, side in enumerate(_SIDES)}
_SPEAKERS: Final = (Speaker.USER, Speaker.ASSISTANT)
_SPEAKER_CODE: Final = {speaker: code for code, speaker in enumerate(_SPEAKERS)}
_VALUES: Final = {side: struct.Struct(f"<{len(vocabulary(side))}d") for side in Side}
_NAMES: Final = {side: tuple(signal.name for signal in vocabulary(side)) for side in Side}
_TIERS: Final = bytes(range(max(Tier) + 1))


class Outcome(IntEnum):
    """What became of one item."""

    SCORED = 0
    EXPIRED = 1  # its deadline had passed before it was begun
    OVERLOADED = 2  # the queue is full
    FAILED = 3  # no tier could score it
    DRAINING = 4  # the scorer is about to end


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a scorer says of itself at the start.

    ``model``: the highest tier, ``name@version``. ``revision``: changes with anything that could change a score.
    """

    version: int
    vocabulary: int
    model: str
    revision: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One item's outcome. ``settled`` is false where a later try may give more (a tier failed): not to be memoised."""

    outcome: Outcome
    settled: bool = False
    scores: bytes = b""


def _long_text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=512)
def _short_text(raw: bytes) -> str:
    """A short word (model, language, tag) that comes again and again."""
    return raw.decode("utf-8", "surrogatepass")


def _word(text: str, what: str, limit: int) -> bytes:
    raw = _long_text(text)
    if len(raw) > limit:
        raise WireError(f"{what} has {len(raw)} bytes, the protocol carries at most {limit}")
    return raw


class _Reader:
    """Reads fields one after the other and never past the end."""

    __slots__ = ("_at", "_raw", "_what")

    def __init__(self, raw: bytes, what: str) -> None:
        self._raw = raw
        self._at = 0
        self._what = what

    def fields(self, layout: struct.Struct) -> tuple[Any, ...]:
        try:
            values = layout.unpack_from(self._raw, self._at)
        except struct.error:
            raise WireError(f"{self._what} ends too early") from None
        self._at += layout.size
        return values

    def take(self, size: int) -> bytes:
        start = self._at
        self._at = start + size
        if self._at > len(self._raw):
            raise WireError(f"{self._what} ends too early")
        return self._raw[start : self._at]

    def text(self, size: int) -> str:
        try:
            return self.take(size).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise WireError(f"{self._what} holds a text that is not UTF-8") from None

    def word(self, size: int) -> str:
        try:
            return _short_text(self.take(size))
        except UnicodeDecodeError:
            raise WireError(f"{self._what} holds a word that is not UTF-8") from None

    def rest(self) -> bytes:
        return self.take(len(self._raw) - self._at)

    def done(self) -> None:
        if self._at != len(self._raw):
            raise WireError(f"{self._what} has {len(self._raw) - self._at} bytes too many")


def encode_item(item: Item) -> bytes:
    """The one encoding of an item: equal items give equal bytes, so a digest of them names the item.

    Raises :class:`WireError` for a question over 254 or below 0, a language over 255 bytes or over 65,535 utterances.
    """
    question = _NO_QUESTION if item.question is None else item.question
    if not 0 <= question <= _NO_QUESTION or (item.question is not None and question == _NO_QUESTION):
        raise WireError(f"an item's question is {item.question}; rungs are 0 to 6")
    if len(item.context) > 0xFFFF:
        raise WireError(f"an item has {len(item.context)} utterances of context, the protocol carries at most 65535")
    language = b"" if item.language is None else _word(item.language, "an item's language", 255)
    flags = (_WHOLE if item.whole else 0) | (0 if item.language is None else _LANGUAGE)
    text = _long_text(item.text)
    parts = [
        _ITEM.pack(_SIDE_CODE[item.side], flags, question, len(language), len(item.context), len(text)),
        language,
        text,
    ]
    for utterance in item.context:
        said = _long_text(utterance.text)
        parts.append(_UTTERANCE.pack(_SPEAKER_CODE[utterance.speaker], len(said)))
        parts.append(said)
    return b"".join(parts)


def decode_item(raw: bytes) -> Item:
    """The item. Raises :class:`WireError`."""
    reader = _Reader(raw, "an item")
    side, flags, question, language_size, utterances, text_size = reader.fields(_ITEM)
    if side >= len(_SIDES) or flags & ~(_WHOLE | _LANGUAGE) or (language_size and not flags & _LANGUAGE):
        raise WireError("an item has a side or flags that this version does not know")
    language = reader.word(language_size) if flags & _LANGUAGE else None
    text = reader.text(text_size)
    context = []
    for _ in range(utterances):
        speaker, size = reader.fields(_UTTERANCE)
        if speaker >= len(_SPEAKERS):
            raise WireError("an item's context has a speaker that this version does not know")
        context.append(Utterance(_SPEAKERS[speaker], reader.text(size)))
    reader.done()
    return Item(
        side=_SIDES[side],
        text=text,
        context=tuple(context),
        question=None if question == _NO_QUESTION else question,
        whole=bool(flags & _WHOLE),
        language=language,
    )


def encode_scores(scores: Scores) -> bytes:
    """The scores' bytes.

    Raises :class:`WireError` for a span or tag of a name that is not in the side's vocabulary, a span outside u32, a tag or
    language over 255 bytes, a model name over 65,535 bytes, or a tier that is none.
    """
    side = scores.side
    at = position(side)
    model = _word(scores.model, "a model's name", 0xFFFF)
    language = b"" if scores.language is None else _word(scores.language, "a language", 254)
    if scores.tiers.translate(None, _TIERS):
        raise WireError("scores carry a tier that the vocabulary does not know")
    parts = [
        _SCORES.pack(
            _SIDE_CODE[side],
            _COVERED if scores.covered else 0,
            0 if scores.language is None else len(language) + 1,
            0,
            len(model),
            len(scores.spans),
            len(scores.tags),
        ),
        model,
        language,
        _VALUES[side].pack(*scores.values),
        scores.tiers,
    ]
    try:
        parts.extend(_SPAN.pack(at[name], start, end) for name, (start, end) in scores.spans.items())
        for name, tag in scores.tags.items():
            word = _word(tag, "a tag", 255)
            parts.append(_TAG.pack(at[name], len(word)))
            parts.append(word)
    except KeyError as error:
        raise WireError(f"a span or tag is for {error.args[0]!r}, which is no signal of side {side.value}") from None
    except struct.error:
        raise WireError("a span is outside 0 to 4294967295") from None
    return b"".join(parts)


def decode_scores(raw: bytes) -> Scores:
    """The scores. Raises :class:`WireError`."""
    reader = _Reader(raw, "scores")
    code, flags, language_size, _, model_size, spans, tags = reader.fields(_SCORES)
    if code >= len(_SIDES) or flags & ~_COVERED:
        raise WireError("scores have a side or flags that this version does not know")
    side = _SIDES[code]
    names = _NAMES[side]
    model = reader.word(model_size)
    language = reader.word(language_size - 1) if language_size else None
    values: tuple[float, ...] = reader.fields(_VALUES[side])
    tiers = reader.take(len(names))
    if tiers.translate(None, _TIERS):
        raise WireError("scores carry a tier that this version does not know")
    if max(spans, tags) > len(names):
        raise WireError(f"scores carry {spans} spans and {tags} tags for {len(names)} signals")
    marked: dict[str, tuple[int, int]] = {}
    for _ in range(spans):
        signal, start, end = reader.fields(_SPAN)
        if signal >= len(names):
            raise WireError("scores have a span for a signal that this version does not know")
        marked[names[signal]] = (start, end)
    tagged: dict[str, str] = {}
    for _ in range(tags):
        signal, size = reader.fields(_TAG)
        if signal >= len(names):
            raise WireError("scores have a tag for a signal that this version does not know")
        tagged[names[signal]] = reader.word(size)
    reader.done()
    return Scores(side, model, values, tiers, marked, tagged, language, bool(flags & _COVERED))


def encode_hello() -> bytes:
    """The client's first payload."""
    return _HELLO.pack(_MAGIC, WIRE_VERSION, VOCABULARY_VERSION)


def decode_hello(raw: bytes) -> tuple[int, int]:
    """The client's wire and vocabulary versions. Raises :class:`WireError` for anything that is not a hello."""
    return _versions(_Reader(raw, "a hello"))


def encode_welcome(model: str, revision: str, *, version: int = WIRE_VERSION, vocabulary: int = VOCABULARY_VERSION) -> bytes:
    """The server's first payload: ``model`` as ``name@version``, and the ``revision`` of everything that scores."""
    name, mark = _word(model, "a model's name", 1024), _word(revision, "a revision", 1024)
    return _HELLO.pack(_MAGIC, version, vocabulary) + struct.pack("<HH", len(name), len(mark)) + name + mark


def decode_welcome(raw: bytes) -> Welcome:
    """What the server said of itself. Raises :class:`WireError`."""
    reader = _Reader(raw, "a welcome")
    version, words = _versions(reader)
    name, mark = reader.fields(struct.Struct("<HH"))
    welcome = Welcome(version, words, reader.word(name), reader.word(mark))
    reader.done()
    return welcome


def _versions(reader: _Reader) -> tuple[int, int]:
    magic, version, words = reader.fields(_HELLO)
    if bytes(magic) != _MAGIC:
        raise WireError("the first message is not a handshake of the scorer's protocol; is this another program's socket?")
    return version, words


def encode_ask(item: bytes, seconds: float) -> bytes:
    """An encoded item with the seconds that its asker can still wait."""
    return _ASK.pack(seconds) + item


def decode_ask(raw: bytes) -> tuple[float, bytes]:
    """Seconds left, and the encoded item. Raises :class:`WireError`."""
    reader = _Reader(raw, "a request")
    (seconds,) = reader.fields(_ASK)
    if not math.isfinite(seconds):
        raise WireError("a request's deadline is not a number of seconds")
    return seconds, reader.rest()


def encode_answer(answer: Answer) -> bytes:
    """An answer's bytes."""
    return bytes((answer.outcome, _SETTLED if answer.settled else 0)) + answer.scores


def decode_answer(raw: bytes) -> Answer:
    """An answer; its scores still encoded. Raises :class:`WireError`."""
    if len(raw) < 2 or raw[0] > max(Outcome) or raw[1] & ~_SETTLED:
        raise WireError("an answer has an outcome that this version does not know")
    outcome = Outcome(raw[0])
    if (outcome is Outcome.SCORED) != (len(raw) > 2):
        raise WireError("an answer says one thing and carries another")
    return Answer(outcome, bool(raw[1] & _SETTLED), raw[2:])
