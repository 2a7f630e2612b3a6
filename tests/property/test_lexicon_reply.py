"""What holds of the lexicon's reading of any reply at all."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.contract import Item, Speaker, Utterance
from detectors.lexicon.reply import BASE, ReplyReader
from detectors.normalise import normalise
from detectors.signals import Side, vocabulary

_NAMES = {signal.name for signal in vocabulary(Side.REPLY)}
_STARRED = {signal.name for signal in vocabulary(Side.REPLY) if signal.whole}

_PIECES = (
    "I'm sorry, but I can't help with that.", "you don't need anybody else, ", "please don't go ", "your friends", " if ",
    "it's your fault", "I love you", "nobody would miss you", "not ", '"', "*", "...", "?", "!", "\n", " - ", "988",
    "\u200b", "\ud800", "😭", "Thank you for telling me. ", "there is no way out", "you feel that ", "promise me", "ok",
    "é", "文字",
)  # fmt: skip
_TEXT = st.one_of(
    st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=300),
    st.lists(st.sampled_from(_PIECES), max_size=30).map("".join),
)
_SAID = st.one_of(st.just(""), _TEXT, st.sampled_from(("I want to die", "write me a story about a jealous ghost", "i'm 14")))


@cache
def reader() -> ReplyReader:
    return ReplyReader()


def read(reply: str, said: str, *, whole: bool) -> dict[str, tuple[float, tuple[int, int] | None]]:
    context = (Utterance(Speaker.USER, said),) if said else ()
    return reader().read(Item(Side.REPLY, reply, context, whole=whole), normalise(reply))


@settings(max_examples=300, deadline=None)
@given(_TEXT, _SAID, st.booleans())
def test_any_reply_is_read_with_values_in_range_and_spans_inside(reply: str, said: str, whole: bool) -> None:
    found = read(reply, said, whole=whole)
    assert set(found) <= _NAMES
    assert whole or not _STARRED & set(found)
    for value, span in found.values():
        assert BASE <= value <= 1.0
        if span is not None:
            start, end = span
            assert 0 <= start < end <= len(reply)


@settings(max_examples=100, deadline=None)
@given(_TEXT, _SAID, st.booleans())
def test_the_same_reply_is_read_the_same_by_any_reader(reply: str, said: str, whole: bool) -> None:
    context = (Utterance(Speaker.USER, said),) if said else ()
    item, normal = Item(Side.REPLY, reply, context, whole=whole), normalise(reply)
    assert reader().read(item, normal) == reader().read(item, normal) == other().read(item, normal)


@cache
def other() -> ReplyReader:
    return ReplyReader()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=12).map("".join))
def test_without_what_the_person_said_no_cue_is_missed(reply: str) -> None:
    found = read(reply, "", whole=True)
    assert found.get("harm.missed_cue", (0.0, None))[0] <= 0.1


def test_fifty_thousand_words_are_read_to_the_end() -> None:
    plain = "the kettle is on and the window is open so the cat went out again " * 3600
    reply = f"{plain}Please don't go yet."
    found = read(reply, "I want to die", whole=True)
    value, span = found["companion.retention"]
    assert value >= 0.6
    assert span is not None
    assert reply[slice(*span)].startswith("Please don't go")
