"""The tables of spellings hold what their readers rely on."""

from __future__ import annotations

import pytest

from detectors.contractions import beside
from detectors.normalise import normalise
from detectors.spellings import DOUBLED, EMOJI, LONGEST, SLANG, WORDS, unmask


def test_a_spelling_is_one_token_and_changes_something() -> None:
    for word, plain in SLANG.items():
        assert word == word.lower()
        assert " " not in word
        assert plain
        assert plain != word


def test_every_spelling_is_undone_in_a_sentence() -> None:
    for word, plain in SLANG.items():
        assert normalise(f"so {word} now").text == f"so {plain} now", word


def test_no_plain_spelling_is_itself_respelt() -> None:
    for plain in SLANG.values():
        assert normalise(plain).text == plain


def test_ordinary_words_are_left_alone() -> None:
    for word in ("id", "ill", "its", "well", "were", "hell", "shell", "wed", "shed", "wit", "nd", "depress", "y", "n", "r"):
        assert word not in SLANG


def test_what_is_joined_or_doubled_has_a_bounded_length() -> None:
    assert max(map(len, WORDS)) <= LONGEST
    assert max(map(len, DOUBLED)) <= LONGEST


def test_emoji_are_single_characters_in_plain_words() -> None:
    for sign, name in EMOJI.items():
        assert len(sign) == 1
        assert name.replace(" ", "").isalpha()


@pytest.mark.parametrize(
    ("token", "word"),
    [
        ("k1ll", "kill"), ("k!ll", "kill"), ("su1c1de", "suicide"), ("$uicide", "suicide"), ("k*ll", "kill"),
        ("k**l", "kill"),
        ("d*e", "die"), ("r@pe", "rape"), ("r_pe", "rape"), ("s#x", "sex"), ("mys3lf", "myself"), ("km5", "kms"),
        ("0verdose", "overdose"),
        ("suic*de", "suicide"), ("su*c*de", "suicide"), ("5elfharm", "selfharm"),
    ],
)  # fmt: skip
def test_unmasks(token: str, word: str) -> None:
    assert unmask(token) == word


@pytest.mark.parametrize(
    "token",
    [
        "kill",
        "f*ck",
        "sh*t",
        "d**d",
        "b**b",
        "c++",
        "1234",
        "k***",
        "***l",
        "a$",
        "h3llo",
        "*ill*",
        "kill_",
        "covid19",
        "4chan",
        "",
    ],
)
def test_leaves(token: str) -> None:
    assert unmask(token) is None


@pytest.mark.parametrize(
    ("word", "before", "after", "plain"),
    [
        ("ill", "", "be", "i'll"), ("ill", "and", "kill", "i'll"), ("ill", "am", "just", None),
        ("ill", "mentally", "be", None),
        ("ill", "", "", None), ("ill", "", "person", None), ("id", "", "rather", "i'd"), ("id", "my", "be", None),
        ("id", "", "card", None), ("r", "why", "", "are"), ("r", "", "you", "are"), ("r", "vitamin", "", None),
        ("unalive", "be", "", "dead"), ("unalive", "to", "myself", "kill"),
    ],
)  # fmt: skip
def test_beside(word: str, before: str, after: str, plain: str | None) -> None:
    assert beside(word, before, after) == plain
