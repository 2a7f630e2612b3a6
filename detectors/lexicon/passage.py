"""A person's message as the lexicon sees it: its sentences with what rules found in them, and what frames them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from detectors.lexicon.clauses import clause_before, sentences
from detectors.lexicon.rules import INTERNAL, Hit, Rules, words_of

__all__ = ["Passage", "Sentence"]


@dataclass(frozen=True)
class Sentence:
    """One sentence of a normalised text, or a window of a long one, in which a rule matched.

    ``number``: its place in :attr:`Passage.sentences`. ``start``: where it begins in the text. ``hits``: of rules that speak
    for a signal. ``frames``: of rules that do not.
    """

    number: int
    text: str
    start: int
    hits: tuple[Hit, ...]
    frames: tuple[Hit, ...]

    def framed(self, name: str) -> bool:
        """Whether a rule of that internal name matched here."""
        return any(hit.rule.signal == name for hit in self.frames)

    def frame(self, name: str) -> Iterator[Hit]:
        """The matches of that internal name."""
        return (hit for hit in self.frames if hit.rule.signal == name)

    def before(self, hit: Hit) -> str:
        """The words of the same clause before a match."""
        return clause_before(self.text, hit.start)

    def words(self, hit: Hit) -> str:
        """The words that matched."""
        return self.text[hit.start : hit.end]


class Passage:
    """The sentences of one text in which something was found, in order."""

    def __init__(self, text: str, rules: Rules) -> None:
        self.text = text
        self.sentences = list(self._read(rules))

    def _read(self, rules: Rules) -> Iterator[Sentence]:
        number = 0
        for start, end in sentences(self.text):
            sentence = self.text[start:end]
            found = rules.hits(sentence, words_of(sentence))
            if found:
                hits = tuple(hit for hit in found if hit.rule.signal not in INTERNAL)
                frames = tuple(hit for hit in found if hit.rule.signal in INTERNAL)
                yield Sentence(number, sentence, start, hits, frames)
                number += 1

    def framed(self, name: str, **options: str) -> bool:
        """Whether a rule of that internal name, with these options in its heading, matched anywhere."""
        return any(
            hit.rule.signal == name and options.items() <= hit.rule.options.items()
            for sentence in self.sentences
            for hit in sentence.frames
        )

    @cached_property
    def made_up(self) -> bool:
        """It speaks of a story, a script or a song that somebody writes."""
        return self.framed("fiction", kind="made")

    @cached_property
    def watched(self) -> bool:
        """It speaks of a film, a book or a game."""
        return self.framed("fiction", kind="seen")

    @cached_property
    def topical(self) -> bool:
        """It speaks of the subject as such."""
        return self.framed("topic")

    @cached_property
    def serious(self) -> bool:
        """It says that it is meant."""
        return self.framed("serious")

    @cached_property
    def laughing(self) -> bool:
        """It laughs."""
        return self.framed("laughter")

    @cached_property
    def trivial(self) -> bool:
        """It names a small cause."""
        return self.framed("trivial")

    @cached_property
    def brief(self) -> bool:
        """It has no more than six words."""
        return len(self.text.split(None, 7)) <= 6
