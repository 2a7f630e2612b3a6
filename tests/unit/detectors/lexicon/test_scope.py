"""Whom a match is about, and whether it is denied."""

from __future__ import annotations

from itertools import pairwise

import pytest

from detectors.lexicon.clauses import LONGEST, OVERLAP, clause_before, sentences
from detectors.lexicon.scope import Subject, is_denied, is_narrowed, is_reported, subject_of


@pytest.mark.parametrize(
    ("before", "hit"),
    [
        ("i'm not ", "suicidal"),
        ("i don't want to ", "die"),
        ("i would never ever ", "kill myself"),
        ("i have no plans to ", "end my life"),
        ("i don't think ", "i'll kill myself"),
        ("it's not that ", "i want to die"),
        ("without ", "thinking about suicide"),
        ("i promise i won't ", "kill myself"),
        ("don't worry i promise i won't ", "kill myself"),
        ("i don't think so i won't ", "kill myself"),
    ],
)
def test_a_denial_reaches_over_carrying_words(before: str, hit: str) -> None:
    assert is_denied(before, hit)


@pytest.mark.parametrize(
    ("before", "hit"),
    [
        ("no ", "i want to die"),
        ("i can't stop ", "thinking about suicide"),
        ("why don't i ", "kill myself"),
        ("i don't know how to ", "kill myself"),
        ("not a day goes by without ", "thinking about suicide"),
        ("not sure if ", "i want to die"),
        ("i'm not okay ", "i want to die"),
        ("i don't care if i ", "die"),
        ("no one knows ", "i want to die"),
        ("", "i don't want to live"),
        ("i can't promise i won't ", "kill myself"),
        ("i can't promise my sister that i won't ", "kill myself"),
        ("i'm not saying i won't ", "kill myself"),
        ("i don't think i won't ", "kill myself"),
        ("there's no guarantee i won't ", "kill myself"),
        ("i doubt i won't ", "kill myself"),
        ("i can't say i've never thought about ", "killing myself"),
    ],
)
def test_what_denies_something_else_denies_nothing(before: str, hit: str) -> None:
    assert not is_denied(before, hit)


@pytest.mark.parametrize(
    ("after", "narrowed"),
    [
        (" in front of my kids", True),
        (" until my dog dies", True),
        (" yet", True),
        (" without leaving a note", True),
        (" in my mum's house", True),
        (" as long as my mum is alive", True),
        (" before", False),
        (", before you ask", False),
        (" because my kids need me", False),
        (" over a boy", False),
        ("", False),
    ],
)
def test_a_denial_may_hold_for_a_place_or_a_time_only(after: str, narrowed: bool) -> None:
    assert is_narrowed(after) is narrowed


@pytest.mark.parametrize(
    ("before", "hit", "after", "whose"),
    [
        ("", "i want to die", "", Subject.FIRST),
        ("my friend has ", "suicidal thoughts", "", Subject.THIRD),
        ("do you ever feel ", "suicidal", "", Subject.SECOND),
        ("", "suicidal thoughts", " in teenagers", Subject.NOBODY),
        ("", "suicidal again", " and i can't sleep", Subject.FIRST),
        ("my friend and i feel ", "suicidal", "", Subject.FIRST),
    ],
)
def test_the_nearest_person_is_the_one_it_is_about(before: str, hit: str, after: str, whose: str) -> None:
    assert subject_of(before, hit, after) == whose


@pytest.mark.parametrize(
    ("before", "who"),
    [
        ('she said "', Subject.THIRD),
        ("my brother told me that ", Subject.THIRD),
        ('a student told me "i want to ', Subject.THIRD),
        ("i said ", Subject.FIRST),
        ("yesterday ", None),
        ("she said hello and left. ", None),
        ("i'm not saying ", None),
    ],
)
def test_speech_that_is_told_belongs_to_who_spoke(before: str, who: str | None) -> None:
    assert is_reported(before) == who


def test_dots_are_a_pause_and_a_stop_is_an_end() -> None:
    text = "i just... want to sleep. then what? ok"
    assert [text[start:end].strip() for start, end in sentences(text)] == ["i just... want to sleep.", "then what?", "ok"]


def test_a_run_without_an_end_is_read_in_windows_that_overlap() -> None:
    text = "word " * 1000
    spans = sentences(text)
    assert all(end - start <= LONGEST for start, end in spans)
    assert all(0 < earlier[1] - later[0] <= OVERLAP for earlier, later in pairwise(spans))
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)


def test_a_word_without_spaces_is_cut_too() -> None:
    assert all(end - start <= LONGEST for start, end in sentences("x" * 5000))


@pytest.mark.parametrize(
    ("sentence", "hit", "before"),
    [
        ("i'm fine, but i want to die", "i want to die", " "),
        ("i do not want to die", "die", "i do not want to "),
        ("he left and i want to die", "i want to die", " "),
    ],
)
def test_a_clause_begins_after_what_separates_it(sentence: str, hit: str, before: str) -> None:
    assert clause_before(sentence, sentence.index(hit)) == before
