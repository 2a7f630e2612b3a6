"""Rules: the lines of ``words/*.txt``, read once and looked up by the words that a sentence holds."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from typing import Final

from detectors.lexicon.errors import LexiconError
from detectors.lexicon.patterns import Element, Pattern, PatternError, parse, row
from detectors.signals import SIGNALS

__all__ = ["Hit", "Rule", "Rules", "words_of"]

CLEAR: Final = 0.7
_HEADER: Final = re.compile(r"\[([\w.]+)((?: [\w-]+(?:=[\w.,-]+)?)*)\]")
_MACRO: Final = re.compile(r"(\w+) = (.+)")
_GRADE: Final = re.compile(r"(.*?)(?:\s+::\s+(0\.\d+|1\.0))?")
_TOKEN: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_EDGES: Final = string.whitespace + string.punctuation + "\u2026\u3002\uff01\uff1f\u0964"
_SIGN: Final = re.compile(r"[,;:()\"\u2026]|\.\.")
_MOST_HITS: Final = 4  # places of one rule that are looked at in one sentence

INTERNAL: Final = frozenset(
    (
        "idiom", "fiction", "topic", "denial", "trivial", "laughter", "serious", "now", "soon", "past", "recent",
        "resolve", "decided", "plan", "undertaking", "parting", "preparing", "moving", "method", "continuation", "means",
        "closing", "tie",
    )
)  # fmt: skip
"""Rule names that are no signals: they mask, qualify or prepare other signals."""


@dataclass(frozen=True)
class Rule:
    """One pattern: which signal it speaks for, how strongly, and what else its heading says of it."""

    signal: str
    grade: float
    pattern: Pattern
    options: dict[str, str]
    source: str = field(compare=False, default="")

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """Compiled at the first candidate: most rules never meet one."""
        return re.compile(self.pattern.expression)

    def find(self, sentence: str) -> Iterator[tuple[int, int]]:
        """Half-open spans in ``sentence``, at most a handful, without the signs that stand before and after the words."""
        for count, match in enumerate(self.expression.finditer(sentence)):
            if count == _MOST_HITS:
                return
            words = match.group()
            if "joined" in self.options and _SIGN.search(words.strip(_EDGES)):
                continue
            start = match.start() + len(words) - len(words.lstrip(_EDGES))
            yield start, start + len(words.strip(_EDGES))


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that matched, with its half-open span in the sentence."""

    rule: Rule
    start: int
    end: int


def _openings(source: str) -> list[str]:
    """A line that begins with ``{me}`` (I) or ``{being}`` (I am) also speaks of who leaves it out at a clause's start."""
    for short, long in (("{me} ", "{i} "), ("{being} ", "{im} ")):
        if source.startswith(short):
            rest = source.removeprefix(short)
            return [long + rest, "^ {adv}? {adv}? " + rest]
    return [source]


def words_of(text: str) -> list[str]:
    """The words of a normalised text; of a word with an apostrophe also what stands before it."""
    words = _TOKEN.findall(text)
    if "'" in text:
        words += [word.split("'")[0] for word in words if "'" in word]
    return words


class Rules:
    """The rules of some files, ready to be asked which of them match a sentence."""

    def __init__(self, names: Iterable[str]) -> None:
        """Reads ``words/NAME.txt`` for each name, in order; macros of earlier files hold in later ones.

        Raises :class:`~detectors.lexicon.errors.LexiconError` for a line that is not a rule.
        """
        macros: dict[str, Element] = {}
        self.rules: list[Rule] = []
        self._index: dict[str, list[tuple[int, tuple[frozenset[str], ...]]]] = {}
        folder = resources.files("detectors.lexicon").joinpath("words")
        for name in names:
            self._read(f"words/{name}.txt", folder.joinpath(f"{name}.txt").read_text("utf-8"), macros)
        for at, rule in enumerate(self.rules):
            for word in rule.pattern.anchors:
                self._index.setdefault(word, []).append((at, rule.pattern.needs))
        self._anchors = frozenset(self._index)

    def _read(self, where: str, text: str, macros: dict[str, Element]) -> None:
        signal, options = "", {}
        for number, raw in enumerate(text.splitlines(), 1):
            line = raw.split("#")[0].strip()
            if not line:
                continue
            if (header := _HEADER.fullmatch(line)) is not None:
                signal = header[1]
                if signal not in SIGNALS and signal not in INTERNAL:
                    raise LexiconError(where, number, f"there is no signal {signal!r}")
                options = dict(part.partition("=")[::2] for part in header[2].split())
                continue
            if (macro := _MACRO.fullmatch(line)) is not None:
                try:
                    macros[macro[1]] = row(macro[2], macros)
                except PatternError as error:
                    raise LexiconError(where, number, str(error)) from error
                continue
            if not signal:
                raise LexiconError(where, number, "a pattern stands before the first [signal]")
            source, grade = _GRADE.fullmatch(line).groups()  # type: ignore[union-attr]  # it matches every line
            value = float(grade or options.get("grade", CLEAR))
            try:
                for written in _openings(source):
                    for pattern in parse(written, macros):
                        self.rules.append(Rule(signal, value, pattern, options, f"{where}:{number}"))
            except PatternError as error:
                raise LexiconError(where, number, str(error)) from error

    def candidates(self, words: Iterable[str]) -> list[Rule]:
        """The rules that could match a sentence with these words, in the order of the files."""
        there = frozenset(words)
        chosen: set[int] = set()
        for word in self._anchors & there:
            for at, needs in self._index[word]:
                for need in needs:
                    if need.isdisjoint(there):
                        break
                else:
                    chosen.add(at)
        return [self.rules[at] for at in sorted(chosen)]

    def hits(self, sentence: str, words: Iterable[str]) -> list[Hit]:
        """Every match in one sentence, in the order of the files."""
        return [Hit(rule, start, end) for rule in self.candidates(words) for start, end in rule.find(sentence)]
