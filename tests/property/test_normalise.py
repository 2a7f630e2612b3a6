"""The normal form of any text, and the way back from it."""

from __future__ import annotations

import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.normalise import Normalised, normalise
from detectors.spellings import EMOJI, SLANG

NASTY = [
    "\ud800", "\udfff", "\x00", "\x0b", "\x85", "\u200b", "\u200d", "\u202e", "\u2060", "\ufeff", "\u00ad",
    "\u034f", "\u0301",
    "\u0489", "\u20dd", "\ufe0f", "\U0001f3fd", "\U0001f1ec", "\U000e0061", "\u3099", "\u1161", "\u1112", "ﷺ",
    "½", "İ", "ß", "ﬃ",
    "か", "죽", "и", "кi", "ill ", "id ", "unalive", "idk", "k i l l ", "k1ll", "s/h", "https://", "www.", "_",
    "*", "!!!", "'", "’",
    "ooo", "💀", "👨‍👩‍👧", "a", "A", " ", "  ", "\n", "r u ",
]  # fmt: skip
TEXTS = st.text(st.characters(codec=None), max_size=40) | st.lists(st.sampled_from(NASTY), max_size=24).map("".join)
ASCII = st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=60) | st.lists(
    st.sampled_from([text for text in NASTY if text.isascii() and text.isprintable()]), max_size=16
).map("".join)


def calls(text: str) -> int:
    """How many functions, of Python and of C, normalising calls."""
    count = 0

    def one(_frame: Any, event: str, _of: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(one)
    try:
        normalise(text)
    finally:
        sys.setprofile(before)
    return count


def sound(found: Normalised, text: str) -> None:
    assert len(found.starts) == len(found.ends) == len(found.text)
    assert found.original == text
    low = high = 0
    for start, end in zip(found.starts, found.ends, strict=True):
        assert 0 <= start < end <= len(text)
        assert low <= start
        assert high <= end
        low, high = start, end


@given(TEXTS)
@settings(max_examples=500)
@example("\u0301\u0301a\u0301")
@example("\u1112\u1161\u11ab")
@example("k i l l  m e")
def test_every_character_has_a_span_inside_the_text(text: str) -> None:
    found = normalise(text)
    sound(found, text)
    if found.text:
        assert found.span(0, len(found.text)) == (found.starts[0], found.ends[-1])


@given(TEXTS)
def test_what_is_read_is_folded(text: str) -> None:
    """No capital, no control, zero-width or private character, no lone surrogate is left for a rule to stumble on."""
    found = normalise(text).text
    assert not any(c.isupper() and unicodedata.normalize("NFKC", c).casefold() != c for c in found)
    assert not any(c < " " and c not in "\n\t\r" for c in found)
    assert not any("\ud800" <= c <= "\udfff" or c in "\u200b\u200d\u202e\u2060\ufeff\u00ad" for c in found)
    found.encode("utf-8")


@given(ASCII)
@settings(max_examples=300)
def test_the_short_way_for_ascii_gives_what_the_long_way_gives(text: str) -> None:
    """A zero-width character at the end sends the text down the long way and is dropped there."""
    short, long = normalise(text), normalise(text + "\u200b")
    assert short.text == long.text
    assert list(short.starts) == list(long.starts)
    assert list(short.ends) == list(long.ends)


WORDS = st.sampled_from(
    [*sorted(SLANG), *sorted(set(SLANG.values())), *EMOJI, "Größe", "señor", "死にたい", "хочу", "مرحبا", "मरना",
     "café,", "k1ll",
     "sooo", "ill", "be", "id", "rather", "unalive", "my", "I'm", "“don’t”", "—", "www.kms.example", "#self_harm",
     "İyi"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=8).map(" ".join))
@settings(max_examples=300)
def test_the_normal_form_of_words_is_its_own_normal_form(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once


@given(
    st.text(st.sampled_from("abdeghiklmnoprstuvwy ,.?"), max_size=60),
    st.integers(0, 60),
    st.sampled_from("\u200b\u200d\u2060\u00ad"),
)
def test_an_invisible_character_changes_nothing_but_offsets(text: str, at: int, invisible: str) -> None:
    found = normalise(text[:at] + invisible + text[at:])
    assert found.text == normalise(text).text


@given(st.text(st.sampled_from("abdeghiklmnoprstuvwy "), min_size=1, max_size=40), st.integers(1, 400))
def test_a_flood_of_marks_is_dropped(text: str, many: int) -> None:
    flooded = "".join(c + "\u0336\u0489\u0301" * (many // 40 + 1) for c in text) + "\u0301" * many
    assert normalise(flooded).text == normalise(text).text


@pytest.mark.parametrize(
    "piece",
    [
        "a", "a ", "a b ", "a. ", "aaa", "aaab", "abc ", "k1ll ", "k i l l ", "é", "e\u0301", "\u0301",
        "か\u3099", "\u1112\u1161", "💀",
        "кi ", "www.a ", "https://", "s/h ", "ill be ", "id ", "_a", "*a", "a'", "idk", "#_", "死", "\u200b",
        "\x00",
    ],
)  # fmt: skip
def test_work_and_size_grow_with_the_text_and_no_faster(piece: str) -> None:
    short, long = piece * (2000 // len(piece)), piece * (8000 // len(piece))
    normalise(long)  # what is remembered of single characters is remembered now
    assert calls(long) <= 5 * calls(short) + 200
    assert len(normalise(long).text) <= 24 * len(long)
