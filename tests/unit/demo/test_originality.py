"""The demo was not taken from what the detectors learnt from: otherwise it would show recall, not reading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import detectors
from guard.demo.script import load
from policies.completions.ladder import QUESTIONS
from policies.completions.sentences import KILLING

_ROOT = Path(detectors.__file__).parent
_SUFFIXES = {".py", ".yaml", ".yml", ".json", ".jsonl", ".txt", ".csv", ".tsv", ".md"}
_SHORTEST = 5  # words; a shorter line is nobody's
_ASKED_BY_ALL = {*QUESTIONS.values(), KILLING}  # the safety questions have fixed wordings, wherever they are asked


def plain(text: str) -> str:
    """Words only, lower case, so that neither quotes nor line breaks hide a copy."""
    return " ".join(re.findall(r"\w+", text.casefold()))


@cache
def sources() -> tuple[tuple[str, str], ...]:
    """Every text file of the detectors, normalised."""
    paths = sorted(path for path in _ROOT.rglob("*") if path.suffix in _SUFFIXES and path.is_file())
    return tuple((str(path), f" {plain(path.read_text('utf-8', 'replace'))} ") for path in paths)


def lines() -> Iterator[str]:
    """Every sentence that the demo's people say or its chatbot answers."""
    script = load()
    said = [text for talk in script.conversations for step in talk.steps for text in (step.say, step.reply, step.guided)]
    said += [text for replies in script.manners.values() for text in replies]
    for text in said:
        yield text
        yield from re.split(r"(?<=[.?!])\s+", text)


@pytest.mark.parametrize("line", sorted({line for line in lines() if len(line.split()) >= _SHORTEST} - _ASKED_BY_ALL))
def test_no_line_of_the_demo_stands_in_corpus_or_lexicon(line: str) -> None:
    """Whole lines and single sentences, compared word by word."""
    found = [path for path, text in sources() if f" {plain(line)} " in text]
    assert not found, f"{line!r} also stands in {found}"


def test_the_comparison_finds_what_is_there() -> None:
    """A sentence of a file that is read is found in it, however it is set."""
    assert any(" the lexicon tier " in text for _, text in sources())
