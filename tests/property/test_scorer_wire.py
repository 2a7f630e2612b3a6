"""The scorer's wire: exact both ways, and nothing that arrives can do more than raise ``WireError``."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.contract import Item, Speaker, Utterance
from detectors.errors import WireError
from detectors.scorer.errors import MessageTooLong
from detectors.scorer.frames import MAX_PAYLOAD, FrameReader, Kind, frame
from detectors.scorer.wire import (
    WIRE_VERSION,
    Answer,
    Outcome,
    decode_answer,
    decode_ask,
    decode_hello,
    decode_item,
    decode_scores,
    decode_welcome,
    encode_answer,
    encode_ask,
    encode_hello,
    encode_item,
    encode_scores,
    encode_welcome,
)
from detectors.signals import VOCABULARY_VERSION, Scores, Side, Tier, vocabulary

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)  # lone surrogates too
WORD = st.text(max_size=20)

ITEMS = st.builds(
    Item,
    side=st.sampled_from(Side),
    text=ANY_TEXT,
    context=st.lists(st.builds(Utterance, st.sampled_from(Speaker), ANY_TEXT), max_size=4).map(tuple),
    question=st.none() | st.integers(0, 6),
    whole=st.booleans(),
    language=st.none() | WORD,
)


@st.composite
def any_scores(draw: st.DrawFn) -> Scores:
    side = draw(st.sampled_from(Side))
    names = [signal.name for signal in vocabulary(side)]
    size = len(names)
    name = st.sampled_from(names)
    offset = st.integers(0, 2**32 - 1)
    few = draw(st.dictionaries(st.integers(0, size - 1), st.floats(), max_size=8))
    values = [few.get(at, math.nan) for at in range(size)]
    return Scores(
        side=side,
        model=draw(WORD),
        values=tuple(values),
        tiers=bytes(draw(st.lists(st.sampled_from([int(tier) for tier in Tier]), min_size=size, max_size=size))),
        spans=draw(st.dictionaries(name, st.tuples(offset, offset), max_size=6)),
        tags=draw(st.dictionaries(name, WORD, max_size=6)),
        language=draw(st.none() | st.text(max_size=12)),
        covered=draw(st.booleans()),
    )


def bits(scores: Scores) -> tuple[object, ...]:
    values = struct.pack(f"{len(scores.values)}d", *scores.values)
    return (
        scores.side,
        scores.model,
        values,
        scores.tiers,
        dict(scores.spans),
        dict(scores.tags),
        scores.language,
        scores.covered,
    )


@given(ITEMS)
def test_an_item_comes_back_as_it_was(item: Item) -> None:
    raw = encode_item(item)
    assert decode_item(raw) == item
    assert encode_item(decode_item(raw)) == raw


@settings(max_examples=60)
@given(any_scores())
def test_scores_come_back_bit_for_bit(scores: Scores) -> None:
    assert bits(decode_scores(encode_scores(scores))) == bits(scores)


@given(ITEMS, ITEMS)
def test_different_items_have_different_bytes(one: Item, other: Item) -> None:
    assert (encode_item(one) == encode_item(other)) == (one == other)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_a_wire_error(raw: bytes) -> None:
    for decode in (decode_item, decode_scores, decode_ask, decode_answer, decode_hello, decode_welcome):
        try:
            decode(raw)
        except WireError:
            continue


@settings(max_examples=60)
@given(st.data())
def test_damaged_messages_are_messages_or_wire_errors(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["item", "scores"]))
    raw = bytearray(encode_item(data.draw(ITEMS)) if kind == "item" else encode_scores(data.draw(any_scores())))
    how = data.draw(st.sampled_from(["cut", "extend", "flip"]))
    if how == "cut":
        del raw[data.draw(st.integers(0, len(raw) - 1)) :]
    elif how == "extend":
        raw += data.draw(st.binary(min_size=1, max_size=9))
    else:
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    decode = decode_item if kind == "item" else decode_scores
    if how == "flip":
        try:
            decode(bytes(raw))
        except WireError:
            return
    else:
        with pytest.raises(WireError):
            decode(bytes(raw))


@given(st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 2**32 - 1), st.binary(max_size=50)), max_size=6), st.data())
def test_frames_survive_any_cut(sent: list[tuple[Kind, int, bytes]], data: st.DataObject) -> None:
    stream = b"".join(frame(*one) for one in sent)
    reader = FrameReader()
    got: list[tuple[Kind, int, bytes]] = []
    at = 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        frames = reader.feed(stream[at : at + size])
        while frames:
            got.extend((one.kind, one.number, one.payload) for one in frames)
            frames = reader.feed(b"")
        at += size
    assert got == sent
    assert reader.held == 0


@given(st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 9), st.binary(max_size=60)), max_size=6), st.data())
def test_what_is_too_long_is_passed_over_however_it_was_cut(
    sent: list[tuple[Kind, int, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(frame(*one) for one in sent)
    reader = FrameReader(limit=20, cuts=60)
    got: list[tuple[Kind, int, bytes, bool]] = []
    at = 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        frames = reader.feed(stream[at : at + size])
        while frames:
            got.extend((one.kind, one.number, one.payload, one.cut) for one in frames)
            frames = reader.feed(b"")
        assert reader.held < 9 + 20
        at += size
    assert got == [
        (kind, number, payload, False) if len(payload) <= 20 else (kind, number, b"", True) for kind, number, payload in sent
    ]
    assert reader.held == 0
    with pytest.raises(WireError, match="at most 20"):
        reader.feed(struct.pack("<IBI", 61, Kind.FOUND, 1))


@given(st.binary(max_size=300))
def test_a_reader_holds_no_more_than_came(raw: bytes) -> None:
    reader = FrameReader(limit=1000)
    try:
        reader.feed(raw)
    except WireError:
        return
    assert reader.held <= len(raw)


def test_a_claimed_length_allocates_nothing_and_over_the_limit_is_refused() -> None:
    reader = FrameReader()
    assert reader.feed(struct.pack("<IBI", MAX_PAYLOAD, Kind.ASK, 1)) == []
    assert reader.held == 9
    with pytest.raises(WireError, match="at most"):
        FrameReader().feed(struct.pack("<IBI", MAX_PAYLOAD + 1, Kind.ASK, 1))
    with pytest.raises(MessageTooLong, match="send a shorter text"):
        frame(Kind.ASK, 1, b"x" * (MAX_PAYLOAD + 1))


@given(ITEMS, st.floats(allow_nan=False, allow_infinity=False))
def test_a_request_carries_its_deadline(item: Item, seconds: float) -> None:
    assert decode_ask(encode_ask(encode_item(item), seconds)) == (seconds, encode_item(item))


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf])
def test_a_deadline_is_a_number(seconds: float) -> None:
    with pytest.raises(WireError, match="deadline"):
        decode_ask(encode_ask(b"", seconds))


@given(st.sampled_from(Outcome), st.booleans(), st.binary(min_size=1, max_size=30))
def test_an_answer_carries_scores_exactly_when_it_was_scored(outcome: Outcome, settled: bool, scores: bytes) -> None:
    answer = Answer(outcome, settled, scores if outcome is Outcome.SCORED else b"")
    assert decode_answer(encode_answer(answer)) == answer
    wrong = Answer(outcome, settled, b"" if outcome is Outcome.SCORED else scores)
    with pytest.raises(WireError):
        decode_answer(encode_answer(wrong))


@given(WORD, WORD)
def test_the_handshake_tells_both_sides(model: str, revision: str) -> None:
    welcome = decode_welcome(encode_welcome(model, revision, version=7, vocabulary=9))
    assert (welcome.version, welcome.vocabulary, welcome.model, welcome.revision) == (7, 9, model, revision)
    assert decode_hello(encode_hello()) == (WIRE_VERSION, VOCABULARY_VERSION)
    with pytest.raises(WireError, match="another program"):
        decode_hello(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize("question", [-1, 255, 7000])
def test_what_cannot_be_carried_is_refused(question: int) -> None:
    with pytest.raises(WireError, match="question"):
        encode_item(Item(Side.USER, "x", question=question))


def test_scores_that_are_none_are_refused() -> None:
    good = Scores.of(Side.REPLY, "m@1", {"refusal.any": 0.5})
    for spans, tags, language in (
        ({"risk.suicide": (0, 1)}, {}, None),
        ({}, {"risk.suicide": "now"}, None),
        ({"refusal.any": (-1, 1)}, {}, None),
        ({"refusal.any": (0, 2**32)}, {}, None),
        ({}, {"refusal.any": "x" * 256}, None),
        ({}, {}, "x" * 255),
    ):
        with pytest.raises(WireError):
            encode_scores(Scores(good.side, good.model, good.values, good.tiers, spans, tags, language))
    with pytest.raises(WireError, match="tier"):
        encode_scores(Scores(good.side, good.model, good.values, b"\x04" + good.tiers[1:]))
    raw = bytearray(encode_scores(good))
    raw[-1] = 9
    with pytest.raises(WireError, match="tier"):
        decode_scores(bytes(raw))
