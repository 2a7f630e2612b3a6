"""Where sentences end, in the texts that chatbots write."""

from __future__ import annotations

import pytest

from detectors.sentences import LONGEST, boundaries, split

CASES = {
    "": [],
    "I hear you": ["I hear you"],
    "That sounds hard. I am here.": ["That sounds hard.", " I am here."],
    "No. I can't help with that.": ["No. I can't help with that."],
    "Really? Are you safe?! Tell me": ["Really? Are you safe?!", " Tell me"],
    "She said \"please stay.\" Then she left.": ["She said \"please stay.\"", " Then she left."],
    "(You can call at any time.) It is free.": ["(You can call at any time.)", " It is free."],
    "**You matter to me.** Stay.": ["**You matter to me.**", " Stay."],
    "I don't know... maybe so": ["I don't know...", " maybe so"],
    "It costs 3.50 at example.com today": ["It costs 3.50 at example.com today"],
    "see a.example/b.c?d=e for it": ["see a.example/b.c?d=e for it"],
    "First line here\nsecond line": ["First line here\n", "second line"],
    "First line here\n\n- a point": ["First line here\n", "\n- a point"],
    "死にたいと思っているのですか。大丈夫ですか？": ["死にたいと思っているのですか。", "大丈夫ですか？"],
    "死にたいと思っているのですか?大丈夫ですか?": ["死にたいと思っているのですか?", "大丈夫ですか?"],
    "「一人で抱え込まないでください。」と言った": ["「一人で抱え込まないでください。」", "と言った"],
    "क्या आप अभी सुरक्षित हैं। मुझे बताइए।": ["क्या आप अभी सुरक्षित हैं।", " मुझे बताइए।"],
    "هل أنت بأمان الآن؟ أخبرني من فضلك": ["هل أنت بأمان الآن؟", " أخبرني من فضلك"],
    "Wow!!!!!!!!!!!! Great to hear": ["Wow!!!!!!!!!!!!", " Great to hear"],
}  # fmt: skip


@pytest.mark.parametrize(("text", "sentences"), CASES.items())
def test_split(text: str, sentences: list[str]) -> None:
    assert [text[start:end] for start, end in split(text)] == sentences


def test_a_terminator_at_the_end_closes_its_sentence() -> None:
    assert boundaries("I am here for you.") == [18]
    assert boundaries("I am here for you") == []


def test_a_long_sentence_is_cut_at_white_space() -> None:
    text = "word " * 200
    pieces = [text[start:end] for start, end in split(text)]
    assert all(len(piece) <= LONGEST for piece in pieces)
    assert all(piece.endswith(" ") for piece in pieces)


def test_a_long_word_is_cut_all_the_same() -> None:
    assert [end - start for start, end in split("x" * 1000)] == [LONGEST, LONGEST, 200]
