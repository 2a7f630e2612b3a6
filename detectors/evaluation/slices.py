"""Slices that every row has, whatever its file says: length, person, position, style. Pure.

They are told by form alone and are rough on purpose: what they are for is to see where figures differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from detectors.contract import Speaker
from detectors.evaluation.rows import Row
from detectors.signals import Side

__all__ = ["derived", "natural", "with_derived"]

_LENGTHS: Final = ((4, "1 to 4 words"), (19, "5 to 19 words"), (79, "20 to 79 words"), (10**9, "80 words or more"))
_POSITIONS: Final = ((1, "first turn"), (3, "turns 2 and 3"), (10, "turns 4 to 10"), (10**9, "turn 11 or later"))
_BARE: Final = 4  # words of an answer that means nothing without its question
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_FIRST: Final = re.compile(r"\b(?:i|i'm|im|ive|i've|i'd|i'll|me|my|mine|myself)\b", re.IGNORECASE)
_THIRD: Final = re.compile(
    r"\b(?:he|she|they|him|her|them|his|their|he's|she's|they're|(?:my|a) (?:friend|sister|brother|mom|mum|mother|dad|"
    r"father|"
    r"son|daughter|wife|husband|partner|roommate|flatmate|neighbou?r|colleague|coworker|student|patient|cousin))\b",
    re.IGNORECASE,
)
_POINTS: Final = re.compile(r"[.,!?;:…]")
_EMOJI: Final = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]|(?<!\\w)(?::['-]?[()/|]|[:;]-?[dp])(?!\\w)", re.IGNORECASE)
_ALGOSPEAK: Final = re.compile(
    r"\b(?:unaliv\w*|un-aliv\w*|sewer ?slid\w*|kms|kys|ctb|sui ?cid3|su[1!]c[1!]de|suic[1!]de\w*|s[*#]+cid\w*|su[*#]+\w*|"
    r"k[1!*]ll\w*|k\*\*\w*|d[1!*]e|d[3*]ath|s3lf|sh (?:again|relapse)|self h4rm|h4rm|gr[a4]pe[ds]?|seggs|forever sleep|"
    r"grippy socks?|catch the bus|final sleep)(?!\w)",
    re.IGNORECASE,
)
_SPACED: Final = re.compile(r"(?<!\w)(?:[a-z][ .*_-]){3,}[a-z](?!\w)", re.IGNORECASE)
_LETTERS: Final = 8  # below which capitals say nothing


def with_derived(rows: Sequence[Row]) -> list[Row]:
    """The rows with their derived slices after their own."""
    return [replace(row, slices=tuple(dict.fromkeys((*row.slices, *derived(row))))) for row in rows]


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts "5 to 19 words" before "20 to 79 words"."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name))


def derived(row: Row) -> tuple[str, ...]:
    """The names of the derived slices that a row belongs to, each with its kind in front."""
    words = len(_WORD.findall(row.text))
    found = [f"length: {next(name for most, name in _LENGTHS if words <= most)}"]
    if row.side is Side.USER:
        found.append(f"person: {_person(row.text)}")
        if row.question is not None and words <= _BARE:
            found.append("bare answer to a question")
    turn = row.turn if row.turn else 1 + sum(one.speaker is _speaker(row.side) for one in row.context)
    found.append(f"position: {next(name for last, name in _POSITIONS if turn <= last)}")
    return (*found, *(f"style: {name}" for name in _styles(row.text, words)))


def _speaker(side: Side) -> Speaker:
    return Speaker.USER if side is Side.USER else Speaker.ASSISTANT


def _person(text: str) -> str:
    """Somebody else is spoken of even where "I" tells it: "I think my friend wants to die"."""
    if _THIRD.search(text):
        return "third beside first" if _FIRST.search(text) else "third"
    return "first" if _FIRST.search(text) else "none named"


def _styles(text: str, words: int) -> list[str]:
    found = []
    letters = [letter for letter in text if letter.isalpha()]
    if words > _BARE and not _POINTS.search(text):
        found.append("no punctuation")
    if _EMOJI.search(text):
        found.append("emoji")
    if _ALGOSPEAK.search(text) or _SPACED.search(text):
        found.append("algospeak")
    if len(letters) >= _LETTERS and all(letter.isupper() for letter in letters if letter.lower() != letter.upper()):
        found.append("all capitals")
    return found
