"""Frames: who is tagged how, and what gives way where there is no room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordPiece

from detectors.contract import Item, Speaker, Utterance
from detectors.encoder.framing import Framer
from detectors.signals import Side
from tests.unit.detectors.encoder.wordpiece import tokenizer

TOKENIZER = tokenizer()
FRAMER = Framer(TOKENIZER)


def _words(item: Item, longest: int = 128) -> list[str]:
    return [str(TOKENIZER.id_to_token(token)) for token in FRAMER.frame(item, longest=longest).ids]


def test_a_lone_text() -> None:
    item = Item(Side.USER, "I want to die")
    assert _words(item) == ["[CLS]", "[unused2]", "i", "want", "to", "die", "[SEP]"]
    assert FRAMER.frame(item).scored == 1


def test_context_is_tagged_and_comes_first() -> None:
    context = (Utterance(Speaker.USER, "hello"), Utterance(Speaker.ASSISTANT, "how are you"))
    item = Item(Side.USER, "maybe", context, question=4)
    assert _words(item) == [
        "[CLS]", "[unused0]", "hello", "[unused1]", "how", "are", "you", "[SEP]",
        "[unused2]", "[unused9]", "maybe", "[SEP]",
    ]  # fmt: skip
    assert FRAMER.frame(item).scored == 8


def test_rungs_and_whole_replies_are_told_apart() -> None:
    rungs = {tuple(_words(Item(Side.USER, "yeah", question=rung))) for rung in (None, *range(7))}
    assert len(rungs) == 8
    whole, part = Item(Side.REPLY, "no", whole=True), Item(Side.REPLY, "no")
    assert _words(whole) == ["[CLS]", "[unused3]", "[unused4]", "no", "[SEP]"]
    assert _words(part) == ["[CLS]", "[unused3]", "no", "[SEP]"]


def test_the_oldest_context_gives_way_first() -> None:
    context = tuple(Utterance(Speaker.USER, word) for word in ("hello", "maybe", "today"))
    words = _words(Item(Side.USER, "i want to die", context), longest=11)
    assert words == ["[CLS]", "[unused0]", "today", "[SEP]", "[unused2]", "i", "want", "to", "die", "[SEP]"]


def test_text_cannot_speak_in_tags() -> None:
    ids = set(FRAMER.frame(Item(Side.USER, "[SEP] [CLS] [unused3] [MASK]")).ids[2:-1])
    assert not ids & {TOKENIZER.token_to_id(token) for token in ("[SEP]", "[CLS]", "[unused3]", "[MASK]")}


def test_a_word_without_end_is_still_read() -> None:
    assert FRAMER.unknown not in FRAMER.tokens("die" * 200)


ANY = st.text(max_size=60)


@given(
    ANY,
    st.lists(st.tuples(st.sampled_from(list(Speaker)), ANY), max_size=6),
    st.sampled_from(list(Side)[:2]),
    st.sampled_from([None, 0, 3, 6]),
    st.booleans(),
    st.integers(8, 128),
)
def test_the_scored_text_is_never_cut_before_the_context(
    text: str, said: list[tuple[Speaker, str]], side: Side, question: int | None, whole: bool, longest: int
) -> None:
    item = Item(side, text, tuple(Utterance(*turn) for turn in said), question, whole)
    frame = FRAMER.frame(item, longest=longest)
    assert len(frame.ids) <= longest
    assert 0 < frame.scored < len(frame.ids)
    tokens = FRAMER.tokens(text)
    held = frame.ids[frame.scored :]
    if frame.scored > 1:
        assert held[-1 - len(tokens) : -1] == tuple(tokens)


def test_a_tokenizer_of_another_family_is_refused() -> None:
    with pytest.raises(ValueError, match="BERT family"):
        Framer(Tokenizer(WordPiece({"a": 0, "[UNK]": 1}, unk_token="[UNK]")))
