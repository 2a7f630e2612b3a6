"""An echo: the sense of what a person wrote, in one of a few safe clauses.

Nothing is ever copied from the message. A clause is chosen by the words that stand there, said in the first person and not
negated; where nothing fits, there is no echo.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["GISTS", "gist"]

_SELF: Final = re.compile(r"\b(?:i|i'm|im|i've|i'll|i'd|me|my|myself)\b")
_OTHERS: Final = re.compile(
    r"\b(?:my|a|his|her|their) (?:friend|brother|sister|mum|mom|dad|mother|father|son|daughter|partner|wife|husband|"
    r"boyfriend|girlfriend|roommate|cousin|uncle|aunt|teacher|boss|dog|cat)\b|\b(?:he|she|they)(?:'s| is|'re| are| feels?)\b"
)
_NOT: Final = re.compile(r"\b(?:not|never|no longer|isn't|aren't|don't|doesn't|didn't|wasn't|without)\W+(?:\w+\W+){0,2}$")
_WINDOW: Final = 2000
_CLAUSE: Final = re.compile(r"[^.!?;\n]+")

# (pattern, clause, whether a "not" before it turns it round)
GISTS: Final = (
    (re.compile(r"\b(?:no ?(?:one|body)) (?:would|will|'d)(?: even)? (?:notice|care|miss me)"),
     "you feel that nobody would notice", False),
    (re.compile(r"\b(?:no ?(?:one|body)) (?:even )?(?:cares|loves me|likes me|wants me)"),
     "you feel that nobody cares", False),
    (re.compile(r"\b(?:a|such a|just a) burden\b|\bbetter off without me\b"), "you feel like a burden to others", True),
    (re.compile(r"\b(?:can't|cant|cannot|can not) (?:take|do|handle|stand|bear) (?:this|it|life)\b"),
     "this has become too much to bear", False),
    (re.compile(r"\b(?:can't|cant|cannot|can not) go on\b"), "it is very hard to keep going", False),
    (re.compile(r"\btrapped\b|\bno way out\b|\bstuck in\b"), "you feel trapped", True),
    (re.compile(r"\bhopeless\b|\bno hope\b|\bno point\b|\bpointless\b|"
                r"\bnothing (?:will|ever) (?:ever )?(?:get|gets|change)"),
     "it is hard to see how things could get better", True),
    (re.compile(r"\bworthless\b|\bhate myself\b|\buseless\b"), "you feel bad about who you are", True),
    (re.compile(r"\b(?:so|completely|totally|all|really) alone\b|\blonely\b|\bhave no ?(?:one|body)\b"),
     "you feel very alone", True),
    (re.compile(r"\bexhausted\b|\b(?:so|just|really) tired\b|\btired of (?:everything|it all|living|life|being)\b"),
     "you are worn out", True),
    (re.compile(r"\b(?:haven't|havent|can't|cant|hardly|barely) (?:slept|sleep)\b"), "you get hardly any sleep", False),
    (re.compile(r"\bscared\b|\bterrified\b|\bfrightened\b"), "you are scared", True),
    (re.compile(r"\bnumb\b|\bempty inside\b|\bfeel (?:so )?empty\b"), "you feel numb and empty", True),
    (re.compile(r"\bashamed\b|\bso much shame\b"), "you feel ashamed", True),
)  # fmt: skip
"""Patterns over the lower-cased message, and the clause that each stands for."""


def gist(words: str) -> str | None:
    """A clause such as ``you feel trapped``, the first that fits, or ``None``. Reads at most 2,000 characters."""
    text = words[:_WINDOW].lower().replace("\u2019", "'")
    for sentence in _CLAUSE.findall(text):
        if not _SELF.search(sentence) or _OTHERS.search(sentence):
            continue
        for pattern, clause, turns in GISTS:
            match = pattern.search(sentence)
            if match and not (turns and _NOT.search(sentence[: match.start()])):
                return clause
    return None
