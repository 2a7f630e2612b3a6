"""Splits: never by row, never a text with its double across, voices held out."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from detectors.signals import Side
from detectors.training.example import Example
from detectors.training.splits import split


def _example(group: str, text: str, *, source: str = "corpus", voice: str = "v1") -> Example:
    return Example(source, group, Side.USER, text, {"risk.suicide": 0.0}, voice=voice)


def _words(seed: str) -> str:
    """Seven words that no other seed gives."""
    digest = hashlib.sha256(seed.encode()).hexdigest()
    return " ".join(digest[at : at + 5] for at in range(0, 35, 5))


def _corpus(situations: int) -> list[Example]:
    return [_example(f"s{at}", _words(f"{at}/{v}"), voice=f"v{v}") for at in range(situations) for v in range(10)]


def test_every_example_is_in_one_split_and_situations_stay_together() -> None:
    examples = _corpus(120)
    parts = split(examples)
    assert len(parts.train) + len(parts.validation) + len(parts.test) + parts.dropped == len(examples)
    home = defaultdict(set)
    for name, part in (("train", parts.train), ("validation", parts.validation), ("test", parts.test)):
        for example in part:
            if "situation seen" not in example.slices:
                home[example.group].add(name)
    assert all(len(names) == 1 for names in home.values())
    assert min(len(parts.train), len(parts.validation), len(parts.test)) > 0


def test_a_later_edition_leaves_the_splits_of_the_first_alone() -> None:
    first = _corpus(80)
    later = [
        replace(example, group=f"later-{example.group}", text=f"{_words(example.text)} new", edition=2) for example in first
    ]
    before, after = split(first), split([*later, *first])
    for name in ("train", "validation", "test"):
        old = {example.text for example in getattr(before, name)}
        assert {example.text for example in getattr(after, name) if example.edition == 1} == old
    assert any(example.edition == 2 for example in after.test)


def test_held_voices_train_and_tune_nothing() -> None:
    parts = split(_corpus(120))
    held = {example.voice for example in parts.test if "voice unseen" in example.slices}
    assert held
    assert not held & {example.voice for example in (*parts.train, *parts.validation)}


def test_splits_are_the_same_every_time_and_in_any_order() -> None:
    examples = _corpus(60)
    first, again = split(examples), split(examples[::-1])
    assert {example.text for example in first.test} == {example.text for example in again.test}


def test_doubles_of_other_sources_leave_training() -> None:
    examples = _corpus(80)
    test = split(examples).test[0]
    doubles = [_example(f"d{at}", f"{test.text} today", source="hypo") for at in range(30)]
    parts = split([*examples, *doubles])
    assert not [example for example in parts.train if example.source == "hypo"]


def test_doubles_within_a_source_are_one_group() -> None:
    line = "the same line about the flat and the letter that came"
    examples = [_example(f"s{at}", line + (" again" if at % 2 else ""), source="sad") for at in range(40)]
    parts = split(examples)
    assert sorted(map(len, (parts.train, parts.validation, parts.test))) == [0, 0, 40]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text("abcd ", max_size=12)), max_size=20))
def test_no_text_is_ever_lost_without_a_count(rows: list[tuple[str, str]]) -> None:
    examples = [_example(group, text) for group, text in rows]
    parts = split(examples)
    assert len(parts.train) + len(parts.validation) + len(parts.test) + parts.dropped == len(examples)
